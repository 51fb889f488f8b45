#!/usr/bin/env bash
# The effect ledger agrees with the upstream's log after 30 times kill -9 of every service during 2,000 calls.
set -euo pipefail
bin=${CARGO_TARGET_DIR:-target}/debug
"$bin/chaos" --seed 7 --kills 30 --calls 2000 --mesh cluster
echo "1 passed, 0 failed"
