#!/usr/bin/env bash
# `devmesh top` on a terminal: the screen fills with the services, `q` ends it and gives the old screen back.
set -euo pipefail
. scripts/tests.d/lib/mesh.sh
start_mesh
check "on a terminal" python3 scripts/tests.d/lib/top_on_a_terminal.py "$bin/devmesh" --data "$DATA" top --interval 1
finish
