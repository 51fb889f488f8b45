#!/usr/bin/env bash
# Dashboards against Grafana's schema and the grammars of its languages. Rules and alerts: promtool's checks, a test of each alert
# that fires and one that stays silent, a runbook for each, only series that are emitted. docs/coverage.md against the tree; then a real Prometheus over a running mesh, which must have data for every rule that traffic feeds.
set -euo pipefail
. scripts/lib/install.sh
need_monitoring
rules=deploy/monitoring/prometheus
promtool check config --syntax-only "$rules/prometheus.yml" >/dev/null
promtool check rules "$rules"/rules/*.yml "$rules"/alerts/*.yml >/dev/null
promtool test rules "$rules"/tests/*.yml >/dev/null
python3 scripts/tests.d/lib/check_coverage.py
"$(tool_node)" scripts/tests.d/lib/check_dashboards.mjs "$(tool_node_modules monitoring)" deploy/monitoring
PYTHONPATH=scripts python3 scripts/tests.d/lib/check_monitoring.py "${CARGO_TARGET_DIR:-target}/debug/devmesh"
