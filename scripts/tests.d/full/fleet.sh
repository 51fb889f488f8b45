#!/usr/bin/env bash
# No acknowledged task is lost and none has two results while every process and server is killed around 200 agents and 5,000 tasks.
set -euo pipefail
"${CARGO_TARGET_DIR:-target}/debug/fleet" run --agents 200 --crews 10 --tasks 5000 --rounds 2
