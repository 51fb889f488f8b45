#!/usr/bin/env bash
# Starts the monitoring pack around a running mesh, and says where everything is.
#
#   scripts/setup-monitoring.sh --local        Prometheus, Alertmanager, blackbox exporter and a trace collector as processes here,
#                                              from the system's packages; the mesh is found by its data directory
#   scripts/setup-monitoring.sh --compose      the same in containers, with Grafana; --traces and --logs add Tempo and Loki
#   scripts/setup-monitoring.sh --kubernetes   applies kubernetes/monitoring with kubectl
#   scripts/setup-monitoring.sh --grafana URL  imports the dashboards through the API of a Grafana that you have
#
# Safe to run twice: what runs stays, and reads its files again. --stop ends what was started, --status says what runs.
#
#   --install          with --local: installs missing packages (apt-get); without it they are only named
#   --data DIR         with --local and --compose: the mesh's data directory (.devmesh)
#   --dir DIR          where configuration, logs, pid files, data and secrets are kept (.monitoring)
#   --namespace NAME   with --kubernetes (monitoring)
#   --timezone ZONE    with --local and --compose: of the business hours in which P1 pages, as Europe/Berlin (as before, at first UTC)
#   PROMETHEUS_PORT ALERTMANAGER_PORT BLACKBOX_PORT COLLECTOR_PORT     with --local (9090 9093 9115 4317)
#   GRAFANA_TOKEN, or GRAFANA_USER and GRAFANA_PASSWORD                 with --grafana; each also as NAME_FILE
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
pack=$root/deploy/monitoring
mode='' action=start install=no data=.devmesh dir=.monitoring namespace=monitoring timezone='' grafana='' profiles=()

say() { printf "%s\n" "$@"; }
fail() { printf "%s\n" "$*" >&2; exit 1; }
usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//p}' "$0"; }
need_value() { [ -n "${2:-}" ] || fail "$1 needs a value"; }

while [ $# -gt 0 ]; do
    case $1 in
        --local | --compose | --kubernetes) [ -z "$mode" ] || fail "one of --local, --compose, --kubernetes"; mode=${1#--} ;;
        --grafana) need_value "$@"; grafana=${2%/}; shift ;;
        --stop | --status) action=${1#--} ;;
        --install) install=yes ;;
        --traces) profiles+=(--profile traces) ;;
        --logs) profiles+=(--profile logs) ;;
        --data) need_value "$@"; data=$2; shift ;;
        --dir) need_value "$@"; dir=$2; shift ;;
        --namespace) need_value "$@"; namespace=$2; shift ;;
        --timezone) need_value "$@"; timezone=$2; shift ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; fail "unknown option $1" ;;
    esac
    shift
done
[ -n "$mode$grafana" ] || { usage >&2; exit 1; }

# Alertmanager would tell it in its log only. Without a list of zones on this machine it is the judge.
known_zone() {
    case $1 in
        UTC) return ;;
        /* | *[!A-Za-z0-9/_+-]*) return 1 ;;
    esac
    [ ! -d /usr/share/zoneinfo ] || [ -f "/usr/share/zoneinfo/$1" ]
}
[ -z "$timezone" ] || known_zone "$timezone" || fail "--timezone $timezone: no such zone (write it as Europe/Berlin; \`timedatectl list-timezones\` lists them)"

# The directory is this script's alone: it is closed to others, and parts of it are written anew each time.
own_dir() {
    local mark=$dir/.devmesh-monitoring
    [ -e "$mark" ] || [ -z "$(ls -A "$dir" 2>/dev/null)" ] || fail "--dir $dir: something else is in there; name a new or an empty directory"
    mkdir -p "$dir"
    chmod 700 "$dir"
    : >"$mark"
}

# Secrets that Alertmanager and the probes read. Empty files are made, so that all can start; what they lead to is told.
make_secrets() {
    local name
    own_dir
    mkdir -p "$dir/secrets"
    for name in pagerduty_key slack_url smtp_password devmesh_key synthetic_key; do
        [ -e "$dir/secrets/$name" ] || : >"$dir/secrets/$name"
    done
    [ -e "$dir/secrets/grafana_password" ] || head -c 18 /dev/urandom | base64 >"$dir/secrets/grafana_password"
    chmod 755 "$dir/secrets"
    chmod 644 "$dir"/secrets/*
}

# What an operator has to do before anybody is told of an alert.
name_empty_secrets() {
    local name empty=()
    for name in pagerduty_key slack_url smtp_password devmesh_key synthetic_key; do
        [ -s "$dir/secrets/$name" ] || empty+=("$name")
    done
    [ ${#empty[@]} = 0 ] || say "" "Nobody is told by: ${empty[*]} (empty files in $dir/secrets; fill them, then run this again)."
}

# shellcheck source=scripts/lib/monitoring/parts.sh
. "$root/scripts/lib/monitoring/parts.sh"
# shellcheck source=scripts/lib/monitoring/local.sh
. "$root/scripts/lib/monitoring/local.sh"
# shellcheck source=scripts/lib/monitoring/compose.sh
. "$root/scripts/lib/monitoring/compose.sh"
# shellcheck source=scripts/lib/monitoring/kubernetes.sh
. "$root/scripts/lib/monitoring/kubernetes.sh"
# shellcheck source=scripts/lib/monitoring/grafana.sh
. "$root/scripts/lib/monitoring/grafana.sh"

[ -z "$mode" ] || "${mode}_$action"
[ -z "$grafana" ] || grafana_import
