#!/usr/bin/env bash
# Every panel, rule and alias that is shipped, and every query of the monitoring guides, answers with data of a real mesh: traffic
# through its doors, and the incidents that some of them are there for. `--record` writes docs/guide-queries.md.
set -euo pipefail
. scripts/lib/install.sh
unset "${!DEVMESH_@}"
need_servers
need_monitoring
need_commands yaml psql
bin=$(realpath -m "${CARGO_TARGET_DIR:-target}/debug")
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=scripts exec "$bin/test-servers" run -- python3 -m lib.live --binaries "$bin" --large "$@"
