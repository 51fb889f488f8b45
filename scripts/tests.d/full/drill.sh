#!/usr/bin/env bash
# Alerts by drill, all of them: every shipped alert is raised by a fault in a process, a file or the network of a real mesh.
set -euo pipefail
DRILL_WITHOUT_BUILD=yes exec scripts/drill --all
