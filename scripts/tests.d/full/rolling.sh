#!/usr/bin/env bash
# Every process is restarted three times, in order, under 200 calls a second for ten minutes, behind the proxy that compose ships: no call
# fails, though no client tries again, and the slowest in a hundred takes less than a second.
set -euo pipefail
. scripts/lib/install.sh
need_commands haproxy
"${CARGO_TARGET_DIR:-target}/debug/rolling" --seconds 600 --rate 200 --rounds 3
