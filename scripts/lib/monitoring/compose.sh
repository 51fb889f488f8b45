# shellcheck shell=bash
# --compose: containers. Part of setup-monitoring.sh.

compose() {
    MONITORING_SECRETS=$(cd "$dir" && pwd)/secrets ALERTMANAGER_CONFIG=$(cd "$dir" && pwd)/alertmanager.yml \
        docker compose -p devmesh-monitoring -f "$root/docker-compose.monitoring.yml" "$@"
}

compose_start() {
    command -v docker >/dev/null || fail "docker is not installed (or use --local, which needs no containers)"
    docker compose version >/dev/null 2>&1 || fail "docker has no compose plugin (docker-compose-plugin)"
    docker info >/dev/null 2>&1 || fail "docker does not answer: is it started, and are you in its group?"
    make_secrets
    if [ -s "$data/running.json" ] && command -v jq >/dev/null; then
        mesh_addresses
        make_keys
    fi
    local port
    choose_timezone
    sed "s#&zone UTC#\&zone $timezone#" "$pack/compose/alertmanager.yml" >"$dir/alertmanager.yml"
    for port in 8080 8081 8082; do
        curl -fsS --max-time 3 -o /dev/null "http://127.0.0.1:$port/health" 2>/dev/null ||
            say "No service of the mesh answers on 127.0.0.1:$port (containers reach it only if it listens on 0.0.0.0)"
    done
    compose "${profiles[@]}" up -d --wait
    say "" "Grafana       http://127.0.0.1:3000   admin, password in $dir/secrets/grafana_password; MCP Overview is home" \
        "Prometheus    http://127.0.0.1:9090   look first at /targets and /alerts" \
        "Alertmanager  http://127.0.0.1:9093   scripts/silence list" \
        "Pushgateway   http://127.0.0.1:9091"
    case " ${profiles[*]} " in *" traces "*) say "Collector     127.0.0.1:4317 (OTLP), Tempo behind it: Grafana, Explore" ;; esac
    case " ${profiles[*]} " in *" logs "*) say "Loki          http://127.0.0.1:3100; Alloy reads \${DEVMESH_LOGS:-/var/log/mcp}/*.log and containers labelled devmesh.logs=true" ;; esac
    say "Ended by      scripts/setup-monitoring.sh --compose --stop"
    name_empty_secrets
}

compose_stop() {
    mkdir -p "$dir"
    compose --profile traces --profile logs --profile jaeger down
}

compose_status() {
    mkdir -p "$dir"
    compose --profile traces --profile logs --profile jaeger ps
}
