#!/usr/bin/env bash
#
# The official conformance suite, at both revisions, and its authorization server leg.
#
# usage: scripts/conformance.sh [2025-11-25] [2026-07-28] [authorization] [--help]
#
# Without arguments all three run. A scenario is clean when it has neither a failure nor a warning.
# scripts/conformance-expected.txt names those that are not clean yet: one that is missing there
# fails the run, and so does one that is there and has become clean.
# BIN_DIR names a directory with conformance-server and auth-server; without it they are built.
# PORT is the port of the conformance server, below 32768; a free one otherwise.
# The whole output is left in target/conformance.

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

CLIENTS=$ROOT/scripts/clients/typescript
EXPECTED=$ROOT/scripts/conformance-expected.txt
RESULTS=${CARGO_TARGET_DIR:-$ROOT/target}/conformance

main() {
    local legs=() leg
    for leg in "$@"; do
        case $leg in
            2025-11-25 | 2026-07-28 | authorization) legs+=("$leg") ;;
            --help | -h) sed -n '3,13s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" && exit ;;
            *) echo "unknown argument: $leg; see --help" >&2 && exit 2 ;;
        esac
    done
    ((${#legs[@]} > 0)) || legs=(2025-11-25 2026-07-28 authorization)
    need curl jq npm
    npm_packages "$CLIENTS"
    binaries conformance-server auth-server
    rm -rf "$RESULTS"
    mkdir -p "$RESULTS"
    : >"$WORK/unclean"
    [[ " ${legs[*]} " != *' 20'* ]] || conformance_server_starts
    for leg in "${legs[@]}"; do
        case $leg in
            authorization) authorization_leg ;;
            *) server_leg "$leg" ;;
        esac
    done
    for leg in "${legs[@]}"; do judge "$leg"; done
    summary
}

# The suite needs Node 22, which comes as a package.
suite() {
    "$CLIENTS/node_modules/.bin/node" \
        "$CLIENTS/node_modules/@modelcontextprotocol/conformance/dist/index.js" "$@"
}

# --- The MCP server ------------------------------------------------------------------------------

conformance_server_starts() {
    SERVER_PORT=${PORT:-$(free_port)}
    local url=http://127.0.0.1:$SERVER_PORT
    start server env HOST=127.0.0.1 PORT="$SERVER_PORT" BASE_URI="$url" MCP_AUTH=none \
        LOG_FORMAT=json RUST_LOG=info "$BIN_DIR/conformance-server"
    (is_ready server "$url") || { echo '0 passed, 1 failed' && exit 1; }
    echo "conformance-server listens at $url/mcp"
}

server_leg() {
    local revision=$1 out=$RESULTS/$1
    suite server --url "http://127.0.0.1:$SERVER_PORT/mcp" --requirements "$revision" -o "$out" \
        >"$out.log" 2>&1 || true
    collect "$revision" "$out" server
}

# --- The authorization server --------------------------------------------------------------------

authorization_leg() {
    local out=$RESULTS/authorization issuer callback_port client runner url
    issuer=http://localhost:$(free_port)
    callback_port=$(free_port)
    start auth env HOST=127.0.0.1 AUTH_SERVER_PORT="${issuer##*:}" AUTH_SERVER_URL="$issuer" \
        BASE_URI=http://localhost:3232 LOG_FORMAT=json RUST_LOG=info "$BIN_DIR/auth-server"
    (is_ready auth "$issuer") || { echo '0 passed, 1 failed' && exit 1; }
    client=$(public_client "$issuer" "http://127.0.0.1:$callback_port/callback")
    suite authorization --url "$issuer" --client-id "$client" --port "$callback_port" \
        --resource http://localhost:3232/mcp -o "$out" >"$out.log" 2>&1 &
    runner=$!
    STARTED+=("$runner")
    if wait_until 30 grep -q '^ *http.*code_challenge=' "$out.log"; then
        url=$(grep -oE 'http[^[:space:]]*code_challenge=[^[:space:]]*' "$out.log" | head -n 1)
        node "$CLIENTS/walker.mjs" "$url" "http://127.0.0.1:$callback_port/callback" --open \
            >>"$out.walk.log" 2>&1 || cat "$out.walk.log"
    fi
    wait_until 30 gone "$runner" || kill "$runner"
    collect authorization "$out" authorization-server
    stop auth
}

# public_client ISSUER REDIRECT_URI : registers one and prints its id.
public_client() {
    local metadata
    metadata=$(jq -n --arg uri "$2" '{ client_name: "conformance", redirect_uris: [$uri],
        grant_types: ["authorization_code"], response_types: ["code"],
        token_endpoint_auth_method: "none" }')
    curl --silent --fail --max-time 10 --header 'Content-Type: application/json' --data "$metadata" \
        "$(curl --silent --fail --max-time 10 "$1/.well-known/oauth-authorization-server" |
            jq -r .registration_endpoint)" | jq -r .client_id
}

