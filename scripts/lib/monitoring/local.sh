# shellcheck shell=bash
# --local: ordinary processes, for machines without containers. Part of setup-monitoring.sh.

parts=(collector blackbox alertmanager prometheus)

# The port of each part: the one that is asked for, else the one where it runs already, else its usual one.
choose_ports() {
    local part
    for part in prometheus:9090 alertmanager:9093 blackbox:9115 collector:4317; do
        choose_port "${part%:*}" "${part#*:}"
    done
}

choose_port() {
    local variable=${1^^}_PORT usual=$2
    if runs "$1" && [ -s "$dir/run/$1.port" ]; then usual=$(cat "$dir/run/$1.port"); fi
    printf -v "$variable" %s "${!variable:-$usual}"
}

# The first of the commands that is here.
program() {
    local name
    for name in "$@"; do
        if command -v "$name"; then return; fi
    done
    return 1
}

local_start() {
    local_programs
    mesh_addresses
    mkdir -p "$dir"
    dir=$(cd "$dir" && pwd)
    make_secrets
    mkdir -p "$dir"/{run,log,data}
    choose_ports
    choose_timezone
    make_keys
    render_local
    start_part alertmanager "http://127.0.0.1:$ALERTMANAGER_PORT/-/ready" "$alertmanager_program" \
        --config.file="$dir/etc/alertmanager/alertmanager.yml" --storage.path="$dir/data/alertmanager" \
        --web.listen-address="127.0.0.1:$ALERTMANAGER_PORT" --cluster.listen-address=
    start_part blackbox "http://127.0.0.1:$BLACKBOX_PORT/-/healthy" "$blackbox_program" \
        --config.file="$dir/etc/blackbox.yml" --web.listen-address="127.0.0.1:$BLACKBOX_PORT"
    # What fires before Prometheus has found Alertmanager is lost until it is sent again, by default only after a minute.
    start_part prometheus "http://127.0.0.1:$PROMETHEUS_PORT/-/ready" "$prometheus_program" \
        --config.file="$dir/etc/prometheus/prometheus.yml" --storage.tsdb.path="$dir/data/prometheus" \
        --storage.tsdb.retention.time=40d --enable-feature=exemplar-storage --rules.alert.resend-delay=15s --web.listen-address="127.0.0.1:$PROMETHEUS_PORT"
    if [ -n "$collector_program" ]; then
        start_part collector "port:$COLLECTOR_PORT" "$collector_program" start --otlp-grpc-endpoint "127.0.0.1:$COLLECTOR_PORT" \
            --otlp-http-endpoint 127.0.0.1:0 --exporter blackhole --debug-log traces --debug-log-verbosity detailed
    fi
    local_told
}

