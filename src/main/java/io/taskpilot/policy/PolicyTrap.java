package io.taskpilot.policy;

/** The module, or the host on its behalf, gave up in the middle of a call. */
final class PolicyTrap extends RuntimeException {
    private static final long serialVersionUID = 1L;

    PolicyTrap(String message) {
        super(message, null, false, false); // where in generated code it happened tells nobody anything
    }
}
