#!/usr/bin/env bash
# A Prefect server, of which nobody here wrote a line: its own description becomes tools; state is changed through MCP and read back.
set -euo pipefail
. scripts/tests.d/lib/mesh.sh

python=$(tool_python prefect)

# No telemetry, no notes in anybody's home, SQLite; port 0 is not offered, so a free one is looked for.
apart=(env PREFECT_HOME="$WORK/prefect" HOME="$WORK" DO_NOT_TRACK=1 PREFECT_SERVER_ANALYTICS_ENABLED=false)
start_prefect() {
    local port pid
    for _ in 1 2 3; do
        port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
        "${apart[@]}" "$(dirname "$python")/prefect" server start --host 127.0.0.1 --port "$port" \
            --no-ui --no-services --analytics-off >"$WORK/prefect.log" 2>&1 </dev/null &
        pid=$!
        started+=("$pid")
        PREFECT=http://127.0.0.1:$port
        if wait_for 120 $pid curl -sf -o /dev/null "$PREFECT/api/health"; then return 0; fi
    done
    say "Prefect did not start:"
    cat "$WORK/prefect.log" >&2
    return 1
}

# Every tool is listed here, however many there are; what large catalogues are shown has its own tests.
start_mesh --set mcp_server.mcp.tools.direct_limit=1000
start_prefect
curl -sf "$PREFECT/openapi.json" >"$WORK/description.json"
operations=$(jq '[.paths[] | keys[] | select(IN("get", "put", "post", "delete", "options", "head", "patch", "trace"))] | length' "$WORK/description.json")

imported() {
    devmesh tools add prefect --openapi "$PREFECT/openapi.json" --base-url "$PREFECT/api" --allow-host 127.0.0.1 --output json \
        | tee "$WORK/import.json"
    # Each operation is a tool, or is listed with its reason.
    jq -e --argjson all "$operations" '.state == "done" and .result.tools > 100
        and .result.tools + (.result.skipped | length) == $all and all(.result.skipped[]; .reason != "")' "$WORK/import.json"
}
check "Prefect's own description is imported ($operations operations)" imported

# The rest is said over MCP by the newest released Python SDK, and checked on Prefect itself.
key=$(devmesh keys create prefect-user --kind agent --output json | jq -r .secret)
"$(tool_python mcp-newest)" scripts/tests.d/lib/clients/prefect.py "$MESH_URL" "$key" "$PREFECT/api" \
    >"$WORK/client.log" 2>&1 </dev/null || true
count_checks "Prefect through MCP" "$WORK/client.log"

as_job() {
    devmesh tools call prefect_create_flow_flows_post --args '{"name": "made-by-a-job"}' --async --wait --output json
    curl -sf "$PREFECT/api/flows/name/made-by-a-job" | jq -e '.name == "made-by-a-job"'
}
check "a call that runs as a job changes Prefect's state" as_job

finish
