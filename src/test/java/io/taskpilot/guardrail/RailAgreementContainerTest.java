package io.taskpilot.guardrail;

import io.taskpilot.OnDocker;

@OnDocker
class RailAgreementContainerTest extends RailAgreementTest {}
