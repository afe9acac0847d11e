package io.taskpilot.run;

/** The reviewer's three words. */
public enum ReviewVerdict {
    APPROVE,
    REJECTED,
    REVIEW
}
