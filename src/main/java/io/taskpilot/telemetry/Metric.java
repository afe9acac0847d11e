package io.taskpilot.telemetry;

import static io.taskpilot.telemetry.Definition.counter;
import static io.taskpilot.telemetry.Definition.gauge;
import static io.taskpilot.telemetry.Definition.info;
import static io.taskpilot.telemetry.Definition.powers;
import static io.taskpilot.telemetry.Definition.summary;
import static io.taskpilot.telemetry.Definition.timer;

/** Every metric of ours: the code records by it, {@code docs/metrics.md} is made of it, and tests compare scrapes with it. */
enum Metric {
    BUILD(info("taskpilot_build_info", "What runs here, and the version of the GenAI semantic conventions it speaks.")
            .by(Labels.VERSION, Labels.REVISION, Labels.JAVA, Labels.SEMCONV)),

    WORKFLOW_STARTED(counter("taskpilot_workflow_started_total", "Runs that began, each once.")
            .by(Labels.WORKFLOW)),
    WORKFLOW_COMPLETED(counter("taskpilot_workflow_completed_total", "Runs that ended, by their terminal status.")
            .by(Labels.WORKFLOW, Labels.RUN_OUTCOME)),
    WORKFLOW_DURATION(timer(
                    "taskpilot_workflow_duration_seconds",
                    "Time from accepted to ended, without the time in which a run waited for a person.",
                    Bounds.WORKFLOW)
            .by(Labels.WORKFLOW, Labels.RUN_OUTCOME)),
    WORKFLOW_ACTIVE(
            gauge("taskpilot_workflow_active", "Runs that this node drives.").by(Labels.WORKFLOW)),

    AGENT_DURATION(timer(
                    "taskpilot_agent_duration_seconds",
                    "Time of one turn of an agent: its model call, with the rail on its answer. Turns that this node broke off are not in it.",
                    Bounds.CALL)
            .by(Labels.AGENT, Labels.AGENT_OUTCOME)),
    TOOL_CALLS(counter(
                    "taskpilot_tool_calls_total",
                    "Tool calls by what became of them; one that waits for a person and then runs counts under both.")
            .by(Labels.TOOL, Labels.TOOL_OUTCOME)
            .when(Bounds.FIRST)),
    TOOL_DURATION(timer(
                    "taskpilot_tool_duration_seconds",
                    "Time that tools took; only calls that were made are in it.",
                    Bounds.CALL)
            .by(Labels.TOOL, Labels.TOOL_OUTCOME)
            .when(Bounds.FIRST)),

    DECISIONS(counter("taskpilot_decision_logs_total", "Rows of the decision log, once they are committed.")
            .by(Labels.DECISION_TYPE, Labels.RESULT, Labels.AGENT_IF_ANY)
            .when(Bounds.FIRST)),
    POLICY_EVALUATION(timer(
                    "taskpilot_policy_evaluation_seconds",
                    "Time until policy had a verdict, or a try for one failed; of tool calls also until it had said which may be offered.",
                    Bounds.CHECK)
            .by(Labels.POLICY_TYPE, Labels.POLICY_OUTCOME)),
    POLICY_CANDIDATE(counter(
                    "taskpilot_policy_candidate_total",
                    "Verdicts of policy beside what a policy on trial said of the same call.")
            .by(Labels.VERDICT, Labels.CANDIDATE)
            .when("`policy.mode: shadow`")),
    GUARDRAIL_CHECK(timer(
                    "taskpilot_guardrail_check_seconds",
                    "Time until the rails had a verdict on a text, or a try for one failed. Parts of an answer that is still being written are not in it.",
                    Bounds.CHECK)
            .by(Labels.RAIL_TYPE, Labels.RAIL_OUTCOME)),
    GUARDRAIL_BLOCKS(counter("taskpilot_guardrail_blocks_total", "Texts that a rail stopped.")
            .by(Labels.PHASE, Labels.RAIL, Labels.AGENT_IF_ANY)
            .when(Bounds.FIRST)),
    INGRESS_UNAUTHENTICATED(counter(
                    "taskpilot_ingress_unauthenticated_total",
                    "Requests of callers that nobody knows; they are on no record.")
            .by(Labels.STRANGER)),
    INGRESS_UNRECORDED(counter(
            "taskpilot_ingress_unrecorded_total",
            "Requests refused for the lack of a verdict of policy that are on no record: a sample is.")),
    INGRESS_COMMIT(timer(
            "taskpilot_ingress_commit_seconds",
            "Time to commit a batch of decisions on requests that were not let in.",
            Bounds.CHECK)),
    CACHE_REQUESTS(counter("taskpilot_cache_requests_total", "Verdicts that were looked for among those kept.")
            .by(Labels.CACHE, Labels.CACHE_RESULT)),