local_programs() {
    local missing=()
    prometheus_program=$(program prometheus) || missing+=(prometheus)
    alertmanager_program=$(program prometheus-alertmanager alertmanager) || missing+=(prometheus-alertmanager)
    blackbox_program=$(program prometheus-blackbox-exporter blackbox_exporter) || missing+=(prometheus-blackbox-exporter)
    command -v curl >/dev/null || missing+=(curl)
    command -v jq >/dev/null || missing+=(jq)
    if [ ${#missing[@]} -gt 0 ]; then
        [ $install = yes ] || fail "Not installed: ${missing[*]}" "(--install gets them with apt-get)"
        # shellcheck source=scripts/lib/install.sh
        (. "$root/scripts/lib/install.sh" && need_monitoring && need_commands prometheus-blackbox-exporter curl jq)
        install=done
        local_programs
        return
    fi
    find_collector || true
}

find_collector() {
    collector_program=$(program rotel-agent) || collector_program=$(pinned_collector) || { collector_program=''; return 1; }
}

# The collector that the tests use: a wheel that carries a binary. Installed with --install only.
pinned_collector() {
    local found=${TEST_TOOLS_DIR:-${CARGO_TARGET_DIR:-$root/target}/test-tools}/python/rotel
    if [ $install != no ]; then
        found=$(dirname "$(dirname "$(. "$root/scripts/lib/install.sh" && tool_python rotel)")")
    fi
    found=$(find "$found" -name rotel-agent -type f 2>/dev/null | head -1)
    [ -n "$found" ] && echo "$found"
}

# The zone that is asked for, else that of the run before.
choose_timezone() {
    [ -n "$timezone" ] || timezone=$(cat "$dir/timezone" 2>/dev/null || echo UTC)
    echo "$timezone" >"$dir/timezone"
}

# Sets mcp, api and worker to HOST:PORT, from running.json of the data directory; else `devmesh up`'s own ports.
mesh_addresses() {
    local file=$data/running.json
    mcp=127.0.0.1:8080 api=127.0.0.1:8081 worker=127.0.0.1:8082
    if [ -s "$file" ]; then
        mcp=$(address .mcp_url "$file") api=$(address .api_url "$file") worker=$(address .worker_url "$file")
    fi
    curl -fsS --max-time 5 -o /dev/null "http://$mcp/health" 2>/dev/null ||
        say "The mesh does not answer on $mcp yet (devmesh up; --data says where it keeps its data)."
}

address() { jq -r "$1" "$2" | sed -E 's#^[a-z]+://([^/]+).*#\1#'; }

# Keys of the mesh: for the probe that asks as an agent would, and for Alertmanager to report to rest-api. Each may do that
# and nothing else.
make_keys() {
    make_key synthetic_key "monitoring probe" agent tools:read
    make_key devmesh_key alertmanager user alerts:write
}

# make_key FILE NAME KIND SCOPE: unless there is one that this mesh takes, or the mesh is not this machine's.
make_key() {
    local request created
    if [ -s "$dir/secrets/$1" ]; then
        is_refused "$1" || return 0
        say "$1 is refused by this mesh: it was revoked, or is of another mesh"
    fi
    [ -s "$data/bootstrap.key" ] || return 0
    request=$(jq -n --arg name "$2" --arg kind "$3" --arg scope "$4" '{name: $name, kind: $kind, scopes: [$scope]}')
    created=$(curl -sS --max-time 10 -H 'content-type: application/json' -d "$request" "http://$api/api/v1/keys" \
        -K <(printf 'header = "Authorization: Bearer %s"\n' "$(tr -d '\n' <"$data/bootstrap.key")") 2>/dev/null) || return 0
    if ! jq -e .secret <<<"$created" >/dev/null 2>&1; then
        say "no key could be made for $2: $(jq -r '.detail // .' <<<"$created" 2>/dev/null)"
        return
    fi
    jq -j .secret <<<"$created" >"$dir/secrets/$1"
    say "a key of the mesh was made: $2 ($4)"
}

# Whether the mesh answers, and does not know the key of this file.
is_refused() {
    [ "$(curl -sS --max-time 5 -o /dev/null -w '%{http_code}' "http://$api/api/v1/whoami" \
        -K <(printf 'header = "Authorization: Bearer %s"\n' "$(tr -d '\n' <"$dir/secrets/$1")") 2>/dev/null)" = 401 ]
}

# The shipped files with this machine's addresses.
render_local() {
    local etc=$dir/etc service
    rm -rf "$etc"
    mkdir -p "$etc"
    cp -r "$pack/prometheus" "$pack/alertmanager" "$etc/"
    for service in "mcp-server $mcp" "rest-api $api" "worker $worker"; do
        printf -- '- targets: [%s]\n  labels: {service: %s}\n' "${service#* }" "${service% *}" >"$etc/prometheus/targets/${service% *}.yml"
    done
    sed -i "s/127.0.0.1:8080/$mcp/; s/127.0.0.1:8081/$api/; s/127.0.0.1:8082/$worker/" "$etc/prometheus/targets/blackbox-http.yml"
    sed -i "s/127.0.0.1:9093/127.0.0.1:$ALERTMANAGER_PORT/; s/127.0.0.1:9115/127.0.0.1:$BLACKBOX_PORT/; s#runbooks: docs/runbooks#runbooks: $root/docs/runbooks#" \
        "$etc/prometheus/prometheus.yml"
    sed -i "s#127.0.0.1:8081#$api#; s#/etc/alertmanager/secrets#$dir/secrets#; s#&zone UTC#\&zone $timezone#" "$etc/alertmanager/alertmanager.yml"
    [ ! -s "$dir/secrets/synthetic_key" ] || printf -- '- targets: [http://%s/mcp]\n  labels: {module: http_post_json}\n' "$mcp" \
        >"$etc/prometheus/targets/blackbox-mcp.yml"
    sed "s#/etc/blackbox/secrets#$dir/secrets#" "$pack/blackbox/blackbox.yml" >"$etc/blackbox.yml"
}

local_told() {
    say "" "Prometheus    http://127.0.0.1:$PROMETHEUS_PORT   look first at /targets and /alerts" \
        "Alertmanager  http://127.0.0.1:$ALERTMANAGER_PORT   scripts/silence list"
    say "Blackbox      http://127.0.0.1:$BLACKBOX_PORT   in Prometheus: probe_success"
    if [ -n "$collector_program" ]; then
        say "Collector     127.0.0.1:$COLLECTOR_PORT (OTLP/gRPC)   spans are printed to $dir/log/collector.log; the mesh sends them when it" \
            "              was started with ENABLE_TRACING=true OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:$COLLECTOR_PORT"
    else
        say "Collector     none here (--install gets one)"
    fi
    say "" "Dashboards    need a Grafana: scripts/setup-monitoring.sh --grafana URL, or --compose" \
        "Terminal      devmesh doctor" \
        "Ended by      scripts/setup-monitoring.sh --local --dir $dir --stop"
    name_empty_secrets
}

local_status() {
    local name status=0
    for name in "${parts[@]}"; do
        if runs "$name"; then
            say "$name runs (process $(cat "$dir/run/$name.pid"), port $(cat "$dir/run/$name.port" 2>/dev/null))"
        elif [ "$name" = collector ] && [ ! -e "$dir/run/collector.pid" ] && ! find_collector; then
            say "collector: none here (--install gets one)"
        else
            say "$name does not run"
            status=1
        fi
    done
    return $status
}

local_stop() {
    local name
    for name in "${parts[@]}"; do stop_part "$name"; done
}
