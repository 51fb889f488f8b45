# shellcheck shell=bash
# A mesh of one test: `devmesh up` on free ports, with a data directory that is gone afterwards.
#
# Source it from the top of the repository, then
#   start_mesh                 sets MESH_URL (MCP), API_URL, DATA and ADMIN_KEY
#   devmesh tools list         the command line, for that mesh
#   start_listening LOG CMD…   starts CMD and sets LISTENING to the address in its line `listening on ADDRESS`
#   check NAME CMD…            one check; its output is shown when it fails
#   finish                     the last line, and the exit code
# What was started is ended by process id however the script ends.

. scripts/lib/install.sh
# What the run says to the Rust tests is no setting of the mesh.
unset "${!DEVMESH_TEST_@}"

bin=$(realpath -m "${CARGO_TARGET_DIR:-target}/debug")
WORK=$(mktemp -d)
DATA=$WORK/mesh
PASSED=0
FAILED=0
started=()

clean_up() {
    local pid
    for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${started[@]}"; do wait "$pid" 2>/dev/null || true; done
    rm -rf "$WORK"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

devmesh() { "$bin/devmesh" --data "$DATA" "$@"; }

# Waits until the arguments succeed: at most $1 seconds, and no longer than process $2 lives.
wait_for() {
    local deadline=$((SECONDS + $1)) pid=$2
    shift 2
    until "$@"; do
        if ! kill -0 "$pid" 2>/dev/null || [ $SECONDS -ge $deadline ]; then return 1; fi
        sleep 0.1
    done
}

start_mesh() {
    "$bin/devmesh" --data "$DATA" up --mcp-port 0 --api-port 0 --worker-port 0 --logs stdout \
        "$@" >"$WORK/mesh.log" 2>"$WORK/mesh.err" </dev/null &
    local pid=$!
    started+=("$pid")
    if ! wait_for 60 $pid test -s "$DATA/running.json"; then
        say "devmesh up did not start:"
        cat "$WORK/mesh.err" >&2
        tail -20 "$WORK/mesh.log" >&2
        return 1
    fi
    MESH_URL=$(jq -r .mcp_url "$DATA/running.json")
    API_URL=$(jq -r '.api_url | rtrimstr("/")' "$DATA/running.json")
    ADMIN_KEY=$(tr -d '\n' <"$DATA/bootstrap.key")
    export MESH_URL API_URL ADMIN_KEY
}

start_listening() {
    local log=$1
    shift
    : >"$log"
    "$@" >"$log" 2>&1 </dev/null &
    local pid=$!
    started+=("$pid")
    if ! wait_for 60 $pid grep -q '^listening on ' "$log"; then
        say "$1 did not start:"
        cat "$log" >&2
        return 1
    fi
    LISTENING=$(sed -n 's/^listening on //p;T;q' "$log")
}

check() {
    local name=$1
    shift
    if "$@" >"$WORK/check.log" 2>&1; then
        PASSED=$((PASSED + 1))
        echo "ok: $name"
    else
        FAILED=$((FAILED + 1))
        echo "FAILED: $name"
        sed 's/^/    /' "$WORK/check.log"
    fi
}

# Counts the lines `ok: …` and `FAILED: …` of a program that checks several things itself; it must end with `end`.
count_checks() {
    local name=$1 log=$2 passed failed
    passed=$(grep -c '^ok: ' "$log" || true)
    failed=$(grep -c '^FAILED: ' "$log" || true)
    [ "$(tail -1 "$log")" = end ] || failed=$((failed + 1))
    PASSED=$((PASSED + passed)) FAILED=$((FAILED + failed))
    echo "$name: $passed passed, $failed failed"
    [ "$failed" = 0 ] || sed 's/^/    /' "$log"
}

finish() {
    if [ "$FAILED" != 0 ] && [ -s "$WORK/mesh.log" ]; then
        say "The mesh's last warnings and errors:"
        grep -E '"level":"(warn|error)"|WARN|ERROR' "$WORK/mesh.log" | tail -20 >&2 || true
    fi
    echo "$PASSED passed, $FAILED failed"
    [ "$FAILED" = 0 ]
}
