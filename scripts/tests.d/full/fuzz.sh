#!/usr/bin/env bash
# Each fuzz target runs for a minute beyond its corpus without a finding (builds everything once more, instrumented: 5 minutes, 2 GB).
#
# Needs a C++ compiler and cargo-fuzz, which is installed into target/test-tools where it is missing. SECONDS_EACH makes it longer.
set -euo pipefail
. scripts/lib/install.sh

version=0.13.2
target=${CARGO_TARGET_DIR:-$repo_root/target}/fuzz
need_commands g++
if [ "$(cargo fuzz --version 2>/dev/null || true)" != "cargo-fuzz $version" ]; then
    export PATH=$tools_dir/cargo-fuzz/bin:$PATH
    [ -x "$tools_dir/cargo-fuzz/bin/cargo-fuzz" ] ||
        cargo install cargo-fuzz --version $version --locked --root "$tools_dir/cargo-fuzz" >&2
fi

# The same versions as everything else; what only fuzzing needs is added to them.
cp Cargo.lock crates/fuzz/Cargo.lock
RUSTC_BOOTSTRAP=1 cargo fuzz build --fuzz-dir crates/fuzz -s none --target-dir "$target" --codegen-units 16 >&2

passed=0 failed=0
for name in $(cargo fuzz list --fuzz-dir crates/fuzz); do
    new=$target/new/$name
    mkdir -p "$new"
    if "$target/$(rustc --print host-tuple)/release/$name" "$new" "crates/fuzz/corpus/$name" -artifact_prefix="$new-" \
        -max_total_time="${SECONDS_EACH:-60}" -max_len=8192 -timeout=10 -rss_limit_mb=1500 >"$new.log" 2>&1; then
        passed=$((passed + 1))
        say "$name: $(grep '^Done ' "$new.log")"
    else
        failed=$((failed + 1))
        say "$name found something; the input is named at the end of $new.log:"
        grep -A3 -E 'panicked at|ERROR: libFuzzer' "$new.log" >&2 || tail -5 "$new.log" >&2
    fi
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
