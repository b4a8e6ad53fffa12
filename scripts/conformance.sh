#!/usr/bin/env bash
#
# The official conformance suite against our server, and its authorization server leg.
#
# usage: scripts/conformance.sh [--with SETUP]… [2025-11-25] [2026-07-28] [all] [authorization] [--help]
#
# A setup says how the server runs:
#   memory     one instance, in memory, without authorization
#   auth       with authorization, behind a proxy that adds a token
#   redis      on a Redis of its own
#   instances  two instances on one Redis, behind a proxy that takes turns
#   together   all of it: two instances, Redis, authorization
#   every      each of these, one after the other
# Legs are the frozen requirements of a revision, `all` scenarios that the suite has, and
# `authorization`, which has nothing to do with setups.
# Without arguments it does what CI does: both revisions and authorization in memory, and both
# revisions and all scenarios together.
# Each check that runs has to pass without a warning; there is no list of exceptions.
# BIN_DIR names a directory with conformance-server and auth-server; without it they are built.
# PORT is the port that the suite is given, below 32768; a free one otherwise.
# The whole output is left in target/conformance.

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

CLIENTS=$ROOT/scripts/clients/typescript
RESULTS=${CARGO_TARGET_DIR:-$ROOT/target}/conformance
SETUPS=(memory auth redis instances together)

