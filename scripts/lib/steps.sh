# shellcheck shell=bash
# Steps of scripts/test: a heading, a log, a count, a time for each; see there. It has `tier` and the lists of steps.
#
# A step is a command. It passes when it exits 0. If the last line of its output is `N passed, N failed`, or it ran
# cargo's tests, those are its counts; otherwise it counts as one.

logs=${CARGO_TARGET_DIR:-target}/test-logs
results=$logs/results.tsv # name, passed, failed, seconds

heading() { printf '\n=== %s\n' "$*"; }

# The steps that --only names must be there (standard input: all steps).
check_only() {
    local known name
    known=$(cut -f1)
    [ -n "${ONLY_STEPS// /}" ] || { echo "--only needs the name of a step: $(echo $known)" >&2; exit 2; }
    for name in $ONLY_STEPS; do
        grep -qxF "$name" <<<"$known" || { echo "--only: no step is named $name; there are: $(echo $known)" >&2; exit 2; }
    done
}

# A new run: no results; for the full tier, what has passed on this very tree stays.
start_results() {
    mkdir -p "$logs"
    : >"$results"
    export VERIFICATION_STAMPS=''
    if [ "$1" = full ]; then
        VERIFICATION_STAMPS=${CARGO_TARGET_DIR:-target}/verification/$(tree_id)
        mkdir -p "$VERIFICATION_STAMPS"
    fi
}

# The commit, and a digest of what differs from it (but for the report, which a full run writes itself).
tree_id() {
    local commit change
    commit=$(git rev-parse HEAD)
    change=$({ git diff HEAD -- . ':!docs/verification.md'
        git ls-files -z --others --exclude-standard -- . ':!docs/verification.md' | xargs -0 -r sha256sum; } | sha256sum)
    if [ "$change" = "$(sha256sum </dev/null)" ]; then echo "$commit"; else echo "$commit-changed-${change:0:12}"; fi
}

# Reads steps (name, tab, command) and runs each, whatever became of the others.
run_steps() {
    local name command
    while IFS=$'\t' read -r name command <&3; do
        run_step "$name" "$command"
    done 3<&0 </dev/null
}

