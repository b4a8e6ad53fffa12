#!/usr/bin/env bash
#
# Everything that must be true before a change lands, the same here and in CI.
#
# usage: scripts/ci.sh [STEP…] [--list] [--help]
#
# Without arguments every step runs; one that fails does not keep the others from running, but
# those that need the programs are left out when these do not build. With CI in the environment the
# output of a step goes to target/ci/STEP.log, and only of one that fails it is printed, at the end,
# and last of all the lines in it that name a failure.
# Needs what .ci/run installs: jq, openssl, curl, redis-server, valgrind, chromium, npm, python3, nginx, caddy,
# haproxy, promtool, python3-yaml.

set -euo pipefail
HELP=$(sed -n '3,12s/^# \{0,1\}//p' "${BASH_SOURCE[0]}")
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The steps in their order: a name, how long it may take in seconds, and what it runs.
STEPS=(
    'fmt          120 cargo fmt --all --check'
    'shell        120 check_scripts'
    'clippy      1500 cargo clippy --workspace --all-targets --locked -- -D warnings'
    'build       1500 cargo build --workspace --bins --locked'
    'test        1500 run_tests'
    'doc-test     900 cargo test --workspace --doc --locked --quiet'
    'doc          900 cargo doc --workspace --no-deps --locked --quiet'
    'deps         300 cargo xtask deps'
    'counts       300 cargo xtask counts'
    'supply-chain 120 scripts/supply-chain.sh'
    'mistakes     300 python3 -B scripts/mistakes.py'
    'requirements 300 cargo xtask requirements'
    'generated    300 cargo xtask gen --check'
    'e2e          300 scripts/test-e2e.sh'
    'docs         300 scripts/docs.sh'
    'clients      900 scripts/clients.sh typescript python commands'
    'examples     300 scripts/examples.sh'
    'browser      600 scripts/clients.sh browser'
    'foreign      600 scripts/foreign.sh'
    'oauth-clients 600 scripts/oauth-clients.sh'
    'proxies      300 scripts/proxies.sh'
    'tls          180 scripts/tls.sh'
    'conformance  420 scripts/conformance.sh'
    'stores       600 scripts/stores.sh'
    'reliability  780 scripts/reliability.sh'
    'alerts       120 scripts/observability.sh'
    'packaging    420 scripts/packaging.sh'
)
# These run the programs that `build` has made.
NEED_BUILD=' e2e docs clients examples browser foreign oauth-clients proxies tls conformance reliability packaging '

PASSED=0
FAILED=0
SKIPPED=0
REPORT=()
FAILED_LOGS=()
# The process that fetches ahead, while it may be running.
FETCHING=
# How many of the last lines of the log of a step that failed are shown.
TAIL=60

