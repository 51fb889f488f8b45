#!/usr/bin/env bash
# A mesh of three services under a real Prometheus and Alertmanager: traffic with errors feeds panels, rules and aliases, one alert
# arrives with its runbook and ends, a milder one is held back, and the mesh has written them down.
set -euo pipefail
. scripts/lib/install.sh
unset "${!DEVMESH_@}"
need_servers
need_monitoring
need_commands yaml
bin=$(realpath -m "${CARGO_TARGET_DIR:-target}/debug")
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=scripts exec "$bin/test-servers" run -- python3 -m lib.live --binaries "$bin" --quick
