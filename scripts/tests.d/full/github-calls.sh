#!/usr/bin/env bash
# Every operation of GitHub's description is called over MCP, with the required and with all fields: Prism accepts the requests, and they are what was asked.
#
# Arguments come from the tools' schemas by a seed; give another one as the argument. Why Prism refuses some, and whose fault it
# is, says scripts/tests.d/lib/github_calls/refusals.json; the run fails on a refusal that is not explained there.
set -euo pipefail
. scripts/tests.d/lib/mesh.sh

seed=${1:-1}
calls=scripts/tests.d/lib/github_calls
# The program itself: the tool is a script that starts it, and ending the script would leave it running.
node=$("$(tool_node)" -p process.execPath)
prism=$(tool_node_modules prism)
generated=$(tool_node_modules descriptions)/node_modules/@octokit/openapi/generated

start_prism() {
    local port pid
    for _ in 1 2 3; do
        port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
        "$node" "$prism/node_modules/@stoplight/prism-cli/dist/index.js" mock --host 127.0.0.1 --port "$port" \
            "$generated/api.github.com.json" >"$WORK/prism.log" 2>&1 </dev/null &
        pid=$!
        started+=("$pid")
        PRISM=http://127.0.0.1:$port
        if wait_for 180 $pid grep -q 'Prism is listening' "$WORK/prism.log"; then return 0; fi
    done
    say "Prism did not start:"
    tail -20 "$WORK/prism.log" >&2
    return 1
}

# Every tool is listed: their schemas are what the arguments are made from.
start_mesh --set mcp_server.mcp.tools.direct_limit=5000
start_prism
KEY=$(devmesh keys create calls --kind agent --output json | jq -r .secret)
export KEY VERDICTS=${VERDICTS:-$WORK/verdicts.json}

mkfifo "$WORK/go"
: >"$WORK/arguments.jsonl"
python3 $calls/run.py "$generated/api.github.com.deref.json" "$WORK/arguments.jsonl" $calls/refusals.json "$PRISM" \
    <"$WORK/go" >"$WORK/run.log" 2>&1 &
run=$!
started+=("$run")
exec 8>"$WORK/go"
wait_for 60 $run grep -q '^listening on ' "$WORK/run.log" || { cat "$WORK/run.log" >&2; exit 1; }
recorder=$(sed -n 's/^listening on //p' "$WORK/run.log")

# One operation has a server of its own, for uploads; it is sent to the mock like the others.
jq --arg at "$recorder" '.paths |= map_values(map_values(if type == "object" and has("servers") then .servers = [{url: $at}] else . end))' \
    "$generated/api.github.com.json" >"$WORK/description.json"
devmesh tools add github --openapi "$WORK/description.json" --base-url "$recorder" --allow-host 127.0.0.1 --output json >"$WORK/import.json"
tools=$(jq .result.tools "$WORK/import.json")
# The edge hears of them one after another.
all_listed() {
    python3 $calls/mesh.py "$MESH_URL" "$KEY" | jq 'map(select(.name | startswith("github_")))' >"$WORK/tools.json"
    [ "$(jq length "$WORK/tools.json")" = "$tools" ]
}
wait_for 60 $run all_listed
"$node" $calls/arguments.mjs "$prism" "$seed" <"$WORK/tools.json" >"$WORK/arguments.jsonl"
echo go >&8
wait $run || true
grep ' calls: ' "$WORK/run.log" || true
count_checks "GitHub, call by call (seed $seed)" "$WORK/run.log"
finish
