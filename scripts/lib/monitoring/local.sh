# shellcheck shell=bash
# --local: ordinary processes, for machines without containers. Part of setup-monitoring.sh.

PROMETHEUS_PORT=${PROMETHEUS_PORT:-9090}
ALERTMANAGER_PORT=${ALERTMANAGER_PORT:-9093}
BLACKBOX_PORT=${BLACKBOX_PORT:-9115}
COLLECTOR_PORT=${COLLECTOR_PORT:-4317}
parts=(collector blackbox alertmanager prometheus)

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
    collector_program=$(program rotel-agent) || collector_program=$(pinned_collector) || collector_program=''
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

# make_key FILE NAME KIND SCOPE: unless there is one, or the mesh is not this machine's.
make_key() {
    local request created
    [ ! -s "$dir/secrets/$1" ] && [ -s "$data/bootstrap.key" ] || return 0
    request=$(jq -n --arg name "$2" --arg kind "$3" --arg scope "$4" '{name: $name, kind: $kind, scopes: [$scope]}')
    created=$(curl -fsS --max-time 10 -H 'content-type: application/json' -d "$request" "http://$api/api/v1/keys" \
        -K <(printf 'header = "Authorization: Bearer %s"\n' "$(tr -d '\n' <"$data/bootstrap.key")") 2>/dev/null) || return 0
    jq -j .secret <<<"$created" >"$dir/secrets/$1"
    say "a key of the mesh was made: $2 ($4)"
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

# Whether the process of NAME lives and is what was started (a pid file may outlive its process, and the number be given again).
runs() {
    local pid
    pid=$(cat "$dir/run/$1.pid" 2>/dev/null) || return 1
    [ -n "$pid" ] && grep -qaF "$(cat "$dir/run/$1.program" 2>/dev/null || echo nothing)" "/proc/$pid/cmdline" 2>/dev/null
}

# start_part NAME READY PROGRAM ARGUMENTS: starts it, or has it read its files again.
start_part() {
    local name=$1 ready=$2 pid
    shift 2
    if runs "$name"; then
        pid=$(cat "$dir/run/$name.pid")
        [ "$name" = collector ] || kill -HUP "$pid"
        say "$name runs already (process $pid), and has read its files again"
        return
    fi
    is_ready "$ready" && fail "$name: something else listens there already; set its port (${name^^}_PORT)"
    setsid "$@" >"$dir/log/$name.log" 2>&1 </dev/null &
    pid=$!
    echo "$pid" >"$dir/run/$name.pid"
    echo "$1" >"$dir/run/$name.program"
    wait_ready "$name" "$pid" "$ready"
    say "$name started (process $pid)"
}

is_ready() {
    case $1 in
        port:*) (exec 3<>"/dev/tcp/127.0.0.1/${1#port:}") 2>/dev/null ;;
        *) curl -fsS --max-time 2 -o /dev/null "$1" 2>/dev/null ;;
    esac
}

wait_ready() {
    local deadline=$((SECONDS + 30))
    until is_ready "$3"; do
        if ! kill -0 "$2" 2>/dev/null || [ $SECONDS -ge $deadline ]; then
            tail -5 "$dir/log/$1.log" >&2
            fail "$1 did not start; its log is $dir/log/$1.log"
        fi
        sleep 0.2
    done
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
        if runs "$name"; then say "$name runs (process $(cat "$dir/run/$name.pid"))"; else say "$name does not run"; status=1; fi
    done
    return $status
}

local_stop() {
    local name pid deadline
    for name in "${parts[@]}"; do
        if runs "$name"; then
            pid=$(cat "$dir/run/$name.pid")
            kill "$pid" 2>/dev/null || true
            deadline=$((SECONDS + 20))
            while runs "$name" && [ $SECONDS -lt $deadline ]; do sleep 0.1; done
            if runs "$name"; then kill -9 "$pid" 2>/dev/null || true; fi
            say "$name stopped"
        fi
        rm -f "$dir/run/$name.pid" "$dir/run/$name.program"
    done
}
