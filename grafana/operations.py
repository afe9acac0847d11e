"""The dashboards about the machinery: gateway and streams, runtime, stores and pipeline."""

from panel import dashboard, gauge, graph, q, quantile, rate, row, stat, states, table
from product import CALM, CIRCUIT, UP

HTTP = "vertx_http_server_"
COLLECTOR = 'job=~"otel-collector|metrics-exporter"'  # the installation's, and the one in the pod of each server


def collector(what, by):
    """A counter of the collector: with _total or without, which depends on its version and its settings."""
    return f'sum {by}(rate({{__name__=~"otelcol_{what}(_total)?",{COLLECTOR}}}[$__rate_interval]))'


def mean(metric, by):
    """Of a summary or timer of our servers."""
    return f"{rate(metric + '_sum', by=by)} / {rate(metric + '_count', by=by)}"


def gateway():
    users = 'route!~"/health.*|/metrics"'
    short = 'route!~".+#.+|/v1/ws|/health.*|/metrics"'
    stream = 'transport=~"sse|websocket"'
    return dashboard(
        "taskpilot-gateway",
        "TaskPilot / Gateway & streams",
        "HTTP, Server-Sent Events and WebSockets, as the servers see them.",
        row(
            "HTTP",
            graph(
                "Requests by route",
                "Templates of routes; probes and scrapes left out.",
                "reqps",
                q(rate(HTTP + "response_time_seconds_count", users, by="by (method, route) "), "{{method}} {{route}}"),
                stack=True,
            ),
            graph(
                "Requests by status",
                "5xx count against the objective of the API, 4xx are the callers'.",
                "reqps",
                q(rate(HTTP + "response_time_seconds_count", users, by="by (code) "), "{{code}}"),
                stack=True,
            ),
            graph(
                "Time to answer",
                "P95 by route; left out is what takes as long as its reader wants: streams, and waiting for a run.",
                "s",
                q(quantile(0.95, HTTP + "response_time_seconds", short, by="route"), "{{route}}"),
            ),
            graph(
                "Requests under way",
                "Streams are requests too.",
                "none",
                q(gauge(HTTP + "active_requests", by="by (instance) "), "{{instance}}"),
            ),
            graph(
                "Size of requests",
                "Mean, by method.",
                "bytes",
                q(mean(HTTP + "request_bytes", "by (method) "), "{{method}}"),
            ),
            graph(
                "Size of answers",
                "Mean, by route.",
                "bytes",
                q(mean(HTTP + "response_bytes", "by (route) "), "{{route}}"),
            ),
        ),
        row(
            "Streams",
            graph(
                "Open streams",
                "By transport.",
                "none",
                q(gauge("taskpilot_stream_connections", by="by (transport) "), "{{transport}}"),
                stack=True,
            ),
            graph(
                "First event",
                "From the request to the first event of a run.",
                "s",
                q(quantile(0.5, "taskpilot_stream_first_event_seconds", by="transport"), "p50 {{transport}}"),
                q(quantile(0.95, "taskpilot_stream_first_event_seconds", by="transport"), "p95 {{transport}}", True),
            ),
            graph(
                "Why streams end",
                "complete and client_gone are normal, draining is a deploy, slow_reader a client that does not read.",
                "cps",
                q(rate("taskpilot_stream_closed_total", stream, by="by (transport, reason) "), "{{transport}} {{reason}}"),
            ),
            graph(
                "Events dropped",
                "event: read for a stream whose reader did not read; it gets them when it comes back. text: of an answer that is "
                "being written, for a reader who does not keep up; the answer has it.",
                "cps",
                q(rate("taskpilot_stream_dropped_events_total", by="by (transport, kind) "), "{{transport}} {{kind}}"),
            ),
            graph(
                "Connections",
                "Open, and of these WebSockets.",
                "none",
                q(gauge(HTTP + "active_connections"), "all"),
                q(gauge(HTTP + "active_ws_connections"), "websocket"),
            ),
            graph(
                "Refused",
                "Requests that were not let in, by reason.",
                "reqps",
                q(rate("taskpilot_admission_rejected_total", by="by (reason) "), "{{reason}}"),
            ),
        ),
    )


