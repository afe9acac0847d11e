package io.taskpilot.app;

import picocli.CommandLine.Command;

@Command(name = "policy", description = "Tries a policy before it decides.", synopsisSubcommandLabel = "COMMAND")
final class PolicyCommand {}
