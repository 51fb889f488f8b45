# shellcheck shell=bash
# Building what scripts/up and scripts/cluster run. Source it, then:
#   need_rust              says what to install when something is missing
#   build PACKAGE…         builds them in the profile `up`, unless what is there is newer than every source
#   $bin/NAME              a program that was built
# BUILD_PROFILE=dev takes the profile of the tests instead, which saves a build where the tests ran before.

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
profile=${BUILD_PROFILE:-up}
target=${CARGO_TARGET_DIR:-$repo/target}
bin=$target/$([ "$profile" = dev ] && echo debug || echo "$profile")

say() { printf '%s\n' "$*" >&2; }

need_rust() {
    local missing=()
    command -v cargo >/dev/null || missing+=("the Rust toolchain, 1.95 or newer: https://rustup.rs")
    command -v cc >/dev/null || missing+=("a C compiler (Debian, Ubuntu: apt-get install gcc libc6-dev; macOS: xcode-select --install)")
    command -v make >/dev/null || missing+=("make (Debian, Ubuntu: apt-get install make)")
    [ ${#missing[@]} -eq 0 ] || { say "To build Devmesh, please install:"; printf '  - %s\n' "${missing[@]}" >&2; return 1; }
}

# Whether the program is newer than everything that it is made of.
is_fresh() {
    local program=$bin/$1
    [ -x "$program" ] && [ -z "$(cd "$repo" && find Cargo.toml Cargo.lock crates proto -newer "$program" -type f -print -quit)" ]
}

build() {
    local package stale=() began=$SECONDS
    for package in "$@"; do
        is_fresh "$(program_of "$package")" || stale+=("$package")
    done
    [ ${#stale[@]} -gt 0 ] || return 0
    need_rust || return
    [ -d "$bin/deps" ] || say "Building ${stale[*]} for the first time; on two cores this takes some minutes. Later starts skip it."
    # Cargo shows how far it is. It leaves a program alone that a change does not concern, so its time is set here.
    (cd "$repo" && cargo build --locked --profile "$profile" "${stale[@]/#/--package=}") >&2 || return
    for package in "${stale[@]}"; do touch "$bin/$(program_of "$package")"; done
    say "Built in $((SECONDS - began)) s"
}

program_of() {
    case $1 in
        test-support) echo test-servers ;;
        *) echo "$1" ;;
    esac
}
