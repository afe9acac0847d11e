"""The alerts on causes, by where an operator would look first."""

from rule import JOB, SERVERS, alert
from slos import KEPT

# What is scraped beside the servers, by the jobs of prometheus.yml and of the collector in a pod.
BESIDE = "opa|guardrails|otel-collector|metrics-exporter"
DECISIONS = "taskpilot_decision_logs_total"


def over(bad, total, by=""):
    """One rate as a share of another; both are selectors with their window."""
    return f"sum {by}(rate({bad}))\n/ sum {by}(rate({total}))"


def backups():
    """For an installation whose backups this product makes: elsewhere none is ever on record."""
    yield {"name": "taskpilot-backups", "rules": [never_backed_up()]}


def causes():
    yield {"name": "taskpilot-targets", "rules": list(targets())}
    yield {"name": "taskpilot-governance", "rules": list(governance())}
    yield {"name": "taskpilot-runs", "rules": list(runs())}
    yield {"name": "taskpilot-models", "rules": list(models())}
    yield {"name": "taskpilot-runtime", "rules": list(runtime())}
    yield {"name": "taskpilot-stores", "rules": list(stores())}
    yield {"name": "taskpilot-pipeline", "rules": list(pipeline())}


def targets():
    yield alert(
        "Watchdog",
        "prometheus",
        "info",
        None,
        "vector(1)",
        "Alerts reach you",
        "Fires always. When it stops arriving, Prometheus, Alertmanager or what is between them and you is broken.",
    )
    yield alert(
        "TaskPilotAbsent",
        "server",
        "critical",
        "5m",
        f"absent(up{{{JOB}}} == 1)",
        "No TaskPilot server can be scraped",
        "Prometheus knows no TaskPilot server, or none answers: the service is down, or its discovery is broken.",
    )
    yield alert(
        "TaskPilotTargetDown",
        "server",
        "warning",
        "5m",
        f"up{{{JOB}}} == 0",
        "TaskPilot server {{ $labels.instance }} cannot be scraped",
        "Its /metrics has not answered for 5 minutes.",
    )
    yield alert(
        "TaskPilotTargetDown",
        "dependencies",
        "warning",
        "5m",
        f'up{{job=~"{BESIDE}"}} == 0',
        "{{ $labels.job }} {{ $labels.instance }} cannot be scraped",
        "Its /metrics has not answered for 5 minutes: what rules and dashboards ask of it they do not learn.",
    )
    yield alert(
        "TaskPilotDeploymentDown",
        "server",
        "critical",
        "5m",
        f"kube_deployment_status_replicas_available{{{SERVERS}}} == 0",
        "None of the servers of {{ $labels.deployment }} is available",
        "For 5 minutes Kubernetes has had no ready pod of it. With the roles apart: gateways answer callers, agents drive runs.",
    )
    # The code that a server ends with then, ExitCode.HISTORY_LOST. Once is enough; its next end, for another reason, hides it.
    yield alert(
        "TaskPilotHistoryLost",
        "journal",
        "critical",
        None,
        'last_over_time((kube_pod_container_status_last_terminated_exitcode{container="taskpilot"} == 70)[6h:30s])',
        "PostgreSQL has lost what it had committed, as {{ $labels.pod }} has found",
        "Stop all servers now: whatever they do builds on what is not there. That one stopped itself, and was started again.",
    )
    yield alert(
        "TaskPilotRestartLoop",
        "server",
        "warning",
        None,
        f"changes(process_start_time_seconds{{{JOB}}}[30m]) > 2\n"
        'or increase(kube_pod_container_status_restarts_total{container="taskpilot"}[30m]) > 2',
        "TaskPilot server {{ or $labels.pod $labels.instance }} keeps restarting",
        "It was started again {{ $value | humanize }} times within half an hour.",
    )
    down = f"min by (dependency) (taskpilot_dependency_up{{{JOB},dependency%s}}) == 0"
    yield alert(
        "TaskPilotDependencyDown",
        "dependencies",
        "critical",
        "2m",
        down % '="postgres"',
        "{{ $labels.dependency }} is down",
        "A server has not been able to use PostgreSQL for 2 minutes: it accepts no runs, and those it has wait.",
    )
    yield alert(
        "TaskPilotDependencyDown",
        "dependencies",
        "warning",
        "5m",
        down % '!="postgres"',
        "{{ $labels.dependency }} is down",
        "A server has not been able to use {{ $labels.dependency }} for 5 minutes.",
    )
    yield alert(
        "TaskPilotCircuitOpen",
        "dependencies",
        "warning",
        "3m",
        f"max by (instance, dependency) (max_over_time(taskpilot_circuit_state{{{JOB}}}[2m])) == 2",
        "The circuit to {{ $labels.dependency }} is open on {{ $labels.instance }}",
        "Calls fail at once, without being made, but for one now and then that looks whether it is back.",
    )


