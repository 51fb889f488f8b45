#!/usr/bin/env bash
# What is shipped, without an engine: the Compose files against the specification's schema, docker-compose and the code (every
# variable, port, path, name and file is there), the secrets that scripts/secrets makes, the Dockerfile against hadolint, the
# build's context; the Kubernetes objects of each overlay against three versions' API descriptions, the pod security standard
# "restricted", and the settings, ports, paths, secrets and metrics of the code; the workflows against GitHub's own parser and zizmor.
set -euo pipefail
unset "${!DEVMESH_TEST_@}"
. scripts/lib/install.sh
need_commands docker-compose haproxy openssl setpriv unshare
python=$(tool_python shipping)
modules=$(tool_node_modules shipping)/node_modules
lib=scripts/tests.d/lib/shipping
bin=$(realpath -m "${CARGO_TARGET_DIR:-target}/debug")
passed=0 failed=0

# run NAME PROGRAM…: its last line has the counts.
run() {
    local name=$1 said
    shift
    said=$("$python" "$lib/$name.py" "$@" 2>&1) || true
    printf '%s: %s\n' "$name" "$said"
    said=${said##*$'\n'}
    if [[ $said =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
        passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2]))
    else
        failed=$((failed + 1))
    fi
}

run check_compose "$modules/dclint/schemas/compose.schema.json" "$bin"
run check_image "$bin"
run check_manifests "$bin"
run check_workflows "$(tool_node)" "$(tool_node_modules workflows)/node_modules" "$(dirname "$(tool_python workflows)")/zizmor" \
    "$(dirname "$python")/shellcheck"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
