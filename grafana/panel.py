"""What dashboards are made of: Grafana's classic JSON, version 1, with what our panels have in common."""

PROMETHEUS = {"type": "prometheus", "uid": "${datasource}"}
JAEGER = {"type": "jaeger", "uid": "taskpilot-jaeger"}
TEMPO = {"type": "tempo", "uid": "taskpilot-tempo"}
ELASTICSEARCH = {"type": "elasticsearch", "uid": "taskpilot-elasticsearch"}

OURS = 'job=~"$job",instance=~"$instance"'
SCHEMA = 39


def rate(metric, matchers="", by="", how="rate", length="$__rate_interval"):
    """A counter of our servers, summed."""
    return f"sum {by}({how}({metric}{{{OURS}{comma(matchers)}}}[{length}]))".replace("sum (", "sum(")


def quantile(q, metric, matchers="", by=""):
    """Of a histogram of our servers, named without its suffix."""
    labels = f"by ({by}, le) " if by else "by (le) "
    return f"histogram_quantile({q}, {rate(metric + '_bucket', matchers, labels)})"


def gauge(metric, matchers="", how="sum", by=""):
    return f"{how} {by}({metric}{{{OURS}{comma(matchers)}}})".replace(f"{how} (", f"{how}(")


def comma(matchers):
    return "," + matchers if matchers else ""


def q(expr, legend="", exemplars=False, instant=False):
    target = {"datasource": PROMETHEUS, "expr": expr, "legendFormat": legend or "__auto", "editorMode": "code"}
    if exemplars:
        target["exemplar"] = True
    if instant:
        target |= {"instant": True, "range": False}
    return target


def panel(kind, title, description, unit, targets, width=8, height=8, **more):
    """One panel; more goes into it as it is, fields and options into where they belong."""
    defaults = {"unit": unit, **more.pop("defaults", {})}
    targets = [{**target, "refId": chr(65 + i)} for i, target in enumerate(targets)]
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": more.pop("datasource", PROMETHEUS),
        "gridPos": {"w": width, "h": height},
        "fieldConfig": {"defaults": defaults, "overrides": more.pop("overrides", [])},
        "options": more.pop("options", {}),
        "targets": targets,
        **more,
    }


def graph(title, description, unit, *targets, stack=False, **more):
    custom = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 10, "showPoints": "never", "spanNulls": False}
    if stack:
        custom |= {"fillOpacity": 40, "stacking": {"mode": "normal", "group": "A"}}
    defaults = {"custom": custom, "min": 0, **more.pop("defaults", {})}
    options = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return panel("timeseries", title, description, unit, targets, defaults=defaults, options=options, **more)


def stat(title, description, unit, *targets, steps=None, **more):
    defaults = {"thresholds": {"mode": "absolute", "steps": steps or [{"color": "blue", "value": None}]}}
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "value",
        "graphMode": "area",
        "textMode": "value_and_name",
    }
    defaults |= more.pop("defaults", {})
    return panel("stat", title, description, unit, targets, defaults=defaults, options=options, **more)


def states(title, description, mappings, *targets, **more):
    """Bands of colour over time; mappings are value, text, colour."""
    values = {str(value): {"text": text, "color": color} for value, text, color in mappings}
    defaults = {"mappings": [{"type": "value", "options": values}], "custom": {"fillOpacity": 80, "lineWidth": 0}}
    options = {"showValue": "never", "mergeValues": True, "legend": {"displayMode": "list", "placement": "bottom"}}
    return panel(
        "state-timeline", title, description, "none", targets, defaults=defaults, options=options, **more
    )


def heatmap(title, description, unit, expr, **more):
    options = {
        "calculate": False,
        "color": {"mode": "scheme", "scheme": "Oranges", "exponent": 0.5, "steps": 64},
        "yAxis": {"unit": unit},
        "cellGap": 1,
        "tooltip": {"mode": "single", "yHistogram": True},
        "exemplars": {"color": "rgba(31, 96, 196, 0.8)"},
    }
    target = q(expr, "{{le}}", exemplars=True) | {"format": "heatmap"}
    return panel("heatmap", title, description, unit, [target], options=options, **more)


