#!/usr/bin/env bash
# The three example agents do their work in a mesh: one runs a repository's tests, one opens tasks for alerts of a real Prometheus, one summarises.
set -euo pipefail
cargo build --workspace --example ci --example summary --example alerts --locked
. scripts/tests.d/lib/mesh.sh
need_commands prometheus git make

start_mesh
DEVMESH_API_KEY=$(devmesh keys create agents --kind agent --output json | jq -r .secret)
export DEVMESH_API_KEY DEVMESH_MCP_URL=$MESH_URL
# The command line is the admin's.
admin() { timeout 60 env -u DEVMESH_API_KEY "$bin/devmesh" --data "$DATA" "$@"; }
start() {
    "$@" >>"$WORK/agents.log" 2>&1 </dev/null &
    started+=($!)
}
# TYPE INPUT FILTER EXPECTED
makes() { [ "$(admin tasks create "$1" --input "$2" --wait --output json | jq -r "$3")" = "$4" ]; }

repository=$WORK/repositories/app
mkdir -p "$repository"
git -C "$repository" init -q -b main
printf 'test:\n\t@echo all is well\n' >"$repository/Makefile"
commit() { git -C "$repository" add -A && git -C "$repository" -c user.name=t -c user.email=t@t commit -qm "$1"; }
commit good
start "$bin/examples/ci" --allow "$WORK/repositories/"
input=$(jq -nc --arg path "$repository" '{repository: $path, reference: "main"}')
check "the tests of a repository are run" makes run_tests "$input" '.result | "\(.passed) \(.output)"' "true all is well"
printf 'test:\n\t@echo broken >&2; exit 3\n' >"$repository/Makefile"
commit bad
check "tests that fail are a result with their output" makes run_tests "$input" '.result | "\(.passed) \(.output | test("broken"))"' "false true"
check "another repository is not tested" makes run_tests '{"repository":"/etc"}' .error.kind not_allowed

start "$bin/examples/summary"
text='Queues hold jobs. The weather was mild on that day. A broker keeps queues of jobs until workers take the jobs. Somebody laughed.'
summary='Queues hold jobs. A broker keeps queues of jobs until workers take the jobs.'
input=$(jq -nc --arg text "$text" '{text: $text, sentences: 2}')
check "a text is summarised" makes summarise "$input" .result.summary "$summary"

printf 'global: {evaluation_interval: 1s}\nrule_files: [%s/rules.yml]\n' "$WORK" >"$WORK/prometheus.yml"
cat >"$WORK/rules.yml" <<'RULES'
groups:
  - name: example
    rules:
      - alert: DiskFull
        expr: vector(97) > 90
        labels: {severity: critical}
        annotations: {summary: The disk of db-1 is nearly full}
RULES
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
start prometheus --config.file "$WORK/prometheus.yml" --storage.tsdb.path "$WORK/tsdb" --web.listen-address "127.0.0.1:$port"
for _ in one two; do start "$bin/examples/alerts" --prometheus "http://127.0.0.1:$port" --every 1 --needs investigate; done
start "$bin/devmesh" agent run --type investigate_alert --capability investigate --exec 'jq -r .input.labels.alertname'
done_once() {
    admin tasks list --type investigate_alert --output json >"$WORK/tasks.json"
    jq -e 'length == 1 and .[0].state == "completed" and .[0].result == "DiskFull" and .[0].priority == "critical"' "$WORK/tasks.json" >/dev/null
}
check "an alert that two agents see is one task, which a third one does" wait_for 40 $$ done_once
[ "$FAILED" = 0 ] || { cat "$WORK/tasks.json" >&2; tail -40 "$WORK/agents.log" >&2; }
finish
