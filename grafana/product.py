"""The dashboards about what TaskPilot does: overview, governance, models, one workflow."""

from panel import (
    JAEGER,
    OURS,
    TEMPO,
    bars,
    dashboard,
    gauge,
    graph,
    heatmap,
    logs,
    q,
    quantile,
    rate,
    row,
    stat,
    states,
    table,
    traces,
    variable,
)

UP = [(0, "down", "red"), (1, "up", "green")]
CIRCUIT = [(0, "closed", "green"), (1, "half open", "yellow"), (2, "open", "red")]
BUDGET = [{"color": "red", "value": None}, {"color": "orange", "value": 0.1}, {"color": "green", "value": 0.5}]
CALM = [{"color": "green", "value": None}, {"color": "orange", "value": 1}]
RUNS = "taskpilot_workflow_completed_total"
DECISIONS = "taskpilot_decision_logs_total"
BLOCKS = "taskpilot_guardrail_blocks_total"
TOOLS = "taskpilot_tool_calls_total"
COST = "taskpilot_llm_cost_usd_total"
LLM = "taskpilot_llm_request_duration_seconds"
CACHES = "taskpilot_cache_requests_total"
POLICY = "taskpilot_policy_evaluation_seconds"
RAILS = "taskpilot_guardrail_check_seconds"
OPA = 'http_request_duration_seconds_bucket{job="opa",handler="v1/data"}[$__rate_interval]'
NEMO = 'guardrails_request_seconds_bucket{job="guardrails",path="/v1/checks"}[$__rate_interval]'
SLO = '{sloth_service="taskpilot"}'
DENIALS = "event.dataset:taskpilot.decision AND event.outcome:failure"


def ratio(bad, total):
    return f"({bad} or vector(0)) / ({total} > 0)"


def overview():
    failed = 'outcome=~"failed|timed_out"'
    return dashboard(
        "taskpilot-overview",
        "TaskPilot / Overview",
        "Whether it does what it promises, and where to look when it does not.",
        row(
            "Objectives",
            stat(
                "Error budget left",
                "Of 30 days. At 0 the objective is missed.",
                "percentunit",
                q(f"slo:period_error_budget_remaining:ratio{SLO}", "{{sloth_slo}}"),
                width=10,
                steps=BUDGET,
            ),
            graph(
                "Burn rate",
                "How many times as fast as it lasts the budget is used up, over 5 minutes. 14.4 for an hour pages.",
                "none",
                q(f"slo:current_burn_rate:ratio{SLO}", "{{sloth_slo}}"),
            ),
            table(
                "Active alerts",
                "What fires now; each has a runbook, docs/runbooks.",
                "none",
                q('sum by (alertname, severity) (ALERTS{alertname=~"TaskPilot.+|Watchdog",alertstate="firing"})'),
                width=6,
            ),
        ),
        row(
            "Traffic",
            graph(
                "Runs by outcome",
                "Runs that ended. Rejected and blocked is correct behaviour, failed is not.",
                "reqps",
                q(rate(RUNS, by="by (workflow, outcome) "), "{{workflow}} {{outcome}}"),
                stack=True,
            ),
            graph(
                "Runs in flight",
                "Runs that servers drive now, and those that wait for one with room.",
                "none",
                q(gauge("taskpilot_workflow_active", by="by (workflow) "), "{{workflow}}"),
                q(gauge("taskpilot_admission_queue_depth", how="max"), "waiting"),
            ),
            graph(
                "Refused",
                "Requests that were not let in, by reason: overload is ours, the rest the caller's.",
                "reqps",
                q(rate("taskpilot_admission_rejected_total", by="by (reason) "), "{{reason}}"),
            ),
        ),
        row(
            "Latency",
            heatmap(
                "Duration of runs",
                "Accepted to ended, without the time that people took. Dots are traces.",
                "s",
                rate("taskpilot_workflow_duration_seconds_bucket", by="by (le) ", how="increase"),
            ),
            graph(
                "Duration of successful runs",
                "Percentiles, with traces as exemplars.",
                "s",
                *(
                    q(quantile(p, "taskpilot_workflow_duration_seconds", 'outcome="succeeded"'), f"p{p * 100:g}", True)
                    for p in (0.5, 0.95, 0.99)
                ),
            ),
            graph(
                "Agent latency (P95)",
                "One call of an agent: its model, and the rails on what it says.",
                "s",
                q(quantile(0.95, "taskpilot_agent_duration_seconds", by="agent"), "{{agent}}", True),
            ),
        ),
        row(
            "Errors",
            graph(
                "Error rate",
                "The share of runs that failed or timed out, cancelled ones left out; the objective is 1%.",
                "percentunit",
                q(ratio(rate(RUNS, failed), rate(RUNS, 'outcome!="cancelled"')), "runs"),
                width=12,
            ),
            graph(
                "Runs that did not succeed",
                "By outcome.",
                "reqps",
                q(rate(RUNS, 'outcome!="succeeded"', by="by (outcome) "), "{{outcome}}"),
                width=12,
                stack=True,
            ),
        ),
        row(
            "Safety",
            graph(
                "Guardrail blocks",
                "Texts that a rail did not let pass.",
                "reqps",
                q(rate(BLOCKS, by="by (agent, phase, rail) "), "{{agent}} {{phase}} {{rail}}"),
                width=12,
            ),
            graph(
                "Policy denials",
                "Tool calls that policy denied.",
                "reqps",
                q(rate(TOOLS, 'outcome="denied"', by="by (tool) "), "{{tool}}"),
                width=12,
            ),
        ),
        row(
            "Dependencies",
            states(
                "Up",
                "What the servers need, as they see it.",
                UP,
                q(gauge("taskpilot_dependency_up", how="min", by="by (dependency) "), "{{dependency}}"),
                width=12,
            ),
            states(
                "Circuits",
                "An open circuit fails calls at once.",
                CIRCUIT,
                q(gauge("taskpilot_circuit_state", how="max", by="by (dependency) "), "{{dependency}}"),
                width=12,
            ),
        ),
    )


