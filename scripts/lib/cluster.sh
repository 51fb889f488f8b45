# shellcheck shell=bash disable=SC2154
# The processes of scripts/cluster, with the settings of containers (deploy/settings). Expects $dir, $bin, $here, $free_ports and `build`.

# In the order of the start; the end goes the other way round.
processes=(servers rest-api worker mcp-server-1 mcp-server-2)

pid_of() { cat "$dir/pids/$1" 2>/dev/null; }

# Whether the process that was started as $1 still runs, and the id has not gone to another one.
runs() {
    local pid
    pid=$(pid_of "$1") && [ -n "$pid" ] && [ "$(readlink "/proc/$pid/exe" 2>/dev/null)" = "$(cat "$dir/pids/$1.exe" 2>/dev/null)" ]
}

# Starts a program in the background, for good: start NAME PROGRAM ARGUMENT…; the environment is only what is listed.
start() {
    local name=$1 program
    program=$(realpath "$2")
    shift 2
    (
        cd "$dir"
        exec setsid env -i PATH="$PATH" HOME="${HOME:-/}" "${settings[@]}" "$program" "$@" </dev/null >>"$dir/logs/$name.log" 2>&1
    ) &
    local pid=$!
    disown "$pid"
    wait_until 10 is_program "$pid" "$program" || { say "$name did not start; see $dir/logs/$name.log"; return 1; }
    echo "$program" >"$dir/pids/$name.exe"
    echo "$pid" >"$dir/pids/$name"
}

is_program() { [ "$(readlink "/proc/$1/exe" 2>/dev/null)" = "$2" ]; }

# wait_until SECONDS COMMAND…
wait_until() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.1
    done
}

# The keys and the certificate of this cluster, made once; the servers' addresses are new each time.
secrets() {
    rm -f "$dir/secrets/database-url" "$dir/secrets/queue-url" "$dir/secrets/cache-url"
    DATABASE_URL=$database QUEUE_URL=$broker CACHE_URL=$cache "$here/secrets" "$dir/secrets" >/dev/null
}

# What a service is set to in containers (deploy/settings), with this cluster's folders: into $settings. What differs comes after
# it, and wins.
settings_of() {
    mapfile -t settings < <(sed -e '/^#/d' -e "s#=/run/secrets/#=$dir/secrets/#" "$here/../deploy/settings/$1.env")
    settings+=(DEVMESH_ENVIRONMENT=cluster)
}

# The servers run as long as the command that they are started for; it notes where they are, and waits.
start_servers() {
    rm -f "$dir/servers.env"
    settings=()
    # shellcheck disable=SC2016
    start servers "$bin/test-servers" run -- sh -c 'umask 077
        printf "database=%s\nbroker=%s\ncache=%s\n" "$DEVMESH_TEST_POSTGRES_URL" "$DEVMESH_TEST_RABBITMQ_URL" \
            "$DEVMESH_TEST_REDIS_URL" >servers.env.new
        mv servers.env.new servers.env
        exec sleep infinity'
    wait_until 120 servers_answer && runs servers || { say "the servers did not start; see $dir/logs/servers.log"; return 1; }
    . "$dir/servers.env"
}

servers_answer() { [ -e "$dir/servers.env" ] || ! runs servers; }

port() { [ "$free_ports" = yes ] && echo 0 || echo "$1"; }

# What a process logged that it listens on.
listening() { sed -n 's/.*"msg":"listening".*"address":"\([^"]*\)".*/\1/p' "$dir/logs/$1.log"; }

# The address of the HTTP listener of a process, once it is ready; rest-api has another one, for gRPC.
http_address() {
    local address
    for address in $(listening "$1"); do
        "$bin/devmesh" probe "http://$address/health/ready" >/dev/null 2>&1 && echo "$address" && return
    done
    return 1
}

grpc_address() {
    local address
    for address in $(listening rest-api); do
        "$bin/devmesh" probe "http://$address/health/live" >/dev/null 2>&1 || { echo "$address"; return; }
    done
    return 1
}

# service NAME PROGRAM: starts one with $settings and waits until it is ready.
service() {
    : >"$dir/logs/$1.log"
    start "$1" "$bin/$2"
    wait_until 60 is_ready "$1" && runs "$1" || { say "$1 is not ready; see $dir/logs/$1.log"; tail -3 "$dir/logs/$1.log" >&2; return 1; }
    say "$1 is ready at http://$(http_address "$1")"
}