def table(title, description, unit, *targets, **more):
    targets = [target | {"format": "table", "instant": True, "range": False} for target in targets]
    hidden = {"id": "organize", "options": {"excludeByName": {"Time": True, "__name__": True, "job": True}}}
    return panel("table", title, description, unit, targets, transformations=[hidden], **more)


def bars(title, description, unit, *targets, **more):
    options = {
        "orientation": "horizontal",
        "displayMode": "gradient",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    }
    targets = [target | {"instant": True, "range": False} for target in targets]
    return panel("bargauge", title, description, unit, targets, options=options, defaults={"min": 0}, **more)


def logs(title, description, query, **more):
    """Newest lines from Elasticsearch, by a Lucene query."""
    target = {
        "datasource": ELASTICSEARCH,
        "query": query,
        "timeField": "@timestamp",
        "metrics": [{"id": "1", "type": "logs", "settings": {"limit": "200"}}],
        "bucketAggs": [],
    }
    options = {"showTime": True, "wrapLogMessage": True, "enableLogDetails": True, "sortOrder": "Descending"}
    return panel(
        "logs", title, description, "none", [target], datasource=ELASTICSEARCH, options=options, **more
    )


def traces(title, description, datasource, target, **more):
    return panel("table", title, description, "none", [{"datasource": datasource, **target}], datasource=datasource, **more)


def row(title, *panels):
    return title, panels


def variable(name, label, query, multi=True):
    return {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": PROMETHEUS,
        "definition": query,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "sort": 1,
        "multi": multi,
        "includeAll": True,
        "allValue": ".*" if name not in ("job", "instance") else ".+",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
    }


def variables(*more):
    datasource = {
        "type": "datasource",
        "name": "datasource",
        "label": "Data source",
        "query": "prometheus",
        "refresh": 1,
        "current": {},
    }
    return [
        datasource,
        variable("job", "Job", "label_values(taskpilot_build_info, job)"),
        variable("instance", "Instance", 'label_values(taskpilot_build_info{job=~"$job"}, instance)'),
        *more,
    ]


def annotation(name, color, expr, title, text=""):
    return {
        "name": name,
        "datasource": PROMETHEUS,
        "enable": True,
        "iconColor": color,
        "expr": expr,
        "titleFormat": title,
        "textFormat": text,
        "step": "60s",
    }


def annotations():
    build = f"count by (version, revision) (taskpilot_build_info{{{OURS}}}"
    return [
        annotation(
            "Deploys", "blue", f"{build}) unless {build} offset 2m)", "TaskPilot {{version}}", "revision {{revision}}"
        ),
        annotation("Alerts", "red", 'ALERTS{alertname=~"TaskPilot.+",alertstate="firing"}', "{{alertname}}", "{{severity}}"),
    ]


def dashboard(uid, title, description, *rows, extra=(), time="now-6h"):
    """Rows from top to bottom, the panels of each from left to right as wide as they are."""
    panels, y = [], 0
    for name, members in rows:
        panels.append({"type": "row", "title": name, "collapsed": False, "panels": [], "gridPos": at(0, y, 24, 1)})
        x, y, tallest = 0, y + 1, 0
        for each in members:
            width, height = each["gridPos"]["w"], each["gridPos"]["h"]
            if x + width > 24:
                x, y, tallest = 0, y + tallest, 0
            panels.append({**each, "gridPos": at(x, y, width, height)})
            x, tallest = x + width, max(tallest, height)
        y += tallest
    for number, each in enumerate(panels, 1):
        each["id"] = number
    link = {"type": "dashboards", "title": "TaskPilot", "tags": ["taskpilot"], "asDropdown": True, "keepTime": True}
    return {
        "uid": uid,
        "title": title,
        "description": description,
        "tags": ["taskpilot"],
        "editable": False,
        "graphTooltip": 1,
        "schemaVersion": SCHEMA,
        "version": 1,
        "refresh": "30s",
        "time": {"from": time, "to": "now"},
        "timezone": "browser",
        "links": [link | {"includeVars": True}],
        "annotations": {"list": annotations()},
        "templating": {"list": variables(*extra)},
        "panels": panels,
    }


def at(x, y, w, h):
    return {"x": x, "y": y, "w": w, "h": h}
