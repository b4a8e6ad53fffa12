# mcp-server as the resource that foreign tokens are for; meant to be sourced, not run.
# shellcheck shell=bash

# ports : new ones for the authorization server and for mcp-server.
ports() {
    AS_PORT=$(free_port)
    MCP_PORT=$(free_port)
    ISSUER=http://localhost:$AS_PORT
    RESOURCE=http://localhost:$MCP_PORT/mcp
}

# listens NAME SECONDS URL : waits for a server of somebody else; when it does not come, shows what it said.
listens() {
    wait_until "$2" answers "$3" && return
    echo "$1 does not answer at $3; its output ends so:"
    tail -n 20 "$WORK/$1.log"
    exit 1
}

# resource_start SETTING… : mcp-server with these settings, as soon as it listens.
resource_start() {
    start mcp-server env HOST=127.0.0.1 PORT="$MCP_PORT" BASE_URI="http://localhost:$MCP_PORT" \
        AUTH_SERVER_URL="$ISSUER" MCP_AUTH_CACHE_TTL=1 MCP_AUTH_JWKS_COOLDOWN=1 LOG_FORMAT=json \
        "$@" "$BIN_DIR/mcp-server"
    wait_until 20 answers "http://localhost:$MCP_PORT/livez"
}

# resource_ready : waits until it has found its authorization server.
resource_ready() {
    wait_until 60 answers "http://localhost:$MCP_PORT/readyz"
}

resource_healthy() {
    curl -fsS "http://localhost:$MCP_PORT/health" | grep '"auth":"operational"' >/dev/null
}

# ask TOKEN : opens a session with it; the answer is left in $WORK.
ask() {
    http POST "$RESOURCE" --header "Authorization: Bearer $1" \
        --header 'Content-Type: application/json' \
        --header 'Accept: application/json, text/event-stream' \
        --data '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}'
}

# answered STATUS TOKEN : a 401 has a challenge that says so, a 503 has none and says when to come back.
answered() {
    ask "$2"
    expect "$1"
    case $1 in
        401)
            like 'the challenge' 'error="invalid_token"' "$(header www-authenticate)"
            like 'the challenge' 'resource_metadata="http' "$(header www-authenticate)"
            ;;
        503)
            equal 'the challenge' '' "$(header www-authenticate)"
            like 'Retry-After' '^[0-9]+$' "$(header retry-after)"
            ;;
    esac
}

# is_answered STATUS WHAT TOKEN : one check.
is_answered() {
    check "$2: $1" answered "$1" "$3"
}

# comes_to_be_answered STATUS WHAT TOKEN : the same of what is remembered for a second, when that is over.
comes_to_be_answered() {
    wait_until 5 answered "$1" "$3" || true
    is_answered "$@"
}

# refused_at_start WORDS SETTING… : mcp-server does not start, and says these words.
refused_at_start() {
    local words=$1 status=0
    shift
    timeout 20 env HOST=127.0.0.1 PORT="$MCP_PORT" BASE_URI="http://localhost:$MCP_PORT" \
        LOG_FORMAT=json "$@" "$BIN_DIR/mcp-server" >"$WORK/refused" 2>&1 || status=$?
    [[ $status != 0 && $status != 124 ]] || fail "it has started: $status"
    like 'what it says' "$words" "$(tail -n 3 "$WORK/refused")"
}
