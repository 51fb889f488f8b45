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
finish