def runtime():
    each = "by (instance) "
    return dashboard(
        "taskpilot-runtime",
        "TaskPilot / Runtime",
        "Event loops, pools, memory and CPU of each server.",
        row(
            "Event loops",
            graph(
                "Lag",
                "How late a timer of an event loop runs, P99. 0.1 s for ten minutes makes an alert.",
                "s",
                q(quantile(0.99, "taskpilot_event_loop_lag_seconds", by="instance"), "{{instance}}"),
            ),
            graph(
                "Blocked",
                "Times that a loop did not turn for over a second; the log has a warning from 2 s, and the stack from 5 s. "
                "Four in five minutes make an alert.",
                "cps",
                q(rate("taskpilot_event_loop_blocked_total", by=each), "{{instance}}"),
            ),
            graph(
                "Threads",
                "Live ones.",
                "none",
                q(gauge("jvm_threads_live_threads", by=each), "{{instance}}"),
            ),
        ),
        row(
            "Pools",
            graph(
                "In use",
                "By pool: connections to PostgreSQL (sql), HTTP clients, threads that may block (worker).",
                "none",
                q(gauge("vertx_pool_in_use", by="by (pool_type, pool_name) "), "{{pool_type}} {{pool_name}}"),
            ),
            graph(
                "Waiting",
                "For a connection or a thread.",
                "none",
                q(gauge("vertx_pool_queue_pending", by="by (pool_type, pool_name) "), "{{pool_type}} {{pool_name}}"),
            ),
            graph(
                "Time in the queue",
                "Mean wait for one.",
                "s",
                q(mean("vertx_pool_queue_time_seconds", "by (pool_type, pool_name) "), "{{pool_type}} {{pool_name}}"),
            ),
            graph(
                "HTTP clients: requests under way",
                "To a model, OPA, guardrails, webhooks or a store.",
                "none",
                q(gauge("vertx_http_client_active_requests", by="by (client_name) "), "{{client_name}}"),
            ),
            graph(
                "HTTP clients: time to an answer",
                "Mean, by whom is asked and the status.",
                "s",
                q(mean("vertx_http_client_response_time_seconds", "by (client_name, code) "), "{{client_name}} {{code}}"),
            ),
        ),
        row(
            "Memory",
            graph(
                "Heap",
                "Used, of what it may use.",
                "bytes",
                q(gauge("jvm_memory_used_bytes", 'area="heap"', by=each), "used {{instance}}"),
                q(gauge("jvm_memory_max_bytes", 'area="heap"', by=each), "max {{instance}}"),
            ),
            graph(
                "Time in collections",
                "The share of each second that a collector stopped the process.",
                "percentunit",
                q(rate("jvm_gc_pause_seconds_sum", by="by (instance, cause) "), "{{instance}} {{cause}}"),
            ),
            graph(
                "Direct memory",
                "Buffers outside the heap.",
                "bytes",
                q(gauge("jvm_buffer_memory_used_bytes", by="by (instance, id) "), "{{instance}} {{id}}"),
            ),
            graph(
                "Allocated",
                "Bytes a second.",
                "Bps",
                q(rate("jvm_gc_memory_allocated_bytes_total", by=each), "{{instance}}"),
            ),
        ),
        row(
            "Machine",
            graph(
                "CPU",
                "Of the process, and of its machine or container.",
                "percentunit",
                q(gauge("process_cpu_usage", by=each), "process {{instance}}"),
                q(gauge("system_cpu_usage", by=each), "system {{instance}}"),
            ),
            graph(
                "CPU throttled",
                "The share of periods in which the container was held back, where cAdvisor is scraped.",
                "percentunit",
                q(
                    'sum by (pod) (rate(container_cpu_cfs_throttled_periods_total{container="taskpilot"}[$__rate_interval]))'
                    ' / sum by (pod) (rate(container_cpu_cfs_periods_total{container="taskpilot"}[$__rate_interval]))',
                    "{{pod}}",
                ),
            ),
            graph(
                "File descriptors",
                "Open, of what may be open.",
                "percentunit",
                q(
                    f"{gauge('process_files_open_files', by=each)} / {gauge('process_files_max_files', by=each)}",
                    "{{instance}}",
                ),
            ),
            stat(
                "Up since",
                "When each was started.",
                "dateTimeAsIso",
                q(f"1000 * {gauge('process_start_time_seconds', how='max', by=each)}", "{{instance}}", instant=True),
                width=12,
            ),
            table(
                "Builds",
                "What runs where.",
                "none",
                q(gauge("taskpilot_build_info", by="by (instance, version, revision, java) ")),
                width=12,
            ),
        ),
    )


