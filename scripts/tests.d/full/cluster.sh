#!/usr/bin/env bash
# scripts/cluster: the separate processes on servers of their own answer a tool call through either replica, run a call
# as a job, and stop by process id with nothing left behind.
set -euo pipefail
# The run's own servers are not this cluster's, and their variables are no settings.
unset "${!DEVMESH_TEST_@}"
export BUILD_PROFILE=dev
dir=$(mktemp -d)
trap 'scripts/cluster down "$dir"; rm -rf "$dir"' EXIT
passed=0 failed=0

check() {
    local what=$1
    shift
    if "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAILED: $what"; fi
}

devmesh() { "${CARGO_TARGET_DIR:-target}/debug/devmesh" --output json "$@"; }

scripts/cluster up --free-ports "$dir"
. "$dir/connection.env"
check 'every process is ready' scripts/cluster status "$dir"
check 'the first key is only for its owner' [ "$(stat -c %a "$dir/data/bootstrap.key")" = 600 ]
check 'the secrets are only for their owner' [ "$(stat -c %a "$dir/secrets")" = 700 ]

# rest-api itself is the API that becomes tools: its address is private and must be named.
curl -sf "$DEVMESH_URL/openapi.json" >"$dir/openapi.json"
devmesh tools add own --openapi "$dir/openapi.json" --base-url "$DEVMESH_URL" --auth bearer \
    --secret-file "$DEVMESH_API_KEY_FILE" --allow whoami --allow-host "${DEVMESH_URL#http://}" >/dev/null
for address in $(scripts/cluster status "$dir" | sed -n 's/^mcp-server.* //p'); do
    check "a tool answers through $address" eval "devmesh --mcp-url $address/mcp tools call own_whoami | grep -q '\"bootstrap\"'"
done
check 'a call runs as a job' eval "devmesh tools call own_whoami --async --wait | grep -q '\"bootstrap\"'"

pids=$(cat "$dir"/pids/*[!e])
scripts/cluster down "$dir"
# One that has ended has no program any more, also where nobody has collected its exit code yet.
left() { for pid in $pids; do readlink "/proc/$pid/exe" || true; done; }
check 'nothing is left behind' [ -z "$(left)" ]
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