run_step() {
    local name=$1 command=$2 log=$logs/${1//\//-}.log stamp status=0 begin=$SECONDS passed failed
    stamp=${VERIFICATION_STAMPS:+$VERIFICATION_STAMPS/${name//\//-}}
    # What the others need is built in any case.
    if [ -n "${ONLY_STEPS:-}" ] && [ "$name" != build ] && [[ $ONLY_STEPS != *" $name "* ]]; then return; fi
    heading "$name"
    if [ -n "$stamp" ] && [ -e "$stamp" ] && [ "$name" != build ]; then
        cat "$stamp" >>"$results"
        echo "passed before on this tree: $(cut -f2 "$stamp")"
        return
    fi
    # The command may be a function of the script, and it must not stop the script.
    set +e
    (set -euo pipefail; eval "$command") </dev/null 2>&1 | tee "$log"
    status=${PIPESTATUS[0]}
    set -e
    read -r passed failed < <(counts "$name" "$log" "$status")
    record "$name" "$passed" "$failed" $((SECONDS - begin))
    if [ -n "$stamp" ] && [ "$failed" = 0 ]; then tail -1 "$results" >"$stamp"; fi
    # At once: a run of hours may be cut short.
    [ "$tier" = quick ] || write_verification
    printf -- '--- %s: %s passed, %s failed, %s s\n' "$name" "$passed" "$failed" $((SECONDS - begin))
}

record() { printf '%s\t%s\t%s\t%s\n' "$@" >>"$results"; }

passed_step() { awk -F'\t' -v name="$1" '$1 == name && $3 == 0 { found = 1 } END { exit !found }' "$results"; }

# Prints the passed and failed counts of a step's log.
counts() {
    local name=$1 log=$2 status=$3 line passed='' failed=''
    line=$(grep -v '^[[:space:]]*$' "$log" | tail -1 || true)
    if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
        passed=${BASH_REMATCH[1]} failed=${BASH_REMATCH[2]}
    elif [[ $name = rust-tests || $name = doc-tests ]]; then
        read -r passed failed < <(cargo_counts "$log")
    elif [ "$status" = 0 ]; then
        passed=1 failed=0
    else
        passed=0 failed=1
    fi
    # A failure that nothing counted, or a step that tested nothing.
    if [ "$failed" = 0 ] && { [ "$status" != 0 ] || [ "$passed" = 0 ]; }; then failed=1; fi
    echo "$passed $failed"
}

# nextest: `Summary [ 1.0s] 9 tests run: 8 passed (1 slow), 1 failed, 2 timed out, 3 skipped`.
# cargo test: `test result: ok. 8 passed; 1 failed; …`, one line for each binary.
cargo_counts() {
    awk '
        / Summary \[/ { summary = $0 }
        /^test result:/ { gsub(/[;.]/, ""); for (i = 2; i <= NF; i++) { if ($i == "passed") p += $(i-1); if ($i == "failed") f += $(i-1) } }
        END {
            count = split(summary, word, /[ ,:]+/)
            for (i = 2; i <= count; i++) {
                if (word[i] == "passed") p += word[i-1]
                if (word[i] == "failed" || word[i] == "timed") f += word[i-1]
                if (word[i] == "exec" && word[i+1] == "failed") f += word[i-1]
            }
            print p + 0, f + 0
        }' "$1"
}

# What only the full tier runs, with the first comment of each script.
left_out() {
    heading 'left out (run by scripts/test --full)'
    local file none=yes
    for file in scripts/tests.d/full/*.sh; do
        [ -e "$file" ] || continue
        none=no
        printf '%s: %s\n' "$(basename "$file" .sh)" "$(sed -n '/^#!/d; s/^# \{0,1\}//p; /^[^#]/q' "$file" | head -1)"
    done
    [ $none = no ] || echo nothing
}

# Prints the table of the steps and the sum; ends the script.
finish() {
    heading results
    awk -F'\t' '{ printf "%-40s %6d passed %4d failed %6d s\n", $1, $2, $3, $4 }' "$results"
    awk -F'\t' '{ p += $2; f += $3 } END { print p + 0 " passed, " f + 0 " failed"; exit f > 0 }' "$results" || exit 1
    exit 0
}

# docs/verification.md: each step's last run, on which commit and when; the steps that did not run now keep their rows.
write_verification() {
    local report=docs/verification.md commit kept
    commit=$(git rev-parse --short=12 HEAD)
    [ -z "$(git status --porcelain -- . ":!$report")" ] || commit+=' and changes'
    kept=$(mktemp)
    [ ! -e $report ] || sed -n 's/^| \([a-z][^ ]*\) | \([0-9]*\) | \([0-9]*\) | \([0-9]*\) | `\([^`]*\)` | \([^ ]*\) |$/\1\t\2\t\3\t\4\t\5\t\6/p' $report >"$kept"
    {
        printf '# Verification\n\n'
        printf 'Written by `scripts/test --full` and `scripts/test --only STEP…`: how each step went when it last ran, and on which commit.\n\n'
        printf 'The last run was on %s cores, %s, %s.\n\n' "$(nproc)" "$(. /etc/os-release && echo "$PRETTY_NAME")" "$(rustc --version)"
        printf '| step | passed | failed | seconds | commit | day |\n|---|---:|---:|---:|---|---|\n'
        awk -F'\t' -v commit="$commit" -v day="$(date -u +%F)" '
            FILENAME == ARGV[1] { row[$1] = $0; next }
            FILENAME == ARGV[2] { row[$1] = $1 "\t" $2 "\t" $3 "\t" $4 "\t" commit "\t" day; next }
            $1 in row && !($1 in seen) { seen[$1]; split(row[$1], r, "\t"); p += r[2]; f += r[3]; s += r[4]
                printf "| %s | %d | %d | %d | `%s` | %s |\n", r[1], r[2], r[3], r[4], r[5], r[6] }
            END { printf "| **all** | **%d** | **%d** | **%d** | | |\n", p, f, s }' "$kept" "$results" <(before_servers; with_servers)
    } >$report.new
    mv $report.new $report
    rm "$kept"
}
