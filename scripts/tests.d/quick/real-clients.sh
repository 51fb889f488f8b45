#!/usr/bin/env bash
# Released MCP clients (Python and TypeScript SDKs, newest and oldest of each era) use the mesh over HTTP and the stdio bridge.
#
# Nothing of ours is between client and mesh; the upstream is tests.d/lib/workshop.py. Progress is asked of the engine
# with the conformance suite's provider behind it: no operation of an HTTP API reports any.
set -euo pipefail
. scripts/tests.d/lib/mesh.sh

clients=scripts/tests.d/lib/clients
node=$(tool_node)
packages=$(tool_node_modules clients)/node_modules

start_mesh
start_listening "$WORK/workshop.log" "$(tool_python node)" scripts/tests.d/lib/workshop.py
upstream=$LISTENING
start_listening "$WORK/fixture.log" "$bin/examples/conformance" --listen 127.0.0.1:0
fixture=$LISTENING
devmesh tools add workshop --openapi "$upstream/openapi.json" --base-url "$upstream" --allow-host 127.0.0.1
key=$(devmesh keys create real-clients --kind agent --output json | jq -r .secret)
wrong_key=$(devmesh keys create revoked --kind agent --output json | jq -r .secret)
devmesh keys revoke revoked >"$WORK/revoked"

# A description of one operation: importing it changes the tool list.
cat >"$WORK/added.json" <<JSON
{"openapi": "3.1.0", "info": {"title": "Added", "version": "1"}, "servers": [{"url": "$upstream"}],
 "paths": {"/tickets": {"get": {"operationId": "ping", "responses": {"200": {"description": "fine"}}}}}}
JSON

# The JSON that a client is told: see clients/scenario.py.
task() {
    jq -nc --arg name "$1" --arg way "$2" --arg mode "$3" --arg expect "$4" --arg key "$key" --arg wrong_key "$wrong_key" \
        --arg mesh "$MESH_URL" --arg fixture "$fixture" --arg upstream "$upstream" --arg bin "$bin/devmesh" \
        --arg data "$DATA" --arg description "$WORK/added.json" '
        def target(url): if $way == "http" then {url: url, key: $key}
            else {command: $bin, args: ["--mcp-url", url, "mcp"], env: {DEVMESH_API_KEY: $key}} end;
        {label: $name, mode: $mode, expect: $expect, upstream: $upstream, wrong_key: $wrong_key,
         target: target($mesh), fixture: target($fixture), added_tool: "\($name)_ping",
         add_tool: [$bin, "--data", $data, "tools", "add", $name, "--openapi", $description, "--allow-host", "127.0.0.1"]}'
}

# Runs one client (name, mode, the version that must be agreed on, its command) over both transports.
client() {
    local name=$1 mode=$2 expect=$3 way task
    shift 3
    for way in http stdio; do
        task=$(task "$name-$way" "$way" "$mode" "$expect")
        "$1" "$2" "$task" "${@:3}" >"$WORK/$name-$way.log" 2>&1 </dev/null || true
        count_checks "$name over $way" "$WORK/$name-$way.log"
    done
}

python_client() {
    client "$1" "$2" "$3" "$(tool_python "$4")" "$clients/$5.py"
}

python_client python-newest auto 2026-07-28 mcp-newest python_client
python_client python-newest-legacy legacy 2025-11-25 mcp-newest python_client
python_client python-oldest auto 2026-07-28 mcp-oldest-stateless python_client
python_client python-sessions legacy 2025-11-25 mcp-newest-sessions python_sessions
python_client python-sessions-old legacy 2025-11-25 mcp-oldest-sessions python_sessions

client ts-newest auto 2026-07-28 "$node" $clients/ts_client.mjs "$packages/client-newest"
client ts-newest-legacy legacy 2025-11-25 "$node" $clients/ts_client.mjs "$packages/client-newest"
client ts-oldest auto 2026-07-28 "$node" $clients/ts_client.mjs "$packages/client-oldest-stateless"
client ts-sessions legacy 2025-11-25 "$node" $clients/ts_sessions.mjs "$packages/sdk-newest-sessions"
client ts-sessions-old legacy 2025-11-25 "$node" $clients/ts_sessions.mjs "$packages/sdk-oldest-sessions"

# A framework of agents on top of a Python SDK.
python_client agent auto 2026-07-28 agent agent

finish
