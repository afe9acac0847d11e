#!/usr/bin/env bash
# Checks every service of the stack that runs here, by asking it what it is for, and prints where to find what.
#
#   scripts/verify-stack.sh                  exit code 0 if everything that runs works, else 1
#   scripts/verify-stack.sh --credentials    prints the passwords and the API key as well
#
# Services of profiles that are not up are not checked. What is not so yet is asked again for PATIENCE seconds (90) in all: a
# scrape, a sampled trace and a line of the log each take a while to arrive. DOCKER_COMPOSE is the command, if it is another.
# shellcheck disable=SC2317 # what `check` is given is called by it
set -euo pipefail

home=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
case ${1:-} in
    "" | --credentials) ;;
    *)
        echo "usage: scripts/verify-stack.sh [--credentials]" >&2
        exit 2
        ;;
esac

read -r -a compose <<<"${DOCKER_COMPOSE:-docker compose -f $home/docker/compose.yaml}"
patience=${PATIENCE:-90}
bad=0

running=$("${compose[@]}" --profile '*' ps --services --status running)
runs() {
    grep -qx "$1" <<<"$running"
}

# Where the gateway is published, whatever .env or the environment made of it.
gateway=
if runs nginx; then
    gateway=$("${compose[@]}" port nginx 8000)
    case $gateway in
        0.0.0.0:* | '[::]:'*) gateway=127.0.0.1:${gateway##*:} ;;
    esac
    gateway=http://$gateway
fi

# What a password file of the volume says; PostgreSQL's image can read, and the mount is for root.
secret() {
    "${compose[@]}" run --rm --no-deps -T --entrypoint cat prepare "/secrets/$1" 2>/dev/null
}

# check SERVICE WHAT COMMAND...     to be asked by `ask_all`
checks=()
check() {
    checks+=("$(printf '%q ' "$@")")
}

# Asks each check, and those that fail again, until none does or patience is over.
ask_all() {
    local each said again words
    while :; do
        again=()
        for each in ${checks[@]+"${checks[@]}"}; do
            eval "words=($each)"
            if said=$("${words[@]:2}" 2>&1); then
                printf '  ok    %-15s %s\n' "${words[0]}" "${words[1]}"
            elif [ "$SECONDS" -lt "$patience" ]; then
                again+=("$each")
            else
                printf '  BAD   %-15s %s\n' "${words[0]}" "${words[1]}"
                printf '%s\n' "        ${said:0:400}"
                bad=1
            fi
        done
        [ "${#again[@]}" -gt 0 ] || return 0
        checks=("${again[@]}")
        sleep 2
    done
}

# The body of what answers with 2xx.
get() {
    curl -sS --fail --max-time 10 "$@"
}

answers() {
    local url=$1 wanted=$2
    shift 2
    # Not grep -q: it would hang up on curl.
    get "$@" "$url" | grep -- "$wanted" >/dev/null
}

code_is() {
    local wanted=$1 url=$2 code
    code=$(curl -sS -o /dev/null -w '%{http_code}' --max-time 10 "$url")
    [ "$code" = "$wanted" ] || {
        echo "$url answered $code (expected: $wanted)"
        return 1
    }
}

healthy() {
    local state
    state=$("${compose[@]}" ps --format '{{.Health}}' "$1" | sort -u)
    [ "$state" = healthy ] || {
        echo "its health check says: ${state:-nothing}"
        return 1
    }
}

# run_ends STATUS INPUT     one run from the front door to the last event, with the key that was made
run_ends() {
    local answer
    answer=$(curl -sS --fail --max-time 40 -K - -H 'Content-Type: application/json' -H 'Prefer: wait=30' \
        -d "{\"input\": \"$2\"}" "$gateway/v1/runs" \
        <<<"header = \"Authorization: Bearer $(secret client/api-key)\"")
    grep -q "\"status\" *: *\"$1\"" <<<"$answer" || {
        echo "$answer"
        return 1
    }
}

health_of_server() {
    local answer
    # From inside: the gateway does not route it.
    answer=$("${compose[@]}" exec -T nginx wget -q -O - http://taskpilot:8081/health)
    grep -q '"status" *: *"healthy"' <<<"$answer" || {
        echo "$answer"
        return 1
    }
}

is_offline() {
    "${compose[@]}" exec -T nginx wget -q -O - http://taskpilot:8081/health 2>/dev/null | grep '"llm"[^}]*offline' >/dev/null
}

# as_seen CODE SAID     of what was asked before
as_seen() {
    echo "$2"
    return "$1"
}

targets_up() {
    local down
    down=$(get "http://127.0.0.1:9090/api/v1/query?query=up%20%3D%3D%200")
    grep -q '"result":\[\]' <<<"$down" || {
        echo "$down"
        return 1
    }
}

# secret_says FILE TEXT
secret_says() {
    secret "$1" | grep -- "$2" >/dev/null
}

# As a user who may only read. Not on a command line, which every process can see.
log_is_there() {
    answers "http://127.0.0.1:9200/logs-taskpilot-default/_count" '"count":[1-9]' -K - \
        <<<"user = \"taskpilot_reader:$(secret elasticsearch/taskpilot_reader)\""
}

# As admin, through the plugin of the data source: Grafana itself is up without one.
grafana_asks_prometheus() {
    answers http://127.0.0.1:3000/api/datasources/uid/taskpilot-prometheus/health '"status" *: *"OK"' -K - \
        <<<"user = \"admin:$(secret grafana/grafana_admin_password)\""
}

echo "services"
for service in postgres redis opa guardrails taskpilot nginx; do
    check "$service" "healthy" healthy "$service"
done
if runs nginx; then
    check nginx "answers for the server" answers "$gateway/" '"openapi\|openapi.yaml'
    check nginx "wants a key" code_is 401 "$gateway/v1/runs"
    check nginx "does not route /metrics" code_is 404 "$gateway/metrics"
    check nginx "does not route /health" code_is 404 "$gateway/health"
    check taskpilot "everything it uses answers" health_of_server
    # Each once, and not again: a model may cost money.
    said=$(run_ends succeeded "Create a low priority task to check the stack" 2>&1) && code=0 || code=$?
    check taskpilot "carries out a run" as_seen "$code" "$said"
    # Only the offline model asks for what it was not offered. Of a run that is denied the collector always keeps the trace (its
    # policy `denied`), of ordinary ones it keeps a share.
    if is_offline; then
        said=$(run_ends rejected "Delete all tasks" 2>&1) && code=0 || code=$?
        check taskpilot "refuses what policy denies" as_seen "$code" "$said"
    fi
fi
if runs objects; then
    check objects "healthy" healthy objects
    check objects "TaskPilot archives there" secret_says taskpilot/arguments-objects s3.url
fi
if runs prometheus; then
    check prometheus "ready" get http://127.0.0.1:9090/-/ready
    check prometheus "scrapes TaskPilot" answers 'http://127.0.0.1:9090/api/v1/query?query=up%7Bjob%3D%22taskpilot%22%7D' '"1"'
    check prometheus "every target is up" targets_up
    check prometheus "has the rules" answers http://127.0.0.1:9090/api/v1/rules TaskPilot
fi
if runs alertmanager; then
    check alertmanager "ready" get http://127.0.0.1:9093/-/ready
fi
if runs grafana; then
    check grafana "up" answers http://127.0.0.1:3000/api/health '"database" *: *"ok"'
    check grafana "wants a login" code_is 401 http://127.0.0.1:3000/api/datasources
    if runs prometheus; then check grafana "asks Prometheus" grafana_asks_prometheus; fi
fi
if runs otel-collector; then
    check otel-collector "up" get http://127.0.0.1:13133/
fi
if runs jaeger; then
    check jaeger "healthy" healthy jaeger
    if is_offline; then check jaeger "has traces of TaskPilot" answers http://127.0.0.1:16686/api/services taskpilot; fi
fi
if runs tempo; then
    check tempo "ready" get http://127.0.0.1:3200/ready
    check tempo "the collector sends there" secret_says collector/backends.yaml tempo
fi
if runs elasticsearch; then
    check elasticsearch "wants a password" code_is 401 http://127.0.0.1:9200/
    check elasticsearch "has the log" log_is_there
fi
if runs logstash; then check logstash "healthy" healthy logstash; fi
if runs filebeat; then check filebeat "healthy" healthy filebeat; fi
if runs kibana; then check kibana "up" get http://127.0.0.1:5601/api/status -o /dev/null; fi
ask_all

echo
echo "access points"
point() {
    if runs "$1"; then printf '  %-13s %-28s %s\n' "$2" "$3" "$4"; fi
}
point nginx Application "$gateway" "its API; Authorization: Bearer and the API key"
point prometheus Prometheus http://localhost:9090 "metrics, rules"
point alertmanager Alertmanager http://localhost:9093 "alerts"
point grafana Grafana http://localhost:3000 "dashboards; user admin"
point grafana-demo Grafana http://localhost:3001 "dashboards, without a login"
point jaeger Jaeger http://localhost:16686 "traces; search by the tag taskpilot.request_id"
point tempo Tempo http://localhost:3200 "an API, no page: Grafana's Explore is the page"
point kibana Kibana http://localhost:5601 "the log; user elastic"
point elasticsearch Elasticsearch http://localhost:9200 "its API; user taskpilot_reader"

echo
if [ "${1:-}" = --credentials ]; then
    echo "credentials"
    credential() {
        if runs "$1"; then printf '  %-36s %s\n' "$2" "$(secret "$3")"; fi
    }
    credential nginx "API key" client/api-key
    credential grafana "Grafana, user admin" grafana/grafana_admin_password
    credential kibana "Kibana, user elastic" elasticsearch/elastic
    credential elasticsearch "Elasticsearch, user taskpilot_reader" elasticsearch/taskpilot_reader
    credential postgres "PostgreSQL, user taskpilot" postgres/password
    credential redis "Redis, user taskpilot" redis/password
else
    echo "passwords and the API key: scripts/verify-stack.sh --credentials"
fi
exit "$bad"
