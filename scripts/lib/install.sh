# shellcheck shell=bash
# What the tests need beside the Rust toolchain, through package managers, into target/test-tools.
#
# Source it, then ask for what you use; each call is quick when it is there already:
#   need_servers              PostgreSQL, Redis, RabbitMQ (system packages; no service is started)
#   need_monitoring           Prometheus and Alertmanager
#   need_commands jq curl     single commands
#   python=$(tool_python schemathesis)   the interpreter of a virtual environment: scripts/lib/python/NAME.txt
#   node=$(tool_node)                    Node itself
#   dir=$(tool_node_modules clients)     a folder with node_modules: scripts/lib/node/NAME.json
# A new tool is a new file there; versions are pinned in it.

repo_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
tools_dir=${TEST_TOOLS_DIR:-${CARGO_TARGET_DIR:-$repo_root/target}/test-tools}

say() { printf '%s\n' "$*" >&2; }

# --- system packages -------------------------------------------------------------------------------

# Debian's name for the package that brings a command.
package_of() {
    case $1 in
        initdb) echo postgresql ;;
        alertmanager) echo prometheus-alertmanager ;;
        promtool) echo prometheus ;;
        go) echo golang-go ;;
        venv) echo python3-venv ;;
        yaml) echo python3-yaml ;;
        unshare | setpriv) echo util-linux ;;
        ip) echo iproute2 ;;
        systemd-analyze) echo systemd ;;
        strip) echo binutils ;;
        psql) echo postgresql-client ;;
        *) echo "$1" ;;
    esac
}

have() {
    case $1 in
        initdb) [ -n "$(newest_initdb)" ] ;;
        alertmanager) command -v prometheus-alertmanager alertmanager >/dev/null ;;
        yaml) python3 -c 'import yaml' 2>/dev/null ;;
        venv) python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null ;;
        *) PATH=$PATH:/usr/sbin command -v "$1" >/dev/null ;;
    esac
}

# Debian keeps the programs of each PostgreSQL version out of PATH.
newest_initdb() {
    command -v initdb || find /usr/lib/postgresql -path '*/bin/initdb' 2>/dev/null | sort -V | tail -1
}

# Installs what is missing among the given commands, and fails with the exact command line if it may not.
need_commands() {
    local name missing=()
    for name in "$@"; do
        have "$name" || missing+=("$(package_of "$name")")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if ! command -v apt-get >/dev/null; then
        say "Not installed, and there is no apt-get here to install it with: ${missing[*]}"
        return 1
    fi
    local as_root=()
    if [ "$(id -u)" != 0 ]; then
        if ! sudo -n true 2>/dev/null; then
            say "Please run: sudo apt-get install --no-install-recommends ${missing[*]}"
            return 1
        fi
        as_root=(sudo)
    fi
    say "Installing ${missing[*]}"
    apt_install "${missing[@]}"
}

# Installs without starting a service: the tests start their own, privately.
apt_install() {
    local policy=/usr/sbin/policy-rc.d ours=no status=0
    if [ ! -e $policy ]; then
        ours=yes
        printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $policy >/dev/null
        "${as_root[@]}" chmod 755 $policy
    fi
    {
        "${as_root[@]}" apt-get -q update &&
            "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "$@"
    } </dev/null >&2 || status=$?
    [ $ours = no ] || "${as_root[@]}" rm -f $policy
    return $status
}

need_servers() {
    need_commands initdb redis-server rabbitmq-server || return
    say "$("$(newest_initdb)" --version), $(redis-server --version | cut -d' ' -f1-3), RabbitMQ $(rabbitmq_version)"
}

rabbitmq_version() {
    local folder
    folder=$(find /usr/lib/rabbitmq/lib -maxdepth 1 -name 'rabbitmq_server-*' 2>/dev/null | sort -V | tail -1)
    echo "${folder##*-}"
}

need_monitoring() {
    need_commands prometheus promtool alertmanager || return
    say "$(prometheus --version 2>&1 | head -1)"
}

# --- pinned tools ----------------------------------------------------------------------------------

# Runs the rest of the arguments once for this content of a file (the stamp); holds a lock meanwhile.
once_for() {
    local file=$1 dir=$2 stamp
    shift 2
    stamp=$dir/.installed-$(sha256sum "$file" | cut -c1-16)
    [ ! -e "$stamp" ] || return 0
    mkdir -p "$tools_dir"
    (
        flock 9
        [ ! -e "$stamp" ] || exit 0
        say "Installing $(basename "$dir") ($(basename "$file"))"
        rm -rf "$dir"
        mkdir -p "$dir"
        "$@" </dev/null >&2 && touch "$stamp"
    ) 9>"$tools_dir/.lock-$(basename "$(dirname "$dir")")-$(basename "$dir")"
}

# Prints the interpreter of the virtual environment NAME.
tool_python() {
    local dir=$tools_dir/python/$1 file=$repo_root/scripts/lib/python/$1.txt
    [ -e "$file" ] || { say "no such tool: $file"; return 1; }
    need_commands python3 venv || return
    once_for "$file" "$dir" install_python "$file" "$dir" || return
    echo "$dir/bin/python"
}

install_python() {
    python3 -m venv "$2" && "$2/bin/python" -m pip install -q --no-input --disable-pip-version-check -r "$1"
}

# Prints the path of Node.
tool_node() {
    local python
    python=$(tool_python node) || return
    echo "$(dirname "$python")/node"
}

# Prints the folder whose node_modules has the packages of scripts/lib/node/NAME.json.
tool_node_modules() {
    local dir=$tools_dir/node/$1 file=$repo_root/scripts/lib/node/$1.json node
    [ -e "$file" ] || { say "no such tool: $file"; return 1; }
    node=$(tool_node) || return
    once_for "$file" "$dir" install_node "$file" "$dir" "$(dirname "$node")" || return
    echo "$dir"
}

install_node() {
    cp "$1" "$2/package.json"
    (cd "$2" && PATH=$3:$PATH npm install --no-package-lock --no-audit --no-fund --ignore-scripts --loglevel=error)
}

# Everything that is declared, for `scripts/test`.
install_test_tools() {
    need_commands curl jq || return
    need_servers || return
    need_monitoring || return
    need_commands prometheus-blackbox-exporter prometheus-pushgateway docker-compose haproxy || return
    local file
    for file in "$repo_root"/scripts/lib/python/*.txt; do
        tool_python "$(basename "$file" .txt)" >/dev/null || return
    done
    for file in "$repo_root"/scripts/lib/node/*.json; do
        tool_node_modules "$(basename "$file" .json)" >/dev/null || return
    done
    say "Pinned tools are in ${tools_dir#"$repo_root/"}"
}
