#!/usr/bin/env bash
# schemathesis calls our own HTTP API with all that its OpenAPI description allows, and more: no 5xx, nothing undocumented.
#
# A seed makes much the same calls each time; give another one, or more of them, as arguments: `--seed 7 --max-examples 500`.
set -euo pipefail
. scripts/tests.d/lib/mesh.sh

python=$(tool_python schemathesis)
start_mesh
start_listening "$WORK/workshop.log" "$python" scripts/tests.d/lib/workshop.py
for name in kept doomed; do
    devmesh tools add $name --openapi "$LISTENING/openapi.json" --base-url "$LISTENING" --allow-host 127.0.0.1
done
make_key() { devmesh keys create "$@" --output json; }
created=$(make_key schemathesis --kind admin)
REAL_THINGS=$(jq -n --argjson own "$created" --argjson kept "$(make_key kept)" --argjson doomed "$(make_key doomed)" \
    --argjson jobs "$(devmesh jobs list --output json)" '
    {own_key: $own.key.id,
     kept: {tools: "kept_list_tickets", providers: "kept", keys: $kept.key.id, jobs: ($jobs[0].id)},
     doomed: {providers: "doomed", keys: $doomed.key.id}}')
settings=$PWD/scripts/tests.d/lib/schemathesis
export REAL_THINGS SCHEMATHESIS_HOOKS=real_things PYTHONPATH=$settings

# Not checked: that all that the description allows is accepted. It cannot say which cursors, ETags and names exist.
# Keys are not made up: each call would only be refused. That calls without one are refused is checked (ignored_auth).
cd "$WORK"
status=0
timeout 900 "$(dirname "$python")/schemathesis" --config-file "$settings/schemathesis.toml" run "$API_URL/openapi.json" --no-color \
    -H "Authorization: Bearer $(jq -r .secret <<<"$created")" --exclude-checks positive_data_acceptance \
    --generation-with-security-parameters false --generation-database none --seed 1 --max-examples 60 \
    --request-timeout 70 --continue-on-failure "$@" >schemathesis.log 2>&1 || status=$?
sed -n '/^=* \(FAILURES\|ERRORS\)/,/^=* \(WARNINGS\|SUMMARY\)/p; /^API Operations/,$p' schemathesis.log

# `Test cases:` is followed by `N generated, N passed, N skipped` or `N generated, N found N unique failures, …`.
summary=$(grep -A1 '^Test cases:' schemathesis.log | tail -1 || true)
[[ $summary =~ ([0-9]+)\ generated ]] && PASSED=${BASH_REMATCH[1]}
[[ $summary =~ ([0-9]+)\ found ]] && FAILED=${BASH_REMATCH[1]}
PASSED=$((PASSED - FAILED))
# A run that found nothing and still failed could not do its work.
[ $status = 0 ] || [ "$FAILED" != 0 ] || FAILED=1
finish