    JOURNAL_COMMIT(timer("taskpilot_journal_commit_seconds", "Time to commit a batch of the journal.", Bounds.CHECK)),
    JOURNAL_BATCH(summary(
            "taskpilot_journal_batch_rows", "Appends in a batch of the journal.", 1, 2, 5, 10, 25, 50, 100, 250, 500)),
    JOURNAL_PENDING(gauge("taskpilot_journal_pending_appends", "Appends that wait for their commit.")),

    TAKEOVERS(counter("taskpilot_takeovers_total", "Runs that this node took over from another.")
            .by(Labels.TAKEOVER_REASON)),
    FENCE_LOST(counter("taskpilot_fence_lost_total", "Appends refused because the run had another owner by then.")),
    RUNS_STUCK(gauge("taskpilot_runs_stuck", "Runs of this node in the database that nothing in it sees to.")),
    RUNS_HANDED_BACK(
            counter("taskpilot_runs_handed_back_total", "Runs that were stuck for so long that they were given back.")),
    RUNS_POISONED(
            counter("taskpilot_runs_poisoned_total", "Runs given up because node after node died while driving them.")),

    APPROVALS_PENDING(gauge(
                    "taskpilot_approvals_pending",
                    "Approvals without an answer, of all nodes: every node shows the same, so take the maximum.")
            .when(Bounds.AGENTS)),
    APPROVAL_OLDEST(gauge(
                    "taskpilot_approval_oldest_seconds",
                    "For how long the oldest of them has waited, 0 when none waits; the same on every node.")
            .when(Bounds.AGENTS)),
    APPROVAL_WAIT(timer(
            "taskpilot_approval_wait_seconds",
            "Time from the request for an approval to a person's answer.",
            1,
            10,
            60,
            300,
            1_800,
            3_600,
            21_600,
            86_400,
            604_800)),
    APPROVAL_ANNOUNCEMENTS(counter("taskpilot_approval_announcements_total", "Posts that tell of an approval.")
            .by(Labels.ANNOUNCEMENT)),

    PARTITION_HEADROOM(gauge(
                    "taskpilot_partition_headroom_days",
                    "Days until the last partition that is ready ends; not a number until it is known.")
            .when(Bounds.AGENTS)),
    SEAL_AGE(gauge(
                    "taskpilot_seal_age_seconds",
                    "Time since the end of the last day of the decision log with a seal; not a number until it is known.")
            .when(Bounds.AGENTS)),
    SEALS(counter("taskpilot_seals_total", "Seals of the decision log, and their copies.")
            .by(Labels.SEAL_OUTCOME)),
    SEAL_COPIES_PENDING(gauge("taskpilot_seal_copies_pending", "Seals that the object store does not have yet.")
            .when(Bounds.AGENTS)),
    BACKUP_LAST_SUCCESS(gauge(
                    "taskpilot_backup_last_success_timestamp_seconds",
                    "When the last backup that is on record in the database ended; 0 when there was none; "
                            + "not a number until it is known. The same on every node.")
            .when(Bounds.AGENTS)),
    TRACE_OBJECTS(counter("taskpilot_trace_archive_objects_total", "Traces of finished runs in the object store.")
            .by(Labels.TRACE_OUTCOME)),

