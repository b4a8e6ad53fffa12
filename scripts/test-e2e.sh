#!/usr/bin/env bash
#
# Both servers as processes, driven from outside with curl: no npm, no Rust test harness.
#
# usage: scripts/test-e2e.sh [memory] [redis] [--help]
#
# Without arguments both stores are tested; `redis` starts a redis-server of its own.
# BIN_DIR names a directory with auth-server and mcp-server; without it they are built.
# DEMO_PASSWORD is the password of the demo users, if it is not the built-in one.

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=e2e/oauth.sh
source "$ROOT/scripts/e2e/oauth.sh"
# shellcheck source-path=SCRIPTDIR source=e2e/mcp.sh
source "$ROOT/scripts/e2e/mcp.sh"

main() {
    local stores=() each
    for each in "$@"; do
        case $each in
            memory | redis) stores+=("$each") ;;
            --help | -h) sed -n '3,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" && exit ;;
            *) echo "unknown argument: $each; see --help" >&2 && exit 2 ;;
        esac
    done
    ((${#stores[@]} > 0)) || stores=(memory redis)
    need curl jq openssl
    binaries auth-server mcp-server
    for each in "${stores[@]}"; do
        echo "--- state in $each"
        "world_$each"
    done
    summary
}

# --- The world -----------------------------------------------------------------------------------

world_memory() {
    unset REDIS_URL
    world_begins
    journey
    outage_in_memory
    world_ends
}

world_redis() {
    need redis-server redis-cli
    local port
    port=$(free_port)
    mkdir -p "$WORK/redis"
    start redis redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no --dir "$WORK/redis"
    keep redis.port "$port"
    wait_until 20 redis-cli -p "$port" ping || fail "redis-server does not answer"
    export REDIS_URL=redis://127.0.0.1:$port
    world_begins
    journey
    check 'every key in Redis has a lifetime, and none holds a secret' keys_are_kept_well
    outage_in_redis
    world_ends
    stop redis
    unset REDIS_URL
}

world_begins() {
    local auth_port mcp_port
    auth_port=$(free_port)
    mcp_port=$(free_port)
    export HOST=127.0.0.1 LOG_FORMAT=json RUST_LOG=info
    export AUTH_SERVER_PORT=$auth_port AUTH_SERVER_URL=http://localhost:$auth_port
    export PORT=$mcp_port BASE_URI=http://localhost:$mcp_port
    export MCP_AUTH_CLIENT_ID=mcp-server MCP_AUTH_CACHE_TTL=1
    MCP_AUTH_CLIENT_SECRET=$(openssl rand -hex 32)
    export MCP_AUTH_CLIENT_SECRET
    auth_starts
    start mcp "$BIN_DIR/mcp-server"
    check 'mcp-server is ready' is_ready mcp "$BASE_URI"
}

auth_starts() {
    start auth "$BIN_DIR/auth-server"
    check 'auth-server is ready' is_ready auth "$AUTH_SERVER_URL"
}

world_ends() {
    check 'both end when they are asked to, even with a stream open' both_stop
    stop mcp
    stop auth
    check 'and both say that all went well' equal 'exit status' '0 0' "$(kept mcp.exit) $(kept auth.exit)"
}

both_stop() {
    local streaming
    session_starts alice
    curl --silent --no-buffer --max-time 60 "$BASE_URI/mcp" --dump-header "$WORK/stream.headers" \
        --header "Authorization: Bearer $(kept alice.token)" --header 'Accept: text/event-stream' \
        --header "Mcp-Session-Id: $(kept alice.session)" \
        --header 'MCP-Protocol-Version: 2025-11-25' >"$WORK/stream.body" &
    streaming=$!
    wait_until 10 grep -q '^HTTP/.* 200' "$WORK/stream.headers" || fail "the stream does not open"
    kill -TERM "$(kept mcp.pid)" "$(kept auth.pid)"
    wait_until 20 gone "$(kept mcp.pid)" || fail "mcp-server is still there after 20 seconds"
    wait_until 20 gone "$(kept auth.pid)" || fail "auth-server is still there after 20 seconds"
    wait_until 5 gone "$streaming" || fail "the stream is still open"
}

# --- The straight line ---------------------------------------------------------------------------

journey() {
    check 'a request without a token is told where to log in' challenge_names_the_metadata
    check 'the metadata documents name each other' metadata_documents_agree
    check 'a client registers itself' client_registers
    check 'alice approves, logs in, and the code comes back with state and issuer' log_in alice
    check 'the code is redeemed with its verifier' code_is_redeemed alice
    check 'the token is active, and meant for the MCP server only' token_is_active alice
    check 'introspection is for the MCP server only' introspection_needs_credentials
    check 'a wrong verifier is refused' wrong_verifier_is_refused
    check 'a code is redeemed once' code_is_redeemed_once
    check 'a person can deny' person_can_deny
    check 'a redirect URI that almost matches gets no redirect' almost_matching_redirect_is_refused

    check '2026-07-28: discover, list and call without a session' modern_calls
    check '2026-07-28: a call that asks for a form is answered in two rounds' modern_elicits
    check '2025-11-25: initialize, list and call in a session' session_calls
    check '2025-11-25: progress comes before the result' session_tells_progress
    check 'a bad token, bad JSON and an unknown method are refused' bad_input_is_refused

    check 'bob logs in as well' second_user_logs_in
    check 'bob is refused the session of alice' session_is_refused_to_others
    check 'alice still has it' session_is_still_there
    check 'a session that was deleted is gone' session_is_deleted

    check 'a refresh token brings new tokens' refresh_brings_new_tokens
    check 'a revoked token is inactive, and soon useless' revoked_token_is_useless
}

# --- Outages -------------------------------------------------------------------------------------

outage() {
    log_in_anew alice
    check 'alice is served before the outage' modern_call_answers alice 200
    stop auth KILL
    check 'without the authorization server, calls are answered 503' outage_is_noticed
    check 'what needs no token is still served' public_paths_are_served
    auth_starts
}

outage_in_memory() {
    outage
    check 'its restart has lost the tokens it kept in memory' becomes alice 401
    log_in_anew alice
    check 'after another login all is well' becomes alice 200
}

outage_in_redis() {
    outage
    check 'it is back, and the old token works again' becomes alice 200
}

# log_in_anew WHO : a client of its own, as the old one may be forgotten.
log_in_anew() {
    check "$1 logs in" logs_in_anew "$1"
}

logs_in_anew() {
    client_registers
    log_in "$1"
    code_is_redeemed "$1"
}

outage_is_noticed() {
    becomes alice 503
    like content-type '^application/json' "$(header content-type)"
    equal message 'Authentication service unavailable' "$(field .error.message)"
    like retry-after '^[0-9]+$' "$(header retry-after)"
}

public_paths_are_served() {
    local path
    for path in / /health /livez /readyz /.well-known/oauth-protected-resource/mcp; do
        http GET "$BASE_URI$path"
        expect 200
    done
}

# becomes WHO STATUS : the answer to a call changes to this within 20 seconds.
becomes() {
    wait_until 20 modern_call_answers "$1" "$2" || modern_call_answers "$1" "$2"
}

keys_are_kept_well() {
    local key ttl cli=(redis-cli -p "$(kept redis.port)")
    "${cli[@]}" --raw keys '*' >"$WORK/keys"
    grep -q '^auth:client:' "$WORK/keys"
    grep -q '^auth:installation:' "$WORK/keys"
    if grep -qF "$(kept alice.token)" "$WORK/keys"; then fail 'a key holds an access token'; fi
    while read -r key; do
        ttl=$("${cli[@]}" ttl "$key")
        ((ttl == -2 || ttl > 0)) || fail "$key has no lifetime"
    done <"$WORK/keys"
}

main "$@"
