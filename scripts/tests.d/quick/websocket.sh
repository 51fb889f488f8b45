#!/usr/bin/env bash
# WebSocket clients that nobody here wrote (Python's websockets, the WebSocket of browsers as Node has it) use the mesh.
#
# They know docs/websocket-protocol.md and nothing of our code; the upstream is tests.d/lib/workshop.py.
set -euo pipefail
. scripts/tests.d/lib/mesh.sh

clients=scripts/tests.d/lib/clients
node=$(tool_node)
python=$(tool_python websocket)

start_mesh
start_listening "$WORK/workshop.log" python3 scripts/tests.d/lib/workshop.py
devmesh tools add workshop --openapi "$LISTENING/openapi.json" --base-url "$LISTENING" --allow-host 127.0.0.1
key=$(devmesh keys create websocket --kind agent --output json | jq -r .secret)
url=ws${MESH_URL#http}
url=${url%/mcp}/ws

"$python" $clients/ws_client.py "$url" "$key" >"$WORK/python.log" 2>&1 </dev/null || true
count_checks "Python websockets" "$WORK/python.log"
"$node" $clients/ws_browser.mjs "$url" "$key" >"$WORK/browser.log" 2>&1 </dev/null || true
count_checks "the WebSocket of browsers" "$WORK/browser.log"

# The package for agents in Python (crates/agent/python), of which only the files are needed here.
PYTHONPATH=crates/agent/python PYTHONDONTWRITEBYTECODE=1 "$python" -W error \
    $clients/py_agent.py "$url" "$key" >"$WORK/agent.log" 2>&1 </dev/null &
agent=$!
started+=("$agent")
result_of() { devmesh tasks create "$1" --input '{"n":21}' --needs python@3 --wait --output json | jq -c "$2"; }
is() { [ "$(result_of "$1" "$2")" = "$3" ]; }
called_off() {
    local id
    id=$(devmesh tasks create py_endless --needs python@3 --output json | jq -r .id)
    wait_for 20 $agent is_at "$id" in_progress && devmesh tasks cancel "$id" && wait_for 20 $agent grep -q 'called off' "$WORK/agent.log"
}
is_at() { [ "$(devmesh tasks show "$1" --output json | jq -r .state)" = "$2" ]; }
ends() { kill "$agent" && wait "$agent" && grep -q 'ended in order' "$WORK/agent.log"; }
check "an agent in Python does a task" is py_double .result '{"n":42,"attempt":1}'
check "what fails at first is tried again" is py_second .result 2
check "a result outlives its connection" is py_break .result '"over another connection"'
check "it resumes its session after a break" is py_resumed .result true
talked='[2,4,6,8,10,12,14,16,18,20,22,24,26,28,30,32,34,36,38,40,42,0]'
check "messages are read and answered in order, each once, over a break too" is py_talk .result "$talked"
check "a result that cannot be sent is a failure, and said" is py_unsendable .error.kind '"result_refused"'
check "progress that is refused stops nothing" is py_beyond .result '"done all the same"'
check "a task that is cancelled is called off" called_off
check "it ends in order on SIGTERM" ends
[ "$FAILED" = 0 ] || sed 's/^/    /' "$WORK/agent.log"
finish