# --- Judging -------------------------------------------------------------------------------------

# collect LEG DIRECTORY PREFIX : prints a line per leg, and notes every scenario and whether it is clean.
collect() {
    local leg=$1 directory=$2 prefix=$3 checks scenario counts total='{}'
    for checks in "$directory/$prefix"-*/checks.json; do
        [[ -e $checks ]] || continue
        scenario=$(basename "$(dirname "$checks")" | sed -E "s/^$prefix-//; s/-[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9-]+Z$//")
        echo "$leg $scenario" >>"$WORK/seen"
        counts=$(jq -c 'map(.status) | group_by(.) | map({ (.[0]): length }) | add // {}' "$checks")
        total=$(jq -cn --argjson a "$total" --argjson b "$counts" \
            'reduce ($b | to_entries[]) as $e ($a; .[$e.key] += $e.value)')
        jq -e '(.FAILURE // 0) + (.WARNING // 0) == 0' <<<"$counts" >/dev/null ||
            echo "$leg $scenario" >>"$WORK/unclean"
    done
    # A scenario that throws leaves no checks, only a line in the summary.
    sed -nE 's/^(✗|✓) ([a-z0-9-]+):.*/\1 \2/p' "$directory.log" | while read -r mark scenario; do
        grep -qxF "$leg $scenario" "$WORK/seen" 2>/dev/null || echo "$leg $scenario" >>"$WORK/seen"
        [[ $mark == ✓ ]] || echo "$leg $scenario" >>"$WORK/unclean"
    done
    jq -r --arg leg "$leg" '"\($leg): checks: \(.SUCCESS // 0) passed, \(.FAILURE // 0) failed, " +
        "\(.WARNING // 0) warnings, \(.SKIPPED // 0) skipped"' <<<"$total"
}

# judge LEG : every scenario against what is expected of it.
judge() {
    local leg=$1 scenario
    sort -u "$WORK/unclean" >"$WORK/unclean.sorted"
    sed 's/[[:space:]]*#.*//' "$EXPECTED" | grep "^$leg " | sort -u >"$WORK/expected" || true
    if ! grep -q "^$leg " "$WORK/seen" 2>/dev/null; then
        FAILED=$((FAILED + 1))
        echo "FAILED  $leg: no scenario ran; see $RESULTS/$leg.log"
        tail -n 5 "$RESULTS/$leg.log"
        return
    fi
    while read -r _ scenario; do
        if grep -qxF "$leg $scenario" "$WORK/unclean.sorted"; then
            grep -qxF "$leg $scenario" "$WORK/expected" && continue
            FAILED=$((FAILED + 1))
            echo "FAILED  $leg $scenario"
            why "$leg" "$scenario"
        elif grep -qxF "$leg $scenario" "$WORK/expected"; then
            FAILED=$((FAILED + 1))
            echo "FAILED  $leg $scenario is clean now: take it out of ${EXPECTED#"$ROOT/"}"
        else
            PASSED=$((PASSED + 1))
        fi
    done < <(grep "^$leg " "$WORK/seen" | sort -u)
    while read -r scenario; do
        grep -qxF "$leg $scenario" "$WORK/seen" && continue
        FAILED=$((FAILED + 1))
        echo "FAILED  $leg $scenario did not run; see $RESULTS/$leg.log"
    done < <(required "$leg")
    while read -r _ scenario; do
        FAILED=$((FAILED + 1))
        echo "FAILED  $leg $scenario did not run: take it out of ${EXPECTED#"$ROOT/"}"
    done < <(comm -13 <(grep "^$leg " "$WORK/seen" | sort -u) "$WORK/expected")
    echo "$leg: $(wc -l <"$WORK/expected") scenarios are expected to be unclean"
}

# required LEG : the names of the scenarios that must have run.
required() {
    case $1 in
        authorization) suite list --authorization ;;
        *) suite list --requirements "$1" | sed -n '/^Server scenarios/,/^$/p' ;;
    esac | sed -nE 's/^ *- ([a-z0-9-]+).*/\1/p'
}

# why LEG SCENARIO : what its checks say.
why() {
    local checks
    for checks in "$RESULTS/$1"/*-"$2"-20??-??-??T*/checks.json; do
        [[ -e $checks ]] || continue
        jq -r '.[] | select(.status == "FAILURE" or .status == "WARNING") |
            "        \(.status) \(.id): \(.errorMessage // .description // "" | tostring | .[0:300])"' "$checks"
    done
}

main "$@"
