#!/usr/bin/env bash
# Upgrades from each release of deploy/releases.toml, built from its commit: its own end-to-end tests pass with its own programs on the
# schema of this build; this build serves what it wrote, and it what this build wrote; both serve at once; a mesh is upgraded under calls.
#
# The release's tests are not changed. In place of its `rest-api` and `devmesh` they find scripts that let this build's `devmesh migrate
# up` make the schema of each fresh database before they become the release's program, so there is nothing left for it to migrate.
# What they cannot be made to do: start mcp-server or worker of the one with rest-api of the other (the last two parts do that), and
# judge a mesh on a machine too slow for the rates that they count.
set -euo pipefail
. scripts/lib/install.sh
. scripts/lib/steps.sh
need_commands haproxy openssl
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
today=$target/debug
triple=$(rustc -vV | sed -n 's/^host: //p')
passed=0 failed=0

# Adds what a log says to the sum.
add() {
    local counts
    read -ra counts < <("$@")
    passed=$((passed + counts[0])) failed=$((failed + counts[1]))
    printf -- '--- %s passed, %s failed\n' "${counts[@]}"
}

# The release's sources and a build of their own, with the third-party crates that are built already.
build_release() {
    local commit=$1 home=$2 ours folder
    if [ ! -e "$home/source/Cargo.toml" ]; then
        mkdir -p "$home/source" "$home/target/debug/deps"
        git archive "$commit" | tar -xm -C "$home/source"
        ours=$(cd "$home/source/crates" && printf '%s|' * devmesh-agent)
        (cd "$today" && find deps -maxdepth 1 -type f \( -name '*.rlib' -o -name '*.rmeta' -o -name '*.so' -o -name '*.d' \) |
            grep -Ev "/(lib)?(${ours//-/_})-[0-9a-f]{16}\." | xargs cp -al -t "$home/target/debug/deps")
        for folder in .fingerprint build; do
            mkdir -p "$home/target/debug/$folder"
            (cd "$today" && find "$folder" -mindepth 1 -maxdepth 1 | grep -Ev "/($ours)-[0-9a-f]{16}\$" |
                xargs cp -a -t "$home/target/debug/$folder")
        done
    fi
    (
        cd "$home/source"
        export CARGO_TARGET_DIR=$home/target CARGO_INCREMENTAL=0
        cargo build --workspace --bins --locked
        cargo nextest run --workspace --test e2e --locked --no-run
    )
}

# A folder like the release's `debug`, in which its tests find the programs.
stage_release() {
    local debug=$1 stage=$2 program
    rm -rf "$stage"
    mkdir -p "$stage/deps" "$stage/release"
    find "$debug" -maxdepth 1 -type f -executable -exec ln -t "$stage" {} +
    for program in rest-api devmesh; do mv "$stage/$program" "$stage/release/"; done
    cat >"$stage/rest-api" <<SCRIPT
#!/bin/sh
if [ "\$1" != probe ]; then
    '$today/devmesh' migrate up --for rest-api >>'$stage/migrated' 2>&1 || echo "\$DATABASE_URL" >>'$stage/not-migrated'
fi
exec '$stage/release/rest-api' "\$@"
SCRIPT
    cat >"$stage/devmesh" <<SCRIPT
#!/bin/sh
if [ "\$1 \$2" = 'up --data' ]; then
    if [ ! -e "\$3/devmesh.db" ]; then
        # The release makes this key only where no database is.
        mkdir -p "\$3" && chmod 700 "\$3"
        (umask 077 && openssl rand -hex 32 >"\$3/credentials.key")
    fi
    '$today/devmesh' migrate up --data "\$3" >>'$stage/migrated' 2>&1 || echo "\$3" >>'$stage/not-migrated'
fi
exec '$stage/release/devmesh' "\$@"
SCRIPT
    # cargo runs tests through this: the same test, in the folder above.
    cat >"$stage/run" <<SCRIPT
#!/bin/sh
test='$stage/deps/'\${1##*/}
[ -e "\$test" ] || ln "\$1" "\$test" 2>/dev/null || [ -e "\$test" ] || exit 1
shift
exec "\$test" "\$@"
SCRIPT
    chmod +x "$stage/rest-api" "$stage/devmesh" "$stage/run"
}

# Its own end-to-end tests, on the schema of this build.
own_tests() {
    local home=$1 log=$1/tests.log runner
    runner=CARGO_TARGET_$(tr 'a-z-' 'A-Z_' <<<"$triple")_RUNNER
    (
        cd "$home/source"
        env CARGO_TARGET_DIR="$home/target" CARGO_INCREMENTAL=0 "$runner=$home/stage/run" \
            cargo nextest run --workspace --test e2e --locked --profile ci --no-fail-fast "${@:2}"
    ) 2>&1 | tee "$log" || true
    add cargo_counts "$log"
    printf '%s databases were migrated by this build\n' "$(grep -c 'applied 1 \|nothing was pending' "$home/stage/migrated")"
    if [ -e "$home/stage/not-migrated" ]; then
        printf 'FAILED: this build could not migrate %s databases:\n' "$(wc -l <"$home/stage/not-migrated")"
        cat "$home/stage/migrated"
        failed=$((failed + 1))
    fi
}

# run PROGRAM…: its last line has the counts.
run() {
    local said
    said=$("$@" 2>&1) || true
    printf '%s\n' "$said"
    if [[ ${said##*$'\n'} =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
        passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2]))
    else
        failed=$((failed + 1))
    fi
}

while read -r version commit; do
    home=$target/releases/$version
    heading "$version ($commit)"
    git cat-file -e "$commit" || { say "$commit is not here: git fetch --unshallow"; exit 1; }
    build_release "$commit" "$home"
    heading "$version: its own tests on the schema of this build"
    stage_release "$home/target/debug" "$home/stage"
    own_tests "$home" "$@"
    heading "$version and this build on the same data"
    run "$today/upgrade" --from "$home/target/debug"
    heading "from $version to this build under calls"
    run "$today/rolling" --from "$home/target/debug" --seconds 120 --rate 50 --rounds 1
done < <(sed -n 's/^version = "\(.*\)"/\1/p; s/^commit = "\(.*\)"/\1/p' deploy/releases.toml | paste -d' ' - -)
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
