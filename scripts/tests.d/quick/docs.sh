#!/usr/bin/env bash
# Every sh block of README.md and docs/install.md runs, and prints what the page says.
set -euo pipefail
exec python3 scripts/tests.d/lib/run_docs.py --profile dev README.md docs/install.md