def governance():
    by = "by (decision_type) "
    policy = f"taskpilot_policy_evaluation_seconds_count{{{JOB}%s}}[5m]"
    error = ',outcome="error"'
    kept = f'label_replace(rate({KEPT}[5m]), "decision_type", "ingress", "", "")'
    asked = f"sum {by}(rate({policy % ''}) or {kept})"
    yield alert(
        "TaskPilotPolicyEvaluationErrors",
        "policy",
        "critical",
        "2m",
        f"(sum {by}(rate({policy % error}))\n/ {asked}) > 0.1\nand sum {by}(increase({policy % error})) > 2",
        "Policy gives no verdicts ({{ $labels.decision_type }})",
        "{{ $value | humanizePercentage }} of evaluations fail. Nothing is allowed without a verdict: where it is about a"
        " tool_call runs end failed, where it is about ingress callers get 503.",
    )
    calls = f'{DECISIONS}{{{JOB},decision_type="tool_call"%s}}[10m]'
    deny = ',result="deny"'
    yield alert(
        "TaskPilotPolicyDenySpike",
        "policy",
        "warning",
        "10m",
        f"({over(calls % deny, calls % '')}) > 0.25\nand sum(increase({calls % ''})) > 20",
        "{{ $value | humanizePercentage }} of tool calls are denied by policy",
        "Usually a new policy, new instructions of an agent, or somebody who tries.",
    )
    rails = f'{DECISIONS}{{{JOB},decision_type=~"guardrails_.+"%s}}[5m]'
    yield alert(
        "TaskPilotGuardrailsBlocking",
        "guardrails",
        "warning",
        "5m",
        f"({over(rails % deny, rails % '', 'by (agent) ')}) > 0.05\nand sum by (agent) (increase({rails % ''})) > 20",
        "Guardrails block {{ $value | humanizePercentage }} of the texts of {{ or $labels.agent \"requests\" }}",
        "An attack, an agent that has changed, or a rail that is too tight.",
    )
    checks = f"taskpilot_guardrail_check_seconds_count{{{JOB}%s}}[5m]"
    yield alert(
        "TaskPilotGuardrailErrors",
        "guardrails",
        "warning",
        "5m",
        f"({over(checks % error, checks % '', by)}) > 0.05\nand sum {by}(increase({checks % error})) > 2",
        "Guardrails give no verdicts ({{ $labels.decision_type }})",
        "{{ $value | humanizePercentage }} of checks fail; guardrails.onError says what becomes of the runs.",
    )
    yield alert(
        "TaskPilotApprovalsWaiting",
        "approvals",
        "warning",
        "5m",
        f"max(taskpilot_approval_oldest_seconds{{{JOB}}}) > 1800",
        "An approval has waited for {{ $value | humanizeDuration }}",
        "People are asked and nobody answers. What is not answered in time expires, and its run is rejected.",
    )


def runs():
    pending = f"min_over_time(taskpilot_journal_pending_appends{{{JOB}}}[2m]) > 0"
    yield alert(
        "TaskPilotJournalStalled",
        "journal",
        "critical",
        "1m",
        f"{pending}\nunless on (job, instance) rate(taskpilot_journal_commit_seconds_count{{{JOB}}}[2m]) > 0",
        "The journal of {{ $labels.instance }} has stopped",
        "{{ $value }} appends or more have waited for minutes, and none was committed: its runs stand still.",
    )
    # A node with gateways alone has no places: with all agents gone, 0 of 0 are taken.
    waiting = f"max(min_over_time(taskpilot_admission_queue_depth{{{JOB}}}[5m])) > 0"
    begun = f"sum(increase(taskpilot_workflow_started_total{{{JOB}}}[5m])) > 0"
    full = f"(sum(taskpilot_admission_in_flight{{{JOB}}}) >= sum(taskpilot_admission_limit{{{JOB}}})) > 0"
    yield alert(
        "TaskPilotQueueStalled",
        "runs",
        "critical",
        "2m",
        f"{waiting}\nunless {begun}\nunless {full}",
        "Accepted runs wait, and none begins",
        "{{ $value }} runs or more have waited for 5 minutes though no server is full: no server with the role agents takes them.",
    )
    yield alert(
        "TaskPilotRunsStuck",
        "runs",
        "warning",
        "10m",
        f"taskpilot_runs_stuck{{{JOB}}} > 0",
        "{{ $value }} runs are stuck on {{ $labels.instance }}",
        "They are the server's own in the database, and nothing in it sees to them.",
    )
    yield alert(
        "TaskPilotTakeoverStorm",
        "runs",
        "warning",
        "15m",
        f'sum(increase(taskpilot_takeovers_total{{{JOB},reason="node_dead"}}[5m])) > 0',
        "Servers keep dying, and others take over their runs",
        "Runs of dead servers have been taken over for a quarter of an hour without a pause; one death is over in seconds.",
    )
    yield alert(
        "TaskPilotSheddingLoad",
        "admission",
        "warning",
        "5m",
        f'sum(rate(taskpilot_admission_rejected_total{{{JOB},reason="overload"}}[5m])) > 0.1',
        "Callers are refused as there is no room",
        "{{ $value | humanize }} a second find no room: no place in the queue of runs, no stream, no connection.",
    )
    yield alert(
        "TaskPilotStreamDrops",
        "streams",
        "warning",
        "10m",
        f'sum by (instance, transport) (rate(taskpilot_stream_dropped_events_total{{{JOB},kind="event"}}[5m])) > 1',
        "Streams of {{ $labels.instance }} drop events ({{ $labels.transport }})",
        "{{ $value | humanize }} events a second were read for streams whose reader does not read.",
    )


