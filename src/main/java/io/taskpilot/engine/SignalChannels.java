package io.taskpilot.engine;

import java.util.UUID;

/**
 * Which channel carries what: every node must agree.
 *
 * @param count of the channels that changes of runs are spread over, so that a node hears of what it watches, not of all
 */
record SignalChannels(int count) {
    private static final int TEXT_CHANNELS = 16;
    private static final String TEXT = "taskpilot_text_";

    /** What every node listens to: runs to claim, runs to cancel. */
    String everybody() {
        return "taskpilot_all";
    }

    String of(UUID runId) {
        return "taskpilot_" + Math.floorMod(Long.hashCode(runId.getLeastSignificantBits()), count);
    }

    /** Of live text: finer, so that a node hears little of what it does not watch. */
    String ofText(UUID runId) {
        return TEXT + Math.floorMod(Long.hashCode(runId.getLeastSignificantBits()), count * TEXT_CHANNELS);
    }

    boolean isText(String channel) {
        return channel.startsWith(TEXT);
    }

    /** A node's own. */
    String ofNode(String sender) {
        return "taskpilot_node_" + sender;
    }
}
