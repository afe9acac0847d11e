package io.taskpilot.journal;

import io.taskpilot.OnDocker;

@OnDocker
class AppendContainerTest extends AppendTest {}