main() {
    local wanted=() each
    for each in "$@"; do
        case $each in
            --list) printf '%s\n' "${STEPS[@]%% *}" && exit ;;
            --help | -h) echo "$HELP" && exit ;;
            -*) echo "unknown option: $each; see --help" >&2 && exit 2 ;;
            *) wanted+=("$each") ;;
        esac
    done
    for each in "${wanted[@]}"; do
        [[ " $(printf '%s ' "${STEPS[@]%% *}")" == *" $each "* ]] ||
            { echo "unknown step: $each; see --list" >&2 && exit 2; }
    done
    export RUSTDOCFLAGS='-D warnings'
    [[ -z ${CI:-} ]] || export CARGO_INCREMENTAL=0 CARGO_TERM_COLOR=never
    [[ -z ${CI:-} ]] || ((${#wanted[@]} > 0)) || fetch_ahead
    for each in "${STEPS[@]}"; do
        ((${#wanted[@]} == 0)) || [[ " ${wanted[*]} " == *" ${each%% *} "* ]] || continue
        step "$each"
    done
    for each in "${FAILED_LOGS[@]}"; do show_end "$each"; done
    echo
    printf '%s\n' "${REPORT[@]}"
    for each in "${FAILED_LOGS[@]}"; do show_failures "$each"; done
    local skipped=''
    ((SKIPPED == 0)) || skipped=", $SKIPPED skipped"
    echo "steps: $PASSED passed, $FAILED failed$skipped"
    ((FAILED == 0 && PASSED > 0))
}

step() {
    local name limit began=$SECONDS status=0 verdict
    read -r name limit _ <<<"$1"
    if [[ $NEED_BUILD == *" $name "* && -n ${BUILD_FAILED:-} ]]; then
        SKIPPED=$((SKIPPED + 1))
        REPORT+=("skipped            $name")
        return
    fi
    if [[ $NEED_BUILD == *" $name "* && -n $FETCHING ]]; then
        wait "$FETCHING" || true
        FETCHING=
    fi
    printf '\n=== %s\n' "$name"
    # shellcheck disable=SC2086 # the words of the command are meant to be split
    kept "$name" bounded "$limit" ${1#*"$limit" } || status=$?
    if ((status == 0)); then
        PASSED=$((PASSED + 1))
        verdict=ok
        [[ $name != build ]] || export BIN_DIR=${CARGO_TARGET_DIR:-$PWD/target}/debug
    else
        FAILED=$((FAILED + 1))
        verdict=FAILED
        [[ $name != build ]] || BUILD_FAILED=yes
    fi
    REPORT+=("$(printf '%-7s %4d s     %s' "$verdict" $((SECONDS - began)) "$name")")
    echo "=== $name: $verdict after $((SECONDS - began)) s"
}

# What npm has to fetch comes while the compiler works. What does not come is fetched, and complained
# about, by the step that needs it.
fetch_ahead() {
    (
        # shellcheck source-path=SCRIPTDIR source=lib.sh
        source scripts/lib.sh
        for each in scripts/*/package-lock.json scripts/*/*/package-lock.json; do
            npm_packages "$ROOT/$(dirname "$each")" || true
        done
    ) >/dev/null 2>&1 </dev/null &
    FETCHING=$!
}

# kept STEP COMMAND… : runs it, and in CI keeps its output for the case that it fails.
kept() {
    local log=target/ci/$1.log status=0
    shift
    if [[ -z ${CI:-} ]]; then
        "$@"
        return
    fi
    mkdir -p target/ci
    "$@" >"$log" 2>&1 || status=$?
    ((status == 0)) || FAILED_LOGS+=("$log")
    return "$status"
}

# show_end LOG : how the output of a step that failed ended.
show_end() {
    printf '\n=== %s\n' "$1"
    tail -n "$TAIL" "$1"
}

# show_failures LOG : what failed in it, in few and short lines, for whoever sees the end of ours only.
show_failures() {
    printf '\n%s:\n' "$(basename "$1" .log)"
    grep -E '^(FAILED|not ok|error)|FAIL |WRONG|not as promised|panicked' "$1" | tail -n 8 | cut -c 1-160 ||
        tail -n 3 "$1" | cut -c 1-160
}

# bounded SECONDS COMMAND… : functions of this file run here, everything else under a time limit.
bounded() {
    local limit=$1
    shift
    case $1 in
        check_scripts | run_tests) "$1" "$limit" ;;
        *) timeout --kill-after=30 "$limit" "$@" </dev/null ;;
    esac
}

# run_tests SECONDS
run_tests() {
    if cargo nextest --version >/dev/null 2>&1; then
        timeout --kill-after=30 "$1" cargo nextest run --workspace --locked --profile ci </dev/null
    else
        timeout --kill-after=30 "$1" cargo test --workspace --all-targets --locked --no-fail-fast </dev/null
    fi
}

check_scripts() {
    local scripts=(scripts/*.sh scripts/*/*.sh examples/*.sh .ci/run) each status=0
    for each in "${scripts[@]}"; do bash -n "$each" || status=1; done
    for each in scripts/clients/*/*.mjs scripts/*/*.mjs; do node --check "$each" || status=1; done
    if command -v shellcheck >/dev/null; then
        shellcheck --external-sources "${scripts[@]}" || status=1
    else
        echo 'shellcheck is not here; only the syntax was checked'
    fi
    return "$status"
}

main "$@"
