# shellcheck shell=bash
# The processes of --local: started, told to read their files again, stopped. Part of setup-monitoring.sh.

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
        if [ "$(cat "$dir/run/$name.port" 2>/dev/null)" = "$(port_in "$ready")" ]; then
            read_again "$name" "$ready"
            return
        fi
        stop_part "$name"
    fi
    is_ready "$ready" && fail "$name: something else listens there already; set its port (${name^^}_PORT)"
    setsid "$@" >"$dir/log/$name.log" 2>&1 </dev/null &
    pid=$!
    echo "$pid" >"$dir/run/$name.pid"
    echo "$1" >"$dir/run/$name.program"
    port_in "$ready" >"$dir/run/$name.port"
    wait_ready "$name" "$pid" "$ready"
    say "$name started (process $pid)"
}

# The port in `port:N` or `http://HOST:N/…`.
port_in() { sed -E 's#^.*:([0-9]+)(/.*)?$#\1#' <<<"$1"; }

# read_again NAME READY: has the process read its files, and waits until it says that it took them.
read_again() {
    local name=$1 pid before deadline=$((SECONDS + 15))
    pid=$(cat "$dir/run/$name.pid")
    if [ "$name" = collector ]; then
        say "$name runs already (process $pid)"
        return
    fi
    before=$(last_read "$2")
    kill -HUP "$pid"
    while [ "$(last_read "$2")" = "$before" ] && runs "$name" && [ $SECONDS -lt $deadline ]; do sleep 0.2; done
    case $(last_read "$2") in
        "$before" | *" 0 " | '')
            tail -5 "$dir/log/$name.log" >&2
            fail "$name did not take its new files, and goes on with the old ones; its log is $dir/log/$name.log"
            ;;
    esac
    say "$name runs already (process $pid), and has read its files again"
}

# When it last took its files, and whether it did the last time (1 or 0): what it says itself.
last_read() {
    curl -fsS --max-time 2 "${1%/-/*}/metrics" 2>/dev/null |
        sed -n 's/^[a-z_]*config_last_reload_\(successful\|success_timestamp_seconds\) //p' | tr '\n' ' '
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

stop_part() {
    local name=$1 pid deadline=$((SECONDS + 20))
    if runs "$name"; then
        pid=$(cat "$dir/run/$name.pid")
        kill "$pid" 2>/dev/null || true
        while runs "$name" && [ $SECONDS -lt $deadline ]; do sleep 0.1; done
        if runs "$name"; then kill -9 "$pid" 2>/dev/null || true; fi
        say "$name stopped"
    fi
    rm -f "$dir/run/$name.pid" "$dir/run/$name.program" "$dir/run/$name.port"
}
