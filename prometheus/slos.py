"""The service level objectives, as series that Sloth's dashboards know and alerts on the burn of their budgets."""

from rule import FIRST_EVENT, JOB, LATENCY, alert, record

USERS = 'route!~"/v1/ws|/health.*|/metrics"'  # probes are no users
# Who waits for a run gets its failure as the answer, and a stream was let in: both are requests, and none is an error.
ANSWERED = 'route!~".+#.+|/v1/ws|/health.*|/metrics"'
WINDOWS = ["5m", "30m", "1h", "2h", "6h", "1d", "3d"]
# A burn of the long window that pages or makes a ticket, confirmed by the short one.
PAGE = [("1h", "5m", 14.4), ("6h", "30m", 6)]
TICKET = [("1d", "2h", 3), ("3d", "6h", 1)]
FEWEST = 5  # bad events in the long window: one failed run at night is 100% of the traffic, and nobody's emergency

HTTP = "vertx_http_server_response_time_seconds_count"
RUNS = "taskpilot_workflow_completed_total"
DURATION = "taskpilot_workflow_duration_seconds"
POLICY = "taskpilot_policy_evaluation_seconds_count"
RAILS = "taskpilot_guardrail_check_seconds_count"
# Verdicts on the API that are kept for a second. Each request without a verdict counts: without these they stood against few of many.
KEPT = f'taskpilot_cache_requests_total{{{JOB},cache="ingress",result="hit"}}'
FIRST = "taskpilot_stream_first_event_seconds"


class Slo:
    def __init__(self, name, objective, bad, total, impact="", alerts=True):
        self.name, self.objective, self.bad, self.total = name, objective, bad, total
        self.impact, self.alerts = impact, alerts
        self.id = "taskpilot-" + name
        self.labels = {"sloth_id": self.id, "sloth_service": "taskpilot", "sloth_slo": name}
        self.selector = '{sloth_id="%s"}' % self.id
        self.title = "".join(word.capitalize() for word in name.split("-"))


SLOS = [
    Slo(
        "api-availability",
        0.999,
        f'sum(rate({HTTP}{{{JOB},code=~"5..",{ANSWERED}}}[W]))',
        f"sum(rate({HTTP}{{{JOB},{USERS}}}[W]))",
        "API requests are answered 5xx",
    ),
    Slo(
        "workflow-success",
        0.99,
        f'sum(rate({RUNS}{{{JOB},outcome=~"failed|timed_out"}}[W]))',
        f'sum(rate({RUNS}{{{JOB},outcome!="cancelled"}}[W]))',
        "runs fail or time out",
    ),
    Slo(
        "workflow-latency",
        0.95,
        f'sum(rate({DURATION}_count{{{JOB},outcome="succeeded"}}[W]))'
        f' - sum(rate({DURATION}_bucket{{{JOB},outcome="succeeded",{LATENCY}}}[W]))',
        f'sum(rate({DURATION}_count{{{JOB},outcome="succeeded"}}[W]))',
        "successful runs take longer than the objective allows",
    ),
    Slo(
        "policy-and-guardrail-evaluation",
        0.999,
        f'sum(rate({POLICY}{{{JOB},outcome="error"}}[W]) or rate({RAILS}{{{JOB},outcome="error"}}[W]))',
        f"sum(rate({POLICY}{{{JOB}}}[W]) or rate({RAILS}{{{JOB}}}[W]) or rate({KEPT}[W]))",
        "questions to policy and guardrails get no verdict",
    ),
    Slo(
        "stream-first-event",
        0.95,
        f"sum(rate({FIRST}_count{{{JOB}}}[W])) - sum(rate({FIRST}_bucket{{{JOB},{FIRST_EVENT}}}[W]))",
        f"sum(rate({FIRST}_count{{{JOB}}}[W]))",
        alerts=False,
    ),
]


def window(expr, length):
    return expr.replace("[W]", f"[{length}]")


def series(slo):
    """The names and labels that sloth.dev gives them, so that its dashboards work."""
    s = slo.selector
    for length in WINDOWS:
        ratio = f"(({window(slo.bad, length)}) or vector(0)) / ({window(slo.total, length)} > 0)"
        yield record(f"slo:sli_error:ratio_rate{length}", ratio, {**slo.labels, "sloth_window": length})
    month = (
        f"sum_over_time(slo:sli_error:ratio_rate5m{s}[30d])"
        f" / count_over_time(slo:sli_error:ratio_rate5m{s}[30d])"
    )
    yield record("slo:sli_error:ratio_rate30d", month, {**slo.labels, "sloth_window": "30d"})
    yield record("slo:objective:ratio", f"vector({slo.objective})", slo.labels)
    yield record("slo:error_budget:ratio", f"1 - slo:objective:ratio{s}", slo.labels)
    yield record("slo:time_period:days", "vector(30)", slo.labels)
    budget = f"/ on (sloth_id) group_left () slo:error_budget:ratio{s}"
    yield record("slo:current_burn_rate:ratio", f"slo:sli_error:ratio_rate5m{s} {budget}", slo.labels)
    yield record("slo:period_burn_rate:ratio", f"slo:sli_error:ratio_rate30d{s} {budget}", slo.labels)
    remaining = f"1 - slo:period_burn_rate:ratio{s}"
    yield record("slo:period_error_budget_remaining:ratio", remaining, slo.labels)
    info = {**slo.labels, "sloth_mode": "cli-gen-prom", "sloth_spec": "prometheus/v1", "sloth_version": "none"}
    yield record("sloth_slo_info", "vector(1)", info)


def burns(slo, pairs):
    """Where both windows burn, and enough was bad in the long one; the value is the burn of the long one."""
    s = slo.selector
    each = []
    for long, short, factor in pairs:
        budget = f"/ on (sloth_id, sloth_service, sloth_slo) slo:error_budget:ratio{s}"
        each.append(
            f"(slo:sli_error:ratio_rate{long}{s} {budget} > {factor}\n"
            f"  and on (sloth_id) slo:sli_error:ratio_rate{short}{s} {budget} > {factor}\n"
            f"  and on (sloth_id) taskpilot:slo_bad_events:increase{long}{s} >= {FEWEST})"
        )
    return "\nor on (sloth_id)\n".join(each)


def budget_alerts(slo):
    for pace, severity, pairs, wait in (("Fast", "critical", PAGE, None), ("Slow", "warning", TICKET, "15m")):
        yield alert(
            f"TaskPilot{slo.title}BudgetBurn{pace}",
            "slo",
            severity,
            wait,
            burns(slo, pairs),
            f"The error budget of {slo.name} burns {'fast' if pace == 'Fast' else 'slowly'}",
            f"Too many {slo.impact}: the budget of 30 days burns {{{{ $value | humanize }}}} times as fast as it lasts.",
            slo=slo.name,
            sloth_severity="page" if severity == "critical" else "ticket",
        )


def slo_group(slo):
    rules = list(series(slo))
    if slo.alerts:
        for length in ("1h", "6h", "1d", "3d"):
            bad = window(slo.bad, length).replace("rate(", "increase(")
            rules.append(record(f"taskpilot:slo_bad_events:increase{length}", bad, slo.labels))
        rules.extend(budget_alerts(slo))
    return {"name": f"taskpilot-slo-{slo.name}", "rules": rules}
