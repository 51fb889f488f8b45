#!/usr/bin/env bash
# scripts/install below a directory of its own: what it writes, twice; that settings stay; how closed the units are, as systemd
# itself scores them; that the program of the unit starts on the installed settings and stops; and what an uninstall leaves.
set -euo pipefail
unset "${!DEVMESH_@}"
. scripts/lib/install.sh
need_commands systemd-analyze strip
shellcheck=$(dirname "$(tool_python shipping)")/shellcheck
bin=$(realpath -m "${CARGO_TARGET_DIR:-target}/debug")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root passed=0 failed=0
# What `systemd-analyze security` may score at most, in tenths; the worst is 100.
most=15

# check NAME COMMAND…
check() {
    local name=$1
    shift
    [ ! -e "$work/said" ] || mv "$work/said" "$work/before-that"
    if "$@" >"$work/said" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAIL %s\n' "$name"
        tail -20 "$work/said"
    fi
}
install() { scripts/install --root "$root" --from "$work/bin" "$@"; }
tree() { (cd "$root" && find . -type f -printf '%p %m %s %T@\n' | sort); }
# What the check before this one printed.
says() { grep -q -- "$1" "$work/before-that"; }

# Debug information is of no use here, and a gigabyte of it would be copied.
mkdir "$work/bin"
strip --strip-debug -o "$work/bin/devmesh" "$bin/devmesh"
# Of the services it is only seen that they arrive.
for program in rest-api mcp-server worker; do ln "$work/bin/devmesh" "$work/bin/$program"; done

check 'the script is clean' "$shellcheck" -x -S style scripts/install
check 'it installs' install
check 'and says what comes next' says 'systemctl enable --now devmesh'
tree >"$work/before"
check 'it installs again' install
check 'and has nothing to do' says 'Everything is installed already'
tree >"$work/after"
check 'nothing is written a second time' diff "$work/before" "$work/after"
echo 'environment = "mine"' >"$root/etc/devmesh/devmesh.toml"
echo '# of an older version' >>"$root/etc/systemd/system/devmesh.service"
check 'an upgrade installs' install
check 'and names what it wrote' says '^wrote /etc/systemd/system/devmesh.service$'
check 'settings stay over an upgrade' grep -q mine "$root/etc/devmesh/devmesh.toml"
check 'the three services install too' install --services --prefix /usr/local
check 'settings of a service fit' env -C "$root" "$root/usr/local/bin/devmesh" config check --config "$root/etc/devmesh/devmesh.toml"
check 'secrets are closed to others' [ "$(stat -c %a "$root/etc/devmesh/secrets")" = 700 ]

for unit in devmesh.service devmesh@rest-api.service devmesh-backup.service; do
    file=$root/etc/systemd/system/${unit/@rest-api/@}
    check "$unit has no placeholder left" bash -c "! grep -q @PREFIX@ '$file'"
    check "$unit is closed" systemd-analyze security --offline=true --no-pager --threshold=$most "$file"
done
check 'systemd reads the units' systemd-analyze verify --recursive-errors=no --man=no --root="$root" devmesh.service devmesh-backup.timer

# The unit's own command, on the installed settings, with free ports.
start=$(sed -n 's/^ExecStart=//p' "$root/etc/systemd/system/devmesh.service")
read -ra command <<<"${start// \// $root/}"
command[0]=$root${command[0]}
mkdir -p "$root/var/lib/devmesh"
: >"$work/log"
"${command[@]}" --mcp-port 0 --api-port 0 --worker-port 0 >"$work/log" 2>&1 &
pid=$!
waited=0
until grep -q 'devmesh is up' "$work/log" || ! kill -0 $pid 2>/dev/null || [ $waited -ge 1200 ]; do
    read -rt 0.1 <> <(:) || true
    waited=$((waited + 1))
done
check 'the command of the unit starts' grep -q 'devmesh is up' "$work/log"
check 'and answers' "$root/usr/local/bin/devmesh" tools list --data "$root/var/lib/devmesh"
backup=$(sed -n "s/^ExecStart=.*devmesh backup \"\([^\"]*\)\".*/\1/p" "$root/etc/systemd/system/devmesh-backup.service")
mkdir -p "$root/var/lib/devmesh-backup"
file=$root$(sed 's/\$\$(.*)/now/' <<<"$backup")
check 'the back-up of the unit is made' "$root/usr/local/bin/devmesh" backup "$file" --config "$root/etc/devmesh/devmesh.toml" \
    --data "$root/var/lib/devmesh"
kill -TERM $pid
check 'and stops with 0' wait $pid

check 'it uninstalls' install --uninstall
check 'programs and units are gone' [ -z "$(find "$root/usr" "$root/etc/systemd" -type f)" ]
check 'settings stay' [ -e "$root/etc/devmesh/devmesh.toml" ]
check 'data stay' [ -e "$root/var/lib/devmesh/devmesh.db" ]
check 'it purges' install --uninstall --purge
check 'nothing is left' [ -z "$(find "$root" -type f)" ]
check 'a wrong option is refused' bash -c '! scripts/install --roots x'
echo "$passed passed, $failed failed"
[ $failed = 0 ]