def models():
    requests = f"taskpilot_llm_request_duration_seconds_count{{{JOB}%s}}[10m]"
    failed = ',outcome!="success"'
    by = "by (provider, model) "
    yield alert(
        "TaskPilotLLMErrorRatioHigh",
        "llm",
        "warning",
        "10m",
        f"({over(requests % failed, requests % '', by)}) > 0.1\nand sum {by}(increase({requests % failed})) > 5",
        "{{ $value | humanizePercentage }} of the calls of {{ $labels.model }} at {{ $labels.provider }} fail",
        "The provider is down, limits us, or does not take the key.",
    )
    cost = f"increase(taskpilot_llm_cost_usd_total{{{JOB}}}"
    # Nothing is known of the day before in the first ones, and on the day after one without a call: it cost nothing then.
    before = f"(sum({cost}[1d] offset 1d)) or vector(0))"
    yield alert(
        "TaskPilotLLMSpendAnomaly",
        "llm",
        "warning",
        "15m",
        f"sum({cost}[1h])) > 5\nand sum({cost}[1h])) > 3 * {before} / 24",
        "Models cost ${{ $value | humanize }} in the last hour",
        "That is over three times what an hour cost the day before.",
    )


def runtime():
    yield alert(
        "TaskPilotEventLoopLag",
        "runtime",
        "warning",
        "10m",
        "histogram_quantile(0.99,"
        f" sum by (instance, le) (rate(taskpilot_event_loop_lag_seconds_bucket{{{JOB}}}[5m]))) > 0.1",
        "Event loops of {{ $labels.instance }} are late by {{ $value | humanizeDuration }}",
        "Something blocks them, or the CPU does not suffice; every client of this server waits.",
    )
    # A timer is late once for all the time that its loop stood still: a second of that is no percent of its ticks.
    yield alert(
        "TaskPilotEventLoopLag",
        "runtime",
        "warning",
        "5m",
        f"sum by (instance) (increase(taskpilot_event_loop_blocked_total{{{JOB}}}[5m])) > 3",
        "Event loops of {{ $labels.instance }} stand still again and again",
        "{{ $value | humanize }} times within 5 minutes one did not turn for over a second; its clients wait.",
        lag="blocked",
    )
    yield alert(
        "TaskPilotConnectionPoolSaturated",
        "journal",
        "warning",
        "5m",
        f'max by (instance, pool_name) (vertx_pool_queue_pending{{{JOB},pool_type="sql"}}) > 10',
        "Statements queue for PostgreSQL on {{ $labels.instance }}",
        "{{ $value }} wait for a connection of the pool {{ $labels.pool_name }}.",
    )
    heap = 'sum by (instance) (jvm_memory_%s_bytes{' + JOB + ',area="heap"}%s)'
    yield alert(
        "TaskPilotHeapPressure",
        "runtime",
        "warning",
        "5m",
        f"min_over_time(({heap % ('used', '')} / {heap % ('max', ' > 0')})[10m:1m]) > 0.9",
        "The heap of {{ $labels.instance }} is {{ $value | humanizePercentage }} full",
        "And was not emptier for 10 minutes, right after a collection either: it is about to run out of memory.",
    )
    hpa = 'horizontalpodautoscaler=~".*taskpilot.*"'
    yield alert(
        "TaskPilotHPAMaxedOut",
        "platform",
        "warning",
        "15m",
        f"kube_horizontalpodautoscaler_status_current_replicas{{{hpa}}}\n"
        f">= on (namespace, horizontalpodautoscaler) kube_horizontalpodautoscaler_spec_max_replicas{{{hpa}}}\n"
        f"> on (namespace, horizontalpodautoscaler) kube_horizontalpodautoscaler_spec_min_replicas{{{hpa}}}",
        "{{ $labels.horizontalpodautoscaler }} can grow no further",
        "It has had its most replicas, {{ $value }}, for a quarter of an hour.",
    )
    yield alert(
        "TaskPilotCertExpiry",
        "platform",
        "warning",
        "1h",
        '(certmanager_certificate_expiration_timestamp_seconds{name=~".*taskpilot.*"}'
        ' or probe_ssl_earliest_cert_expiry{job=~".*taskpilot.*"}) - time() < 1209600',
        "The certificate {{ or $labels.name $labels.instance }} expires in {{ $value | humanizeDuration }}",
        "It should have been renewed by now.",
    )


