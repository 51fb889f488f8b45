#!/usr/bin/env bash
# Two thousand seeds of the simulation of agents and tasks (crates/rest-api/tests/simulation), in eight parts. A seed that fails is printed
# with its last steps; SIMULATION_SEED=n plays it again.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cargo test -q --workspace --test simulation --no-run
part() {
    SIMULATION_FIRST=$1 SIMULATION_SEEDS=250 cargo test -q --workspace --test simulation no_task_is_lost >"$2/$1.log" 2>&1 ||
        { sed 's/^/    /' "$2/$1.log"; echo "FAILED: seeds from $1"; }
}
export -f part
seq 0 250 1999 | xargs -P "$(nproc)" -I{} bash -c 'part {} "$0"' "$work" | tee "$work/failed"
failed=$(grep -c '^FAILED' "$work/failed" || true)
echo "$((2000 - 250 * failed)) passed, $failed failed"
[ "$failed" = 0 ]