def pipeline():
    sql = 'pool_type="sql"'
    return dashboard(
        "taskpilot-pipeline",
        "TaskPilot / Stores & pipeline",
        "PostgreSQL, Redis, the archive, and the way that telemetry takes.",
        row(
            "PostgreSQL",
            graph(
                "Commits of the journal",
                "One commit has the appends of many runs.",
                "s",
                q(quantile(0.5, "taskpilot_journal_commit_seconds"), "p50"),
                q(quantile(0.99, "taskpilot_journal_commit_seconds"), "p99"),
            ),
            graph(
                "Rows of a commit",
                "Mean: batches grow under load.",
                "none",
                q(mean("taskpilot_journal_batch_rows", "by (instance) "), "{{instance}}"),
            ),
            graph(
                "Appends waiting",
                "For their commit.",
                "none",
                q(gauge("taskpilot_journal_pending_appends", by="by (instance) "), "{{instance}}"),
            ),
            graph(
                "Connections",
                "In use, and statements that wait for one.",
                "none",
                q(gauge("vertx_pool_in_use", sql, by="by (pool_name) "), "in use {{pool_name}}"),
                q(gauge("vertx_pool_queue_pending", sql, by="by (pool_name) "), "waiting {{pool_name}}"),
            ),
            graph(
                "Days of partitions left",
                "Made three months ahead; under 21 makes an alert.",
                "d",
                q(gauge("taskpilot_partition_headroom_days", how="min"), "left"),
            ),
            stat(
                "Age of the last backup",
                "None is shown until one was made.",
                "s",
                q(f"time() - ({gauge('taskpilot_backup_last_success_timestamp_seconds', how='max')} > 0)", "backup"),
            ),
        ),
        row(
            "Runs between servers",
            graph(
                "Take-overs",
                "Runs that another server went on with, by why it had to.",
                "cps",
                q(rate("taskpilot_takeovers_total", by="by (reason) "), "{{reason}}"),
            ),
            stat(
                "Stuck runs",
                "In the database a server's own, and nothing in it sees to them.",
                "none",
                q(gauge("taskpilot_runs_stuck", by="by (instance) "), "{{instance}}"),
                width=4,
                steps=CALM,
            ),
            graph(
                "Fences lost, runs given up",
                "Appends refused as the run is another's; runs that servers died of.",
                "cps",
                q(rate("taskpilot_fence_lost_total"), "fence lost"),
                q(rate("taskpilot_runs_poisoned_total"), "given up"),
                width=6,
            ),
            graph(
                "Signals",
                "Between servers, through Redis or PostgreSQL; a dropped signal is found by polling, a dropped text is not shown.",
                "cps",
                q(rate("taskpilot_signals_posted_total"), "posted"),
                q(rate("taskpilot_signals_dropped_total", by="by (kind) "), "dropped {{kind}}"),
                q(rate("taskpilot_signals_reopened_total"), "reopened"),
                width=6,
            ),
        ),
        row(
            "Archive and seals",
            graph(
                "Traces archived",
                "By outcome.",
                "cps",
                q(rate("taskpilot_trace_archive_objects_total", by="by (outcome) "), "{{outcome}}"),
            ),
            graph(
                "Age of the last seal",
                "Of the decision log. Two days make an alert.",
                "s",
                q(gauge("taskpilot_seal_age_seconds", how="min"), "age"),
            ),
            graph(
                "Seals",
                "By outcome: a conflict means that the store has another seal of that day. Pending are copies it lacks.",
                "none",
                q(rate("taskpilot_seals_total", by="by (outcome) ", how="increase"), "{{outcome}}"),
                q(gauge("taskpilot_seal_copies_pending", how="max"), "pending"),
            ),
            states(
                "Stores up",
                "As the servers see them.",
                UP,
                q(
                    gauge("taskpilot_dependency_up", 'dependency=~"postgres|redis|objects"', how="min", by="by (dependency) "),
                    "{{dependency}}",
                ),
                width=12,
            ),
            states(
                "Circuits",
                "Of what is asked over HTTP.",
                CIRCUIT,
                q(gauge("taskpilot_circuit_state", how="max", by="by (dependency) "), "{{dependency}}"),
                width=12,
            ),
        ),
        row(
            "Collector",
            graph(
                "Spans received",
                "Accepted and refused, by the collector and by those in the servers' pods (metrics-exporter).",
                "cps",
                q(collector("receiver_accepted_spans", "by (job, receiver) "), "{{job}} accepted {{receiver}}"),
                q(collector("receiver_refused_spans", "by (job, receiver) "), "{{job}} refused {{receiver}}"),
            ),
            graph(
                "Spans sent",
                "By exporter: delivered, failed, and those that did not fit into the queue.",
                "cps",
                q(collector("exporter_sent_spans", "by (job, exporter) "), "{{job}} sent {{exporter}}"),
                q(collector("exporter_send_failed_spans", "by (job, exporter) "), "{{job}} failed {{exporter}}"),
                q(collector("exporter_enqueue_failed_spans", "by (job, exporter) "), "{{job}} no room {{exporter}}"),
            ),
            graph(
                "Queue",
                "The share that is in use, by exporter.",
                "percentunit",
                q(
                    f"max by (job, exporter) (otelcol_exporter_queue_size{{{COLLECTOR}}}"
                    f" / otelcol_exporter_queue_capacity{{{COLLECTOR}}})",
                    "{{job}} {{exporter}}",
                ),
            ),
        ),
        row(
            "Prometheus",
            table(
                "Targets",
                "1 answers its scrapes, 0 does not.",
                "none",
                q('sum by (job, instance) (up{job=~".+"})'),
                width=12,
            ),
            graph(
                "Series",
                "That Prometheus holds, and samples it takes in a second.",
                "none",
                q('prometheus_tsdb_head_series{job="prometheus"}', "series"),
                q('rate(prometheus_tsdb_head_samples_appended_total{job="prometheus"}[$__rate_interval])', "samples"),
                width=6,
            ),
            graph(
                "Notifications",
                "Alerts sent to Alertmanager, and not delivered.",
                "cps",
                q('rate(prometheus_notifications_sent_total{job="prometheus"}[$__rate_interval])', "sent"),
                q('rate(prometheus_notifications_errors_total{job="prometheus"}[$__rate_interval])', "errors"),
                width=6,
            ),
        ),
    )
