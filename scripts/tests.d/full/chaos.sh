#!/usr/bin/env bash
# The effect ledger agrees with the upstream's log after 30 times kill -9 of every service, and two outages of everything, during 2,000 calls; in a cluster and as devmesh up.
set -euo pipefail
bin=${CARGO_TARGET_DIR:-target}/debug
for mesh in cluster up; do
  "$bin/chaos" --seed 7 --kills 30 --outages 2 --calls 2000 --mesh "$mesh"
done
echo "2 passed, 0 failed"
