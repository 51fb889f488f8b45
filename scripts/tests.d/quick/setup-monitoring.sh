#!/usr/bin/env bash
# scripts/setup-monitoring.sh --local for real: Prometheus, Alertmanager, blackbox exporter and a collector around a mesh, every
# target up, the key's probe answered, spans arrived; twice; stopped. --grafana against a recorder. Files for other tools.
set -euo pipefail
. scripts/tests.d/lib/mesh.sh
need_monitoring
need_commands prometheus-blackbox-exporter prometheus-pushgateway docker-compose jq curl
tool_python rotel >/dev/null
python=$(tool_python monitoring)
run=$WORK/monitoring

free_port() { "$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
PROMETHEUS_PORT=$(free_port) ALERTMANAGER_PORT=$(free_port) BLACKBOX_PORT=$(free_port) COLLECTOR_PORT=$(free_port)
export PROMETHEUS_PORT ALERTMANAGER_PORT BLACKBOX_PORT COLLECTOR_PORT
setup() { scripts/setup-monitoring.sh --local --dir "$run" --data "$DATA" "$@"; }
stop_all() { setup --stop >/dev/null 2>&1 || true; clean_up; }
trap stop_all EXIT

ENABLE_TRACING=true OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:$COLLECTOR_PORT start_mesh
check "it starts everything" setup
cp "$WORK/check.log" "$WORK/said.log"
check "it says where everything is and what to look at first" grep -q "127.0.0.1:$PROMETHEUS_PORT .*look first at /targets" "$WORK/said.log"
check "it names the secrets that nobody has filled in" grep -q 'Nobody is told by: pagerduty_key slack_url smtp_password (empty files' "$WORK/said.log"

prometheus() { curl -fsS -G "http://127.0.0.1:$PROMETHEUS_PORT/api/v1/query" --data-urlencode "query=$1" | jq -r '[.data.result[].value[1]] | join(" ")'; }
answers() { [ "$(prometheus "$1")" = "$2" ]; }
eventually() { wait_for "$1" $$ "${@:2}"; }
check "every service is scraped" eventually 40 answers 'count(up{job=~"mcp-server|rest-api|worker"} == 1)' 3
check "every door answers the probes, and MCP an agent's" eventually 40 answers 'count(probe_success{job="blackbox-http"} == 1)' 4
check "the Watchdog reaches Alertmanager" eventually 60 sh -c \
    "curl -fsS http://127.0.0.1:$ALERTMANAGER_PORT/api/v2/alerts | jq -e 'any(.[]; .labels.alertname == \"Watchdog\")' >/dev/null"
# What a Prometheus over several would take, by the shipped file's own selectors.
federated() {
    "$python" -c 'import yaml, sys
for one in yaml.safe_load(open("deploy/monitoring/prometheus/examples/federation.yml"))["scrape_configs"][0]["params"]["match[]"]: print("match[]=" + one)' |
        xargs -d '\n' -I{} printf -- '--data-urlencode\0{}\0' | xargs -0 curl -fsS -G "http://127.0.0.1:$PROMETHEUS_PORT/federate" >"$WORK/federated"
    grep -q '^mcp_build_info{' "$WORK/federated" && grep -q '^ALERTS{alertname="Watchdog"' "$WORK/federated" &&
        grep -q '^mcp:memory:usage_mb{' "$WORK/federated" && ! grep -q '_bucket{' "$WORK/federated"
}
check "/federate answers the selectors of examples/federation.yml" eventually 40 federated
# An alert of the shipped rules, on its way: Alertmanager tells rest-api, which writes an incident down.
alert='[{"labels": {"alertname": "MCPServerDown", "product": "devmesh", "priority": "P0", "severity": "critical", "team": "sre"}, "annotations": {"summary": "a drill of the way"}}]'
check "an alert is given to Alertmanager" curl -fsS -H 'content-type: application/json' -d "$alert" "http://127.0.0.1:$ALERTMANAGER_PORT/api/v2/alerts"
incident() { grep '"event":"incident_opened"' "$WORK/mesh.log" | jq -e 'select(.alertname == "MCPServerDown" and .priority == "P0" and .service == "rest-api")'; }
check "rest-api hears of it and writes the line that the dashboards show" eventually 20 incident
probe() { curl -fsS "http://127.0.0.1:$BLACKBOX_PORT/probe?module=$1&target=$2" | grep -q '^probe_success 1$'; }
check "http_post_json probes MCP with the key of the file" probe http_post_json "$MESH_URL"
check "tcp_connect probes a port" probe tcp_connect "${API_URL#http://}"
if [ "$(id -u)" = 0 ]; then check "icmp_ping probes a host" probe icmp_ping 127.0.0.1; fi
check "spans of a request reach the collector" eventually 20 sh -c \
    "curl -fsS -o /dev/null '$API_URL/api/v1/tools' -H 'Authorization: Bearer $ADMIN_KEY'; grep -q '/api/v1/tools' '$run/log/collector.log'"

node=$(tool_node)
pages=${MESH_URL%/mcp}/metrics,$API_URL/metrics,$(jq -r .worker_url "$DATA/running.json")metrics
check "the load test's requests are answered, its figures are there" env DEVMESH_API_KEY="$(devmesh keys create load --output json | jq -r .secret)" \
    MCP_URL="$MESH_URL" METRICS="$pages" "$node" scripts/tests.d/lib/run_load_test.mjs 5
check "the load test says that it needs a key" sh -c "! $node scripts/tests.d/lib/run_load_test.mjs 1"

before=$(cat "$run"/run/*.pid)
check "it can be run a second time" setup
cp "$WORK/check.log" "$WORK/again.log"
check "and has been seen to read its files again" grep -q 'prometheus runs already.*has read its files again' "$WORK/again.log"
same_processes() { [ "$(cat "$run"/run/*.pid)" = "$before" ]; }
check "the second time starts nothing anew" same_processes
keys() { devmesh keys list --output json | jq -e '[.[] | select(.name == "monitoring probe" or .name == "alertmanager") | .scopes[]] | sort == ["alerts:write", "tools:read"]'; }
check "the probe and Alertmanager have one key each, for one thing" keys
check "--status says that all of it runs" setup --status
no_such_zone() { ! setup --timezone Europe/Atlantis >"$WORK/zone.log" 2>&1 && grep -q 'Europe/Atlantis: no such zone' "$WORK/zone.log"; }
check "a zone that does not exist is refused at the door" no_such_zone
zone_is() { curl -fsS "http://127.0.0.1:$ALERTMANAGER_PORT/api/v2/status" | jq -r .config.original | grep -q "location: $1"; }
check "a zone is taken over" setup --timezone Asia/Kathmandu
check "Alertmanager has it" zone_is Asia/Kathmandu
before_port=$BLACKBOX_PORT BLACKBOX_PORT=$(free_port)
check "a part moves to another port" setup
check "the port that is told is where it answers" curl -fsS -o /dev/null "http://127.0.0.1:$BLACKBOX_PORT/-/healthy"
left() { ! curl -fsS --max-time 2 -o /dev/null "http://127.0.0.1:$before_port/-/healthy"; }
check "and nothing is left at the one before" left
remembers() {
    env -u BLACKBOX_PORT scripts/setup-monitoring.sh --local --dir "$run" --data "$DATA" >"$WORK/again.log" &&
        grep -q "Blackbox .*:$BLACKBOX_PORT " "$WORK/again.log" && zone_is Asia/Kathmandu
}
check "ports and zone that are not named stay as they are" remembers
broken() {
    sed -i 's/^groups:/groups: [/' "$copy/deploy/monitoring/prometheus/alerts/work.yml"
    ! "$copy/scripts/setup-monitoring.sh" --local --dir "$run" --data "$DATA" >"$WORK/broken.log" 2>&1 &&
        grep -q 'prometheus did not take its new files' "$WORK/broken.log"
}
copy=$WORK/copy
mkdir "$copy" && cp -r --parents scripts/setup-monitoring.sh scripts/lib deploy/monitoring "$copy"
check "files that Prometheus does not take are told" broken
other_mesh() {
    devmesh keys revoke alertmanager &&
        setup >"$WORK/other.log" 2>&1 && grep -q 'devmesh_key is refused by this mesh' "$WORK/other.log" &&
        grep -q 'a key of the mesh was made: alertmanager' "$WORK/other.log"
}
check "a key that the mesh does not know is made anew" other_mesh
without_collector() {
    kill "$(cat "$run/run/collector.pid")" && rm "$run"/run/collector.*
    # No collector to be had: other tools, and a PATH without it.
    TEST_TOOLS_DIR=$WORK/no-tools setup --status >"$WORK/none.log" && grep -q 'collector: none here' "$WORK/none.log"
}
check "--status is well where no collector can be had" without_collector
check "scripts/silence works on it" scripts/silence deploy --for 1m --alertmanager "http://127.0.0.1:$ALERTMANAGER_PORT"
check "--stop ends it" setup --stop
gone() { ! setup --status && ! curl -fsS --max-time 2 "http://127.0.0.1:$PROMETHEUS_PORT/-/ready"; }
check "nothing is left" gone

PYTHONPATH=scripts "$python" scripts/tests.d/lib/check_pack.py >"$WORK/pack.log" 2>&1 || true
count_checks "files for other tools" "$WORK/pack.log"
"$(tool_node)" scripts/tests.d/lib/check_kubernetes.mjs "$(tool_node_modules monitoring)" >"$WORK/kubernetes.log" 2>&1 || true
count_checks "Kubernetes objects" "$WORK/kubernetes.log"
finish