    LLM_DURATION(timer(
                    "taskpilot_llm_request_duration_seconds",
                    "Time of one model call, with its retries and its wait for a connection.",
                    Bounds.CALL)
            .by(Labels.PROVIDER, Labels.MODEL, Labels.LLM_OUTCOME)
            .when(Bounds.FIRST)),
    LLM_FIRST_TOKEN(timer(
                    "taskpilot_llm_first_token_seconds",
                    "Time until the first piece of an answer that is streamed.",
                    Bounds.CALL)
            .by(Labels.PROVIDER, Labels.MODEL)
            .when("the first one whose text is streamed")),
    LLM_TOKENS(counter(
                    "taskpilot_llm_tokens_total",
                    "Tokens that models read and wrote. What came from the provider's cache is a part of input, "
                            + "reasoning a part of output.")
            .by(Labels.PROVIDER, Labels.MODEL, Labels.TOKEN_TYPE)
            .when(Bounds.FIRST)),
    LLM_COST(counter(
                    "taskpilot_llm_cost_usd_total",
                    "US dollars that model calls cost, by the price list; answers that were cut short are in it.")
            .by(Labels.PROVIDER, Labels.MODEL)
            .when(Bounds.FIRST)),
    LLM_RETRIES(
            counter("taskpilot_llm_retries_total", "Tries of a model call that failed and were followed by another.")
                    .by(Labels.PROVIDER, Labels.MODEL, Labels.RETRY_REASON)
                    .when(Bounds.FIRST)),

    STREAM_CONNECTIONS(gauge("taskpilot_stream_connections", "Open streams.").by(Labels.TRANSPORT)),
    STREAM_CLOSED(counter("taskpilot_stream_closed_total", "Streams that ended, by what ended them.")
            .by(Labels.TRANSPORT, Labels.CLOSE_REASON)),
    STREAM_DROPPED(counter(
                    "taskpilot_stream_dropped_events_total",
                    "Events that were read for a stream, and pieces of live text, that were not sent because its reader did not read.")
            .by(Labels.TRANSPORT, Labels.KIND)),
    STREAM_FIRST_EVENT(timer(
                    "taskpilot_stream_first_event_seconds",
                    "Time from the request for a stream to its first event, where there was one to send by then.",
                    Bounds.FIRST_EVENT)
            .by(Labels.TRANSPORT)),
    EXPORTS_CUT(counter("taskpilot_exports_cut_total", "Exports that ended before their end.")
            .by(Labels.CUT_REASON)),

    ADMISSION_REJECTED(counter(
                    "taskpilot_admission_rejected_total",
                    "Runs, streams and connections that were refused: for lack of room, too many of one key, "
                            + "a budget that is spent, or as the node is about to stop.")
            .by(Labels.REFUSAL)),
    ADMISSION_QUEUE_DEPTH(gauge(
            "taskpilot_admission_queue_depth",
            "Accepted runs of all nodes that wait for a node with room, as far as this node knows: take the maximum.")),
    ADMISSION_QUEUE_LIMIT(gauge("taskpilot_admission_queue_limit", "How many may wait.")),
    ADMISSION_LIMIT(gauge("taskpilot_admission_limit", "How many runs this node drives at a time.")),
    ADMISSION_IN_FLIGHT(gauge("taskpilot_admission_in_flight", "How many it drives now.")),

    SIGNALS_POSTED(counter("taskpilot_signals_posted_total", "Messages to other nodes that were taken.")),
    SIGNALS_DROPPED(counter(
                    "taskpilot_signals_dropped_total",
                    "Signals to other nodes that were given up, which these find out by polling, and pieces of live text, which they do not.")
            .by(Labels.SIGNAL_KIND)),
    SIGNALS_REOPENED(
            counter("taskpilot_signals_reopened_total", "Links to other nodes that broke and are tried again.")),

