#!/usr/bin/env bash
# Measures the mesh beside what it is compared with, and writes the figures into docs/benchmarks.md.
#
#   scripts/benchmark.sh            everything, release build; about 16 minutes after the build
#   scripts/benchmark.sh --quick    some minutes with the debug build: shows that it works, writes nothing into docs
#
# Machines are shared and noisy: what is compared runs interleaved in one run, on the same cores as the load.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
. scripts/lib/install.sh

case ${1:-} in
    '') build=release quick=() document=docs/benchmarks.md figures=$target/bench ;;
    --quick) build=debug quick=(--quick) document=$target/bench-quick/benchmarks.md figures=$target/bench-quick ;;
    *) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0"; [ "$1" = --help ] && exit 0 || exit 2 ;;
esac

need_servers
need_commands valgrind
github=${DEVMESH_TEST_GITHUB_OPENAPI:-$(tool_node_modules descriptions)/node_modules/@octokit/openapi/generated/api.github.com.json}
if [ $build = debug ]; then
    cargo build --workspace --bins --locked
    mkdir -p "$figures"
    cp docs/benchmarks.md "$document"
else
    cargo build --release --locked -p devmesh -p rest-api -p mcp-server -p worker -p test-support -p bench
fi

# bench SCENARIO ARGUMENT…
bench() { "$target/$build/bench" "$@" "${quick[@]}" --devmesh "$target/$build/devmesh" --figures "$figures"; }

bench calls
bench telemetry
bench instructions
bench bulkhead
bench up
bench import --description "$github"
# On the servers of a run of the tests, or on some of its own.
"$target/$build/test-servers" run --only postgres,rabbitmq -- \
    "$target/$build/bench" worker "${quick[@]}" --devmesh "$target/$build/devmesh" --figures "$figures"
"$target/$build/test-servers" run -- \
    "$target/$build/bench" agents "${quick[@]}" --devmesh "$target/$build/devmesh" --figures "$figures"
"$target/$build/bench" report --figures "$figures" --document "$document"
