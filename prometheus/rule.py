"""What every rule is made of."""

# What a chart replaces in the file, each a text that stands nowhere else in it:
JOB = 'job="taskpilot"'  # our servers, whoever scrapes them
LATENCY = 'le="5.0"'  # what a successful run may take; a bound of taskpilot_workflow_duration_seconds
FIRST_EVENT = 'le="2.0"'  # what a stream's first event may take
SERVERS = 'deployment=~"(.+-)?taskpilot(-gateway|-agents)?"'  # the Deployments of our servers
RUNBOOKS = "docs/runbooks/"  # where the pages are, from the root of the repository
# and the objective of each SLO: the expression of its slo:objective:ratio.


def record(name, expr, labels):
    return {"record": name, "expr": expr, "labels": labels}


def alert(name, component, severity, wait, expr, summary, description, **labels):
    rule = {"alert": name, "expr": expr}
    if wait:
        rule["for"] = wait
    rule["labels"] = {"severity": severity, "component": component, **labels}
    rule["annotations"] = {
        "summary": summary,
        "description": description,
        "runbook_url": f"{RUNBOOKS}{name}.md",
    }
    return rule
