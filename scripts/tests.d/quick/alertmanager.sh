#!/usr/bin/env bash
# Alertmanager: each priority reaches whom it should, in and out of business hours, at a real one with recorders behind it;
# an aggregate silences its parts; scripts/silence and the Kubernetes hook silence and end.
set -euo pipefail
. scripts/tests.d/lib/mesh.sh
need_monitoring
need_commands jq curl
python=$(tool_python monitoring)

config=deploy/monitoring/alertmanager/alertmanager.yml
goes_to() { amtool config routes test --config.file=$config --verify.receivers="$1" product=devmesh "${@:2}" 2>/dev/null; }
check "amtool takes the configuration" amtool check-config $config
check "P0 is routed to PagerDuty" goes_to devmesh,pagerduty-critical priority=P0 alertname=X
check "P1 is routed to PagerDuty or Slack, by the hour" goes_to devmesh,pagerduty-business-hours,slack-warnings priority=P1 alertname=X
check "P2 is routed to Slack" goes_to devmesh,slack-warnings priority=P2 alertname=X
check "P3 is routed to the e-mail digest" goes_to devmesh,email-digest priority=P3 alertname=X
check "the Watchdog is routed to the dead man's switch" goes_to dead-mans-switch alertname=Watchdog priority=none

PYTHONPATH=scripts "$python" scripts/tests.d/lib/check_alertmanager.py >"$WORK/alertmanager.log" 2>&1 || true
count_checks "real Alertmanagers" "$WORK/alertmanager.log"
finish