def governance():
    calls, callers = 'decision_type="tool_call"', 'decision_type="ingress"'
    texts, denied = 'decision_type=~"guardrails_.+"', 'outcome="denied"'
    most = rate(TOOLS, denied, by="by (tool) ", how="increase", length="$__range")
    return dashboard(
        "taskpilot-governance",
        "TaskPilot / Policy Decisions & Guardrails",
        "What was allowed, denied, blocked and asked of people, and how long it took to decide.",
        row(
            "Policy",
            graph(
                "OPA decisions",
                "On tool calls, by result. An error is no verdict: the run fails.",
                "reqps",
                q(rate(DECISIONS, calls, by="by (result) "), "{{result}}"),
                stack=True,
            ),
            graph(
                "Tool calls by tool",
                "What became of them.",
                "reqps",
                q(rate(TOOLS, by="by (tool, outcome) "), "{{tool}} {{outcome}}"),
            ),
            bars("Most denied tools", "Over the time shown.", "none", q(f"topk(10, {most})", "{{tool}}")),
            graph(
                "Callers denied",
                "Requests to the API that policy did not let in, or could not judge.",
                "reqps",
                q(rate(DECISIONS, callers, by="by (result) "), "{{result}}"),
            ),
            graph(
                "Callers unknown",
                "Requests without a valid key, or from another site: nobody is named in a decision.",
                "reqps",
                q(rate("taskpilot_ingress_unauthenticated_total", by="by (problem) "), "{{problem}}"),
            ),
            graph(
                "Policy on trial",
                "What the candidate said beside the real verdict, where policy.mode is shadow.",
                "reqps",
                q(rate("taskpilot_policy_candidate_total", by="by (verdict, candidate) "), "{{verdict}}, {{candidate}}"),
            ),
        ),
        row(
            "Guardrails",
            graph(
                "NeMo Guardrails blocks",
                "By phase: requests (input), what agents say (output), what tools return (tool_result).",
                "reqps",
                q(rate(BLOCKS, by="by (phase) "), "{{phase}}"),
                stack=True,
            ),
            graph(
                "Blocks by rail",
                "Which rail, on whose text.",
                "reqps",
                q(rate(BLOCKS, by="by (rail, agent) "), "{{rail}} {{agent}}"),
            ),
            graph(
                "Share that is blocked",
                "Of the texts checked, by agent. 5% for five minutes makes an alert.",
                "percentunit",
                q(
                    rate(DECISIONS, texts + ',result="deny"', by="by (agent) ")
                    + " / "
                    + rate(DECISIONS, texts, by="by (agent) "),
                    "{{agent}}",
                ),
            ),
        ),
        row(
            "How long it takes",
            *(
                graph(
                    title,
                    "P95 and P99 as the servers see it, the way there included.",
                    "s",
                    q(quantile(0.95, metric, by="decision_type"), "p95 {{decision_type}}", True),
                    q(quantile(0.99, metric, by="decision_type"), "p99 {{decision_type}}"),
                )
                for title, metric in (("Policy evaluation", POLICY), ("Guardrail checks", RAILS))
            ),
            graph(
                "No verdict",
                "Evaluations and checks that ended in an error.",
                "reqps",
                q(rate(POLICY + "_count", 'outcome="error"', by="by (decision_type) "), "policy {{decision_type}}"),
                q(rate(RAILS + "_count", 'outcome="error"', by="by (decision_type) "), "rails {{decision_type}}"),
            ),
            graph(
                "OPA server",
                "What OPA itself measured of its data API.",
                "s",
                q(f"histogram_quantile(0.95, sum by (code, le) (rate({OPA})))", "p95 {{code}}"),
            ),
            graph(
                "NeMo Guardrails server",
                "What the server itself measured of its checks.",
                "s",
                q(f"histogram_quantile(0.95, sum by (code, le) (rate({NEMO})))", "p95 {{code}}"),
            ),
            graph(
                "Verdicts remembered",
                "The share of questions whose answer was still known.",
                "percentunit",
                q(
                    rate(CACHES, 'result="hit"', by="by (cache) ") + " / " + rate(CACHES, by="by (cache) "),
                    "{{cache}}",
                ),
            ),
        ),
        row(
            "People",
            graph(
                "Approvals waiting",
                "Calls that policy holds back until a person says yes or no.",
                "none",
                q(gauge("taskpilot_approvals_pending", how="max"), "pending"),
            ),
            graph(
                "Oldest approval",
                "How long the one that waits longest has waited; after approvals.ttl it expires.",
                "s",
                q(gauge("taskpilot_approval_oldest_seconds", how="max"), "oldest"),
            ),
            graph(
                "Time to an answer",
                "From the question to the answer.",
                "s",
                q(quantile(0.5, "taskpilot_approval_wait_seconds"), "p50"),
                q(quantile(0.95, "taskpilot_approval_wait_seconds"), "p95"),
            ),
        ),
        row(
            "On record",
            graph(
                "Journal commits",
                "Every decision is committed before what it allows starts.",
                "s",
                q(quantile(0.95, "taskpilot_journal_commit_seconds"), "p95"),
                q(quantile(0.99, "taskpilot_journal_commit_seconds"), "p99"),
            ),
            graph(
                "Appends waiting",
                "For their commit.",
                "none",
                q(gauge("taskpilot_journal_pending_appends", by="by (instance) "), "{{instance}}"),
            ),
            table(
                "Policy bundle of OPA",
                "Revision and age of what OPA decides by, where it loads a bundle.",
                "s",
                q('time() - max by (instance, name, active_revision) (last_success_bundle_activation{job="opa"}) / 1e9'),
            ),
            logs("Last denials", "Decisions that were no: policy, rails, people.", DENIALS, width=24, height=10),
        ),
    )