    DEPENDENCY_UP(gauge(
                    "taskpilot_dependency_up",
                    "Whether a dependency answers (1), if less well than it is meant to; only those in use are shown.")
            .by(Labels.DEPENDENCY)),
    CIRCUIT_STATE(gauge("taskpilot_circuit_state", "0 closed, 1 half open, 2 open: calls fail at once.")
            .by(Labels.CIRCUIT)
            .when("an engine outside, or a policy on trial")),
    EVENT_LOOP_LAG(timer("taskpilot_event_loop_lag_seconds", "How late timers on an event loop fire.", Bounds.CHECK)),
    EVENT_LOOP_BLOCKED(counter(
            "taskpilot_event_loop_blocked_total",
            "Times that one was over a second late; several at once count once.")),

    TELEMETRY_DROPPED(counter("taskpilot_telemetry_dropped_total", "Spans and log lines that nobody will see.")
            .by(Labels.SIGNAL, Labels.LOSS)),

    GENAI_OPERATION(timer("gen_ai_client_operation_duration_seconds", "GenAI operation duration.", Bounds.GENAI)
            .by(Labels.OPERATION, Labels.GENAI_PROVIDER, Labels.REQUEST_MODEL, Labels.RESPONSE_MODEL, Labels.ERROR_TYPE)
            .when(Bounds.SWITCH)),
    GENAI_TOKENS(summary("gen_ai_client_token_usage", "Number of input and output tokens used.", powers(1, 4, 14))
            .by(
                    Labels.OPERATION,
                    Labels.GENAI_PROVIDER,
                    Labels.REQUEST_MODEL,
                    Labels.RESPONSE_MODEL,
                    Labels.GENAI_TOKEN_TYPE)
            .when(Bounds.SWITCH)),
    GENAI_FIRST_CHUNK(timer(
                    "gen_ai_client_operation_time_to_first_chunk_seconds",
                    "Time to the first chunk of a streamed answer.",
                    Bounds.GENAI)
            .by(Labels.OPERATION, Labels.GENAI_PROVIDER, Labels.REQUEST_MODEL)
            .when(Bounds.SWITCH)),
    GENAI_WORKFLOW(timer(
                    "gen_ai_workflow_duration_seconds",
                    "GenAI workflow duration.",
                    1,
                    5,
                    10,
                    30,
                    60,
                    120,
                    300,
                    600,
                    1_800,
                    3_600,
                    7_200)
            .by(Labels.WORKFLOW_NAME, Labels.ERROR_TYPE)
            .when(Bounds.SWITCH)),
    GENAI_AGENT(timer("gen_ai_invoke_agent_duration_seconds", "Duration of one turn of an agent.", powers(0.1, 2, 13))
            .by(Labels.OPERATION, Labels.AGENT_NAME, Labels.ERROR_TYPE)
            .when(Bounds.SWITCH)),
    GENAI_TOOL(timer("gen_ai_execute_tool_duration_seconds", "Duration of a tool call.", Bounds.GENAI)
            .by(Labels.OPERATION, Labels.TOOL_NAME, Labels.ERROR_TYPE)
            .when(Bounds.SWITCH));

    @SuppressWarnings("ImmutableEnumChecker") // a record whose lists are copies
    private final Definition definition;

    Metric(Definition definition) {
        this.definition = definition;
    }

    Definition definition() {
        return definition;
    }

    /** Of buckets, in seconds, and the conditions that several metrics share. */
    private static final class Bounds {
        static final double[] WORKFLOW = {0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600};
        static final double[] CALL = {0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300};
        static final double[] CHECK = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5};
        static final double[] FIRST_EVENT = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30};
        static final double[] GENAI = powers(0.01, 2, 14);

        static final String FIRST = "the first one";
        static final String AGENTS = "the role `agents`";
        static final String SWITCH = "`telemetry.genai: true`";
    }
}