is_ready() { http_address "$1" >/dev/null || ! runs "$1"; }

start_services() {
    settings_of rest-api
    settings+=(DEVMESH_LISTEN__ADDRESS="127.0.0.1:$(port 8081)" DEVMESH_GRPC__LISTEN__ADDRESS="127.0.0.1:$(port 9081)"
        DEVMESH_DATA_DIR="$dir/data")
    service rest-api rest-api
    local grpc replica
    grpc=$(grpc_address)
    # By the name in the certificate.
    grpc=https://localhost:${grpc##*:}
    settings_of worker
    settings+=(DEVMESH_CONTROL_PLANE__URL="$grpc" DEVMESH_LISTEN__ADDRESS="127.0.0.1:$(port 8082)"
        DEVMESH_SPOOL__DIR="$dir/audit-worker")
    service worker worker
    for replica in 1 2; do
        settings_of mcp-server
        settings+=(DEVMESH_CONTROL_PLANE__URL="$grpc" DEVMESH_LISTEN__ADDRESS="127.0.0.1:$(port $((8070 + 10 * replica)))"
            DEVMESH_SPOOL__DIR="$dir/audit-mcp-server-$replica")
        service mcp-server-$replica mcp-server
    done
}

cluster_up() {
    local name
    for name in "${processes[@]}"; do
        ! runs "$name" || { say "$name runs already (process $(pid_of "$name")); scripts/cluster down stops it"; return 1; }
    done
    (. "$here/lib/install.sh" && need_servers && need_commands openssl)
    build devmesh rest-api mcp-server worker test-support
    mkdir -p "$dir/pids" "$dir/logs" "$dir/data"
    chmod 700 "$dir" "$dir/data"
    # The database of an earlier cluster is gone, and its first key with it.
    rm -f "$dir/data/bootstrap.key"
    # Without `|| …` here, so that a step that fails still ends the script; what has started by then is stopped.
    trap 'say "stopping what has started"; cluster_down' EXIT
    start_servers
    secrets
    start_services
    trap - EXIT
    connection >"$dir/connection.env"
    cat <<TEXT

The cluster is up.
  MCP        http://$(http_address mcp-server-1)/mcp and http://$(http_address mcp-server-2)/mcp
  HTTP API   http://$(http_address rest-api)
  worker     http://$(http_address worker)
  admin key  $dir/data/bootstrap.key
  logs       $dir/logs

For the command line:  . $dir/connection.env; $bin/devmesh tools list
Stop it with:          scripts/cluster down $dir
TEXT
}

connection() {
    echo "export DEVMESH_URL=http://$(http_address rest-api)"
    echo "export DEVMESH_MCP_URL=http://$(http_address mcp-server-1)/mcp"
    echo "export DEVMESH_API_KEY_FILE=$dir/data/bootstrap.key"
}

# stop NAME: by its process id; killed when it has not drained in time.
stop() {
    local pid
    runs "$1" || { rm -f "$dir/pids/$1" "$dir/pids/$1.exe"; return 0; }
    pid=$(pid_of "$1")
    kill -TERM "$pid"
    if ! wait_until 40 is_gone "$1"; then
        say "$1 has not stopped in time, killing process $pid"
        kill -KILL "$pid"
    fi
    rm -f "$dir/pids/$1" "$dir/pids/$1.exe"
    say "$1 stopped"
}

is_gone() { ! runs "$1"; }

cluster_down() {
    local at
    for ((at = ${#processes[@]} - 1; at >= 0; at--)); do
        stop "${processes[at]}"
    done
    rm -f "$dir/servers.env" "$dir/connection.env"
}

# The programs of the running cluster, whatever profile they were built in.
running_bin() {
    local exe
    exe=$(cat "$dir/pids/rest-api.exe" 2>/dev/null) && dirname "$exe" || echo "$bin"
}

cluster_status() {
    local name all=0 bin
    bin=$(running_bin)
    for name in "${processes[@]}"; do
        if ! runs "$name"; then
            printf '%-13s not running\n' "$name"
            all=1
        elif [ "$name" = servers ]; then
            printf '%-13s running  process %s\n' "$name" "$(pid_of "$name")"
        elif address=$(http_address "$name"); then
            printf '%-13s ready    process %s  http://%s\n' "$name" "$(pid_of "$name")" "$address"
        else
            printf '%-13s not ready  process %s  see %s\n' "$name" "$(pid_of "$name")" "$dir/logs/$name.log"
            all=1
        fi
    done
    return $all
}
