#!/usr/bin/env bash
# Profiles of a mesh with traffic, read by Go's own pprof: names, deep stacks, what the tasks wait for; who may not, and one at a time.
set -euo pipefail
. scripts/tests.d/lib/mesh.sh
need_commands go jq curl

token=an-admin-token-of-this-test
export DEVMESH_REST_API__ADMIN_TOKEN=$token DEVMESH_WORKER__ADMIN_TOKEN=$token
# Closer than by default: of a mesh this small a stack for every four megabytes would show little.
export MALLOC_CONF=lg_prof_sample:17
start_mesh
unset MALLOC_CONF
export HOME=$WORK GOFLAGS=-mod=mod GOTELEMETRY=off

fetch() { curl -fsS --max-time 60 -H "Authorization: Bearer $token" "$API_URL/debug/pprof/$1" -o "$WORK/$2"; }
status() { curl -s -o /dev/null -w '%{http_code}' --max-time 60 "${@:2}" "$API_URL$1"; }
read_by_go() { go tool pprof "$@" 2>"$WORK/pprof.err" || { cat "$WORK/pprof.err"; return 1; }; }
# The deepest stack that `go tool pprof -traces` prints: a line for each frame, stacks are apart by dashes.
depth() { read_by_go -traces "$@" | awk '/^-----/ {n = 0; next} {n++; if (n > deepest) deepest = n} END {print deepest + 0}'; }
at_least() { echo "$2, at least $1 wanted"; [ "$2" -ge "$1" ]; }
has() { grep -q -- "$2" "$1" || { echo "no $2 in:"; head -60 "$1"; return 1; }; }

python3 - "$API_URL" "$ADMIN_KEY" <<'PY' &
import http.client, sys, time, urllib.parse
url, key = urllib.parse.urlparse(sys.argv[1]), sys.argv[2]
connection = http.client.HTTPConnection(url.hostname, url.port)
end = time.monotonic() + 30
while time.monotonic() < end:
    connection.request("GET", "/api/v1/tools", headers={"Authorization": f"Bearer {key}"})
    connection.getresponse().read()
PY
started+=($!)
load=$!

check "CPU: the profile is fetched" fetch "profile?seconds=3" cpu.pb.gz
check "CPU: as a flame graph" fetch "profile?seconds=1&format=svg" cpu.svg
check "heap: the profile is fetched" fetch heap heap.pb.gz
check "tasks: the profile is fetched" fetch tasks tasks.pb.gz
check "tasks: also under Go's name" fetch goroutine goroutine.pb.gz
check "tasks: as a flame graph" fetch "tasks?format=svg" tasks.svg

fetch "profile?seconds=2" second.pb.gz &
first=$!
sleep 0.5 # the first one is under way: nothing outside shows that sooner
check "a second profile meanwhile is refused with 409" \
    test "$(status /debug/pprof/heap -H "Authorization: Bearer $token")" = 409
wait $first
check "without the token nobody gets one" test "$(status /debug/pprof/heap)" = 401
check "with an API key nobody gets one" test "$(status /debug/pprof/heap -H "Authorization: Bearer $ADMIN_KEY")" = 401
kill $load 2>/dev/null || true

read_by_go -top -nodecount=2000 "$WORK/cpu.pb.gz" >"$WORK/cpu.top"
read_by_go -top -nodecount=2000 -sample_index=inuse_space "$WORK/heap.pb.gz" >"$WORK/heap.top"
read_by_go -traces "$WORK/tasks.pb.gz" >"$WORK/tasks.traces"
check "CPU: Go's pprof names the functions of rest-api" has "$WORK/cpu.top" 'rest_api::'
check "CPU: stacks are deep" at_least 20 "$(depth "$WORK/cpu.pb.gz")"
check "heap: Go's pprof names functions" has "$WORK/heap.top" 'alloc::\|tokio::\|rest_api::'
check "heap: stacks are deep" at_least 10 "$(depth "$WORK/heap.pb.gz")"
check "heap: it adds up to megabytes" has "$WORK/heap.top" 'of [0-9.]*MB total'
check "tasks: the relay is seen where it waits" has "$WORK/tasks.traces" 'rest_api::parts::relay'
check "tasks: each says its state" has "$WORK/tasks.traces" 'state: *waiting'
check "tasks: and where it was started" has "$WORK/tasks.traces" 'started_at: .*rest-api/src/service.rs'
check "pictures are well-formed and have boxes" python3 - "$WORK/cpu.svg" "$WORK/tasks.svg" <<'PY'
import sys, xml.etree.ElementTree as tree
for path in sys.argv[1:]:
    boxes = tree.parse(path).getroot().findall("{http://www.w3.org/2000/svg}g")
    assert len(boxes) > 20, f"{path}: {len(boxes)} boxes"
PY
finish
