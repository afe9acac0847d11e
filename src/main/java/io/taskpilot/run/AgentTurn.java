package io.taskpilot.run;

/** One whole answer of an agent; turns count from 1 for each agent. */
public record AgentTurn(Agent agent, int turn, AgentAnswer answer) {}
