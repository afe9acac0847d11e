package io.taskpilot.journal;

import io.taskpilot.OnDocker;

@OnDocker
class OwnershipContainerTest extends OwnershipTest {}