main() {
    local legs=() setups=() setup
    while (($# > 0)); do
        case $1 in
            2025-11-25 | 2026-07-28 | all | authorization) legs+=("$1") ;;
            --with) setups+=("${2:?--with needs a setup}") && shift ;;
            --help | -h) sed -n '3,22s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" && exit ;;
            *) echo "unknown argument: $1; see --help" >&2 && exit 2 ;;
        esac
        shift
    done
    for setup in "${setups[@]}"; do
        [[ " ${SETUPS[*]} every " == *" $setup "* ]] || { echo "unknown setup: $setup" >&2 && exit 2; }
    done
    [[ " ${setups[*]} " != *' every '* ]] || setups=("${SETUPS[@]}")
    need curl jq npm openssl
    npm_packages "$CLIENTS"
    binaries conformance-server auth-server
    rm -rf "$RESULTS"
    mkdir -p "$RESULTS"
    : >"$WORK/seen"
    if ((${#setups[@]} == 0 && ${#legs[@]} == 0)); then
        run_in memory 2025-11-25 2026-07-28 authorization
        run_in together 2025-11-25 2026-07-28 all
    else
        ((${#legs[@]} > 0)) || legs=(2025-11-25 2026-07-28 all)
        ((${#setups[@]} > 0)) || setups=(memory)
        for setup in "${setups[@]}"; do run_in "$setup" "${legs[@]}"; done
    fi
    summary
}

# run_in SETUP LEG…
run_in() {
    local setup=$1 leg
    shift
    [[ "$*" == authorization ]] || setup_starts "$setup"
    for leg in "$@"; do
        case $leg in
            authorization) authorization_leg ;;
            *) server_leg "$setup" "$leg" ;;
        esac
    done
    [[ "$*" == authorization ]] || setup_ends
}

# The suite needs Node 22, which comes as a package.
suite() {
    run_node "$CLIENTS/node_modules/@modelcontextprotocol/conformance/dist/index.js" "$@"
}

run_node() {
    "$CLIENTS/node_modules/.bin/node" "$@"
}

# --- The MCP server ------------------------------------------------------------------------------

# setup_starts SETUP : what listens at $SUITE_URL is what the suite is given.
setup_starts() {
    local settings=(MCP_AUTH=none) instances=1 port=${PORT:-$(free_port)} each inner=()
    RUNNING=()
    SUITE_URL=http://127.0.0.1:$port
    case $1 in
        redis | instances | together) redis_starts && settings+=("REDIS_URL=$REDIS_URL") ;;
    esac
    case $1 in
        instances | together) instances=2 && settings+=("MCP_STATE_KEY=$(openssl rand -hex 32)") ;;
    esac
    case $1 in
        auth | together) issuer_starts && settings+=("${ISSUER_SETTINGS[@]}") ;;
    esac
    for ((each = 1; each <= instances; each++)); do inner+=("$(free_port)"); done
    # Without a proxy in between, the server itself is there.
    [[ $1 == memory || $1 == redis ]] && inner=("$port")
    for each in "${inner[@]}"; do server_starts "$each" "${settings[@]}"; done
    if [[ $1 != memory && $1 != redis ]]; then
        local token=''
        case $1 in auth | together) token=$(access_token) ;; esac
        start proxy env TOKEN="$token" "$CLIENTS/node_modules/.bin/node" \
            "$ROOT/scripts/conformance/proxy.mjs" "$port" "${inner[@]}"
        RUNNING+=(proxy)
        (is_ready proxy "$SUITE_URL") || { echo '0 passed, 1 failed' && exit 1; }
    fi
    echo "--- $1: the suite is given $SUITE_URL/mcp"
}

# server_starts PORT SETTING…
server_starts() {
    local port=$1 name=server-$1
    shift
    start "$name" env HOST=127.0.0.1 PORT="$port" BASE_URI="$SUITE_URL" LOG_FORMAT=json \
        RUST_LOG=info "$@" "$BIN_DIR/conformance-server"
    RUNNING+=("$name")
    (is_ready "$name" "http://127.0.0.1:$port") || { echo '0 passed, 1 failed' && exit 1; }
}

redis_starts() {
    need redis-server redis-cli
    local port
    port=$(free_port)
    mkdir -p "$WORK/redis"
    start redis redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no --dir "$WORK/redis"
    wait_until 20 redis-cli -p "$port" ping || { echo "redis-server does not answer" && exit 1; }
    REDIS_URL=redis://127.0.0.1:$port
    RUNNING+=(redis)
}

# Sets ISSUER and ISSUER_SETTINGS, what the server has to know of it.
issuer_starts() {
    local port secret
    port=$(free_port)
    secret=$(openssl rand -hex 32)
    ISSUER=http://localhost:$port
    start issuer env HOST=127.0.0.1 AUTH_SERVER_PORT="$port" AUTH_SERVER_URL="$ISSUER" \
        BASE_URI="$SUITE_URL" MCP_AUTH_CLIENT_SECRET="$secret" LOG_FORMAT=json RUST_LOG=info \
        "$BIN_DIR/auth-server"
    RUNNING+=(issuer)
    (is_ready issuer "$ISSUER") || { echo '0 passed, 1 failed' && exit 1; }
    ISSUER_SETTINGS=(MCP_AUTH=required "AUTH_SERVER_URL=$ISSUER" "MCP_AUTH_CLIENT_SECRET=$secret")
}

setup_ends() {
    local each
    for each in "${RUNNING[@]}"; do stop "$each"; done
    # Of two instances, both have to have been asked.
    [[ " ${RUNNING[*]} " != *' proxy '* ]] || check 'every instance was asked' all_were_asked
}

all_were_asked() {
    tail -n 1 "$WORK/proxy.log" | jq -e 'all(. > 20)' || fail "requests per instance: $(tail -n 1 "$WORK/proxy.log")"
}

# server_leg SETUP LEG
server_leg() {
    local setup=$1 leg=$2 out=$RESULTS/$1-$2 wanted=(--requirements "$2")
    [[ $leg != all ]] || wanted=(--suite all)
    suite server --url "$SUITE_URL/mcp" "${wanted[@]}" -o "$out" >"$out.log" 2>&1 || true
    judge "$setup-$leg" server "$(required "$leg")"
}

# --- The authorization server --------------------------------------------------------------------

authorization_leg() {
    local out=$RESULTS/authorization callback_port client runner url
    RUNNING=()
    SUITE_URL=http://localhost:3232
    issuer_starts
    callback_port=$(free_port)
    client=$(public_client "http://127.0.0.1:$callback_port/callback")
    suite authorization --url "$ISSUER" --client-id "$client" --port "$callback_port" \
        --resource "$SUITE_URL/mcp" -o "$out" >"$out.log" 2>&1 &
    runner=$!
    STARTED+=("$runner")
    if wait_until 30 grep -q '^ *http.*code_challenge=' "$out.log"; then
        url=$(grep -oE 'http[^[:space:]]*code_challenge=[^[:space:]]*' "$out.log" | sed -n 1p)
        run_node "$CLIENTS/walker.mjs" "$url" "http://127.0.0.1:$callback_port/callback" --open \
            >>"$out.walk.log" 2>&1 || cat "$out.walk.log"
    fi
    wait_until 30 gone "$runner" || kill "$runner"
    judge authorization authorization-server "$(required authorization)"
    stop issuer
}

# public_client REDIRECT_URI : registers one and prints its id.
public_client() {
    local metadata
    metadata=$(jq -n --arg uri "$1" '{ client_name: "conformance", redirect_uris: [$uri],
        grant_types: ["authorization_code"], response_types: ["code"],
        token_endpoint_auth_method: "none" }')
    curl --silent --fail --max-time 10 --header 'Content-Type: application/json' --data "$metadata" \
        "$(endpoint registration)" | jq -r .client_id
}

# endpoint NAME : of the authorization server, by its metadata.
endpoint() {
    curl --silent --fail --max-time 10 "$ISSUER/.well-known/oauth-authorization-server" |
        jq -r ".$1_endpoint"
}

# access_token : one for $SUITE_URL/mcp, as a person gets it who walks through the pages.
access_token() {
    local redirect=http://127.0.0.1:41793/callback client verifier challenge url code
    client=$(public_client "$redirect")
    verifier=$(openssl rand -hex 32)
    challenge=$(printf '%s' "$verifier" | openssl dgst -sha256 -binary | base64 | tr '+/' '-_' | tr -d '=')
    url="$(endpoint authorization)?response_type=code&client_id=$client&redirect_uri=$redirect&state=s"
    url+="&resource=$SUITE_URL/mcp&code_challenge=$challenge&code_challenge_method=S256"
    code=$(run_node "$CLIENTS/walker.mjs" "$url" "$redirect" | sed -nE 's/.*[?&]code=([^&]*).*/\1/p')
    curl --silent --fail --max-time 10 "$(endpoint token)" --data grant_type=authorization_code \
        --data "client_id=$client" --data "code_verifier=$verifier" --data "code=$code" \
        --data-urlencode "redirect_uri=$redirect" --data-urlencode "resource=$SUITE_URL/mcp" |
        jq -er .access_token
}

# --- Judging -------------------------------------------------------------------------------------

# judge RUN PREFIX REQUIRED : every scenario that ran, and that all which are required did; a line with
# the figures.
judge() {
    local run=$1 prefix=$2 required=$3 directory=$RESULTS/$1 checks scenario counts total='{}' clean=0
    for checks in "$directory/$prefix"-*/checks.json; do
        [[ -e $checks ]] || continue
        scenario=$(basename "$(dirname "$checks")" | sed -E "s/^$prefix-//; s/-[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9-]+Z$//")
        echo "$run $scenario" >>"$WORK/seen"
        counts=$(jq -c 'map(.status) | group_by(.) | map({ (.[0]): length }) | add // {}' "$checks")
        total=$(jq -cn --argjson a "$total" --argjson b "$counts" \
            'reduce ($b | to_entries[]) as $e ($a; .[$e.key] += $e.value)')
        if ! is_tried "$scenario" "$counts"; then
            unclean "$run" "$scenario: nothing in it was tried"
        elif jq -e '(.FAILURE // 0) + (.WARNING // 0) == 0' <<<"$counts" >/dev/null; then
            clean=$((clean + 1))
        else
            unclean "$run" "$scenario"
            why "$checks"
        fi
    done
    # A scenario that throws leaves no checks, only a line in the summary.
    while read -r scenario; do
        grep -qxF "$run $scenario" "$WORK/seen" || unclean "$run" "$scenario threw; see $directory.log"
        echo "$run $scenario" >>"$WORK/seen"
    done < <(sed -nE 's/^✗ ([a-z0-9-]+):.*/\1/p' "$directory.log")
    while read -r scenario; do
        grep -qxF "$run $scenario" "$WORK/seen" || unclean "$run" "$scenario did not run; see $directory.log"
    done <<<"$required"
    PASSED=$((PASSED + clean))
    ((clean > 0)) || { unclean "$run" 'nothing at all' && tail -n 5 "$directory.log"; }
    jq -r --arg run "$run" --arg clean "$clean" '"\($run): \($clean) scenarios clean; checks: " +
        "\(.SUCCESS // 0) passed, \(.FAILURE // 0) failed, \(.WARNING // 0) warnings, " +
        "\(.SKIPPED // 0) skipped"' <<<"$total"
}

# is_tried SCENARIO COUNTS : a scenario that only skips shows nothing. One of the suite always does.
is_tried() {
    [[ $1 == tasks-status-notifications ]] || jq -e '(.SKIPPED // 0) < add' <<<"$2" >/dev/null
}

unclean() {
    FAILED=$((FAILED + 1))
    echo "FAILED  $1 $2"
}

# required LEG : the names of the scenarios that must have run.
required() {
    case $1 in
        authorization) suite list --authorization ;;
        all) suite list --server ;;
        *) suite list --requirements "$1" | sed -n '/^Server scenarios/,/^$/p' ;;
    esac | sed -nE 's/^ *- ([a-z0-9-]+).*/\1/p'
}

# why CHECKS : what the checks of a scenario say.
why() {
    jq -r '.[] | select(.status == "FAILURE" or .status == "WARNING") |
        "        \(.status) \(.id): \(.errorMessage // .description // "" | tostring | .[0:300])"' "$1"
}

main "$@"