def models():
    labels = "by (provider, model) "
    return dashboard(
        "taskpilot-models",
        "TaskPilot / LLM & cost",
        "What models are asked, how they answer, and what it costs.",
        row(
            "Calls",
            graph(
                "Model calls",
                "By outcome: success, rate_limited, timeout, error.",
                "reqps",
                q(rate(LLM + "_count", by="by (provider, model, outcome) "), "{{provider}} {{model}} {{outcome}}"),
                stack=True,
            ),
            graph(
                "Share that fails",
                "Of the calls, retries included in each. 10% for ten minutes makes an alert.",
                "percentunit",
                q(ratio(rate(LLM + "_count", 'outcome!="success"'), rate(LLM + "_count")), "failed"),
            ),
            graph(
                "Retries",
                "Calls that were made again, by reason.",
                "reqps",
                q(rate("taskpilot_llm_retries_total", by="by (model, reason) "), "{{model}} {{reason}}"),
            ),
        ),
        row(
            "Time",
            graph(
                "Duration of a call",
                "Of those that succeeded.",
                "s",
                q(quantile(0.5, LLM, 'outcome="success"', by="model"), "p50 {{model}}"),
                q(quantile(0.95, LLM, 'outcome="success"', by="model"), "p95 {{model}}", True),
            ),
            graph(
                "First token",
                "From the question to the first of the answer.",
                "s",
                q(quantile(0.95, "taskpilot_llm_first_token_seconds", by="model"), "p95 {{model}}", True),
            ),
            states(
                "Circuit to the provider",
                "Open while it does not answer: runs fail at once.",
                CIRCUIT,
                q(gauge("taskpilot_circuit_state", 'dependency="llm"', how="max", by="by (instance) "), "{{instance}}"),
            ),
        ),
        row(
            "Tokens and money",
            graph(
                "Tokens",
                "By type: input, output, cache_read, reasoning.",
                "none",
                q(rate("taskpilot_llm_tokens_total", by="by (model, type) "), "{{model}} {{type}}"),
                stack=True,
            ),
            graph(
                "Cost per hour",
                "At the prices of conf/models.yaml.",
                "currencyUSD",
                q(f"3600 * {rate(COST, by=labels)}", "{{provider}} {{model}}"),
                stack=True,
            ),
            graph(
                "Cost per run",
                "Of the runs that ended.",
                "currencyUSD",
                q(f"{rate(COST)} / ({rate(RUNS)} > 0)", "a run"),
            ),
            stat("Cost of the time shown", "All models.", "currencyUSD", q(spent(), "cost", instant=True)),
            graph(
                "Cache reads",
                "The share of input tokens that the provider had in its cache.",
                "percentunit",
                q(
                    ratio(
                        rate("taskpilot_llm_tokens_total", 'type="cache_read"'),
                        rate("taskpilot_llm_tokens_total", 'type="input"'),
                    ),
                    "cached",
                ),
            ),
            graph(
                "Refused by budget or limit",
                "Requests over the budget or the rate of their key.",
                "reqps",
                q(
                    rate("taskpilot_admission_rejected_total", 'reason=~"budget|rate_limit"', by="by (reason) "),
                    "{{reason}}",
                ),
            ),
        ),
    )


