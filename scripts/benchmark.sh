#!/usr/bin/env bash
# Measures the mesh beside what it is compared with, and writes the figures into docs/benchmarks.md.
#
#   scripts/benchmark.sh            everything, release build; about 10 minutes after the build
#   scripts/benchmark.sh --quick    a minute with the debug build: shows that it works, writes nothing into docs
#
# Machines are shared and noisy: what is compared runs interleaved in one run, on the same cores as the load.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}

# worker BUILD ARGUMENT…: the scenario that needs servers, on those of a run of the tests or on its own.
worker() {
    local built=$target/$1
    "$built/test-servers" run --only postgres,rabbitmq -- "$built/bench" worker --devmesh "$built/devmesh" "${@:2}"
}

case ${1:-} in
    '') ;;
    --quick)
        cargo build --workspace --bins --locked
        for what in calls up; do
            "$target/debug/bench" "$what" --quick --devmesh "$target/debug/devmesh" --figures "$target/bench-quick"
        done
        worker debug --quick --figures "$target/bench-quick"
        cp docs/benchmarks.md "$target/bench-quick/"
        "$target/debug/bench" report --figures "$target/bench-quick" --document "$target/bench-quick/benchmarks.md"
        exit 0
        ;;
    *) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0"; [ "$1" = --help ] && exit 0 || exit 2 ;;
esac

(. scripts/lib/install.sh && need_servers)
cargo build --release --locked -p devmesh -p rest-api -p worker -p test-support -p bench
for what in calls up; do
    "$target/release/bench" "$what" --devmesh "$target/release/devmesh" --figures "$target/bench"
done
worker release --figures "$target/bench"
"$target/release/bench" report --figures "$target/bench"