def stores():
    yield alert(
        "TaskPilotPartitionHeadroomLow",
        "journal",
        "warning",
        "1h",
        f"min(taskpilot_partition_headroom_days{{{JOB}}}) < 21",
        "The last partition of the journal ends in {{ $value | humanize }} days",
        "They are made three months ahead. Past the last one nothing can be committed.",
    )
    yield alert(
        "TaskPilotSealStale",
        "decisions",
        "warning",
        "15m",
        f"min(taskpilot_seal_age_seconds{{{JOB}}}) > 172800",
        "The decision log was last sealed {{ $value | humanizeDuration }} ago",
        "A day is sealed a quarter of an hour after its end. What is not sealed can be changed unseen.",
    )
    yield alert(
        "TaskPilotBackupStale",
        "backup",
        "warning",
        "15m",
        f"time() - max(taskpilot_backup_last_success_timestamp_seconds{{{JOB}}} > 0) > 93600",
        "The last backup is {{ $value | humanizeDuration }} old",
        "One is made every day.",
    )
    yield alert(
        "TaskPilotOPABundleStale",
        "policy",
        "warning",
        "5m",
        '(max by (instance, name) (last_bundle_request{job="opa"})'
        ' - max by (instance, name) (last_success_bundle_request{job="opa"})) / 1e9 > 600',
        "OPA {{ $labels.instance }} has not been able to ask for its bundle {{ $labels.name }}",
        "For {{ $value | humanizeDuration }}: it decides by the policy it has, and a new one does not arrive.",
    )


def never_backed_up():
    # A server that has just started knows of none for a moment.
    last = f"max(max_over_time(taskpilot_backup_last_success_timestamp_seconds{{{JOB}}}[1h]))"
    return alert(
        "TaskPilotBackupStale",
        "backup",
        "warning",
        "26h",
        f"{last} == 0",
        "No backup was ever made",
        "Since 26 hours ago there should have been one: they are on, and made every day.",
        last="never",
    )


def pipeline():
    # The installation's, and the one in the pod of each server.
    collector = 'job=~"otel-collector|metrics-exporter"'
    # With _total or without: that depends on its version and its settings.
    counter = '{__name__=~"otelcol_exporter_%s_failed_spans(_total)?",' + collector + "}"
    lost = "\nor ".join(
        f"sum by (job, instance, exporter) (rate({counter % how}[5m])) > 0" for how in ("send", "enqueue")
    )
    server = f"sum by (instance, signal, reason) (rate(taskpilot_telemetry_dropped_total{{{JOB}}}[5m])) > 0"
    yield alert(
        "TaskPilotTelemetryDropped",
        "telemetry",
        "warning",
        "10m",
        f"{lost}\nor {server}",
        "{{ if $labels.exporter }}Spans are lost on their way from {{ $labels.job }} to {{ $labels.exporter }}"
        "{{ else }}{{ $labels.instance }} loses {{ $labels.signal }} ({{ $labels.reason }}){{ end }}",
        "{{ $value | humanize }} a second"
        "{{ if $labels.exporter }} could not be delivered, or did not fit into the queue."
        "{{ else }}. queue_full: they come faster than they are taken. not_taken: whoever should take them refuses, or is not there."
        "{{ end }} Runs are not affected.",
    )
    yield alert(
        "TaskPilotCollectorQueueNearlyFull",
        "telemetry",
        "warning",
        "5m",
        f"max by (job, instance, exporter) (otelcol_exporter_queue_size{{{collector}}}"
        f" / otelcol_exporter_queue_capacity{{{collector}}}) > 0.8",
        "The queue from {{ $labels.job }} to {{ $labels.exporter }} is {{ $value | humanizePercentage }} full",
        "When it is full spans are lost.",
    )