def spent():
    return rate(COST, how="increase", length="$__range")


def workflow():
    flow, agent, tool = 'workflow=~"$workflow"', 'agent=~"$agent"', 'tool=~"$tool"'
    seen = "taskpilot_agent_duration_seconds_count"

    def total(metric, matchers):
        return rate(metric, matchers, how="increase", length="$__range")

    return dashboard(
        "taskpilot-workflow",
        "TaskPilot / Workflow drill-down",
        "One workflow, agent or tool, from numbers to traces and log lines.",
        row(
            "Funnel",
            bars(
                "From plan to effect",
                "Over the time shown: what the planner proposed, the reviewer answered, the executor took up, and tools did.",
                "none",
                q(total(seen, 'agent="PlannerAgent",outcome="success"'), "planned"),
                q(total(seen, 'agent="ReviewerAgent",outcome="success"'), "reviewed"),
                q(total(DECISIONS, 'decision_type="tool_call",result="allow"'), "allowed"),
                q(total(TOOLS, 'outcome="executed"'), "executed"),
                width=12,
            ),
            graph(
                "Runs",
                "Started, and ended by outcome.",
                "reqps",
                q(rate("taskpilot_workflow_started_total", flow), "started"),
                q(rate(RUNS, flow, by="by (outcome) "), "{{outcome}}"),
                width=12,
            ),
        ),
        row(
            "Agents",
            graph(
                "Calls",
                "By agent and outcome.",
                "reqps",
                q(rate(seen, agent, by="by (agent, outcome) "), "{{agent}} {{outcome}}"),
            ),
            graph(
                "Duration",
                "P50 and P95.",
                "s",
                q(quantile(0.5, "taskpilot_agent_duration_seconds", agent, by="agent"), "p50 {{agent}}"),
                q(quantile(0.95, "taskpilot_agent_duration_seconds", agent, by="agent"), "p95 {{agent}}", True),
            ),
            graph(
                "Decisions about it",
                "By type and result.",
                "reqps",
                q(rate(DECISIONS, agent, by="by (decision_type, result) "), "{{decision_type}} {{result}}"),
            ),
        ),
        row(
            "Tools",
            table(
                "What became of tool calls",
                "Over the time shown.",
                "none",
                q(rate(TOOLS, tool, by="by (tool, outcome) ", how="increase", length="$__range")),
                width=12,
            ),
            graph(
                "Duration of tools",
                "P95 of those that ran.",
                "s",
                q(quantile(0.95, "taskpilot_tool_duration_seconds", f'{tool},outcome="executed"', by="tool"), "{{tool}}"),
                width=12,
            ),
        ),
        row(
            "Traces and lines",
            traces(
                "Runs in Jaeger",
                "Open one to see its spans; taskpilot.request_id finds a request.",
                JAEGER,
                {"queryType": "search", "service": "taskpilot", "operation": "invoke_workflow taskpilot", "limit": 20},
                width=12,
            ),
            traces(
                "Slow or failed runs in Tempo",
                "With the profile tempo: over 5 s, or with an error.",
                TEMPO,
                {
                    "queryType": "traceql",
                    "query": '{resource.service.name="taskpilot" && (duration > 5s || status = error)}',
                    "limit": 20,
                    "tableType": "traces",
                },
                width=12,
            ),
            logs(
                "Lines of a trace",
                "Of the trace named above, or of all.",
                "event.dataset:taskpilot.* AND trace.id:${trace:raw}",
                width=24,
                height=10,
            ),
        ),
        extra=(
            variable("workflow", "Workflow", f"label_values(taskpilot_workflow_started_total{{{OURS}}}, workflow)"),
            variable("agent", "Agent", f"label_values(taskpilot_agent_duration_seconds_count{{{OURS}}}, agent)"),
            variable("tool", "Tool", f"label_values(taskpilot_tool_calls_total{{{OURS}}}, tool)"),
            {
                "type": "textbox",
                "name": "trace",
                "label": "Trace id",
                "query": "*",
                "current": {"text": "*", "value": "*"},
            },
        ),
    )
