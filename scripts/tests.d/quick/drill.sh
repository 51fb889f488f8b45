#!/usr/bin/env bash
# Alerts by drill, the quick ones: a killed service, a frozen one, Redis away, Prometheus itself gone. Each alert arrives at a
# webhook with its runbook, whose diagnosis runs, and ends once the fault is mended.
set -euo pipefail
DRILL_WITHOUT_BUILD=yes exec scripts/drill --quick
