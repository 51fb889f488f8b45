#!/usr/bin/env bash
# Every sh block of these pages runs, and prints what the page says.
set -euo pipefail
exec python3 scripts/tests.d/lib/run_docs.py --profile dev README.md docs/install.md docs/operations.md docs/monitoring.md
