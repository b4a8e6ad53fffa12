#!/usr/bin/env bash
#
# mcp-server with an authorization server that nobody here wrote: npm oidc-provider, pinned.
#
# usage: scripts/foreign.sh [--help]
#
# Opaque tokens and JWTs, three ways of client authentication, a wrong audience, revocation, an outage
# and its end. Nothing of auth-server runs.
# BIN_DIR names a directory with mcp-server; without it that is built.
# Installs the pinned packages from npm into scripts/foreign/.

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

FOREIGN=$ROOT/scripts/foreign
KEY=$ROOT/mcp-server/tests/keys/p256.pem

main() {
    [[ ${1:-} != --help ]] || { sed -n '3,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" && exit; }
    need npm node curl
    binaries mcp-server
    npm_packages "$FOREIGN"
    AS_PORT=$(free_port)
    MCP_PORT=$(free_port)
    ISSUER=http://localhost:$AS_PORT
    RESOURCE=http://localhost:$MCP_PORT/mcp
    provider_start
    for method in basic post private_key_jwt; do
        server_start "$method"
        tokens "$method"
        stop mcp-server
    done
    server_start basic
    revoked
    outage
    summary
}

provider_start() {
    start provider node "$FOREIGN/provider.mjs" "$AS_PORT" "$KEY"
    wait_until 20 curl -fsS -o "$WORK/metadata" "$ISSUER/.well-known/openid-configuration"
}

# server_start METHOD : mcp-server, which authenticates by it. The clients have its name.
server_start() {
    local credentials=(MCP_AUTH_CLIENT_SECRET="secret of $1")
    [[ $1 != private_key_jwt ]] || credentials=(MCP_AUTH_CLIENT_KEY_FILE="$KEY")
    start mcp-server env HOST=127.0.0.1 PORT="$MCP_PORT" BASE_URI="http://localhost:$MCP_PORT" \
        AUTH_SERVER_URL="$ISSUER" MCP_AUTH_CLIENT_ID="$1" "${credentials[@]}" \
        MCP_AUTH_CLIENT_AUTH="$1" MCP_AUTH_CACHE_TTL=1 LOG_FORMAT=json "$BIN_DIR/mcp-server"
    wait_until 20 curl -fsS -o "$WORK/ready" "http://localhost:$MCP_PORT/readyz"
}

# token CLIENT RESOURCE : an access token of that client for that resource.
token() {
    curl -fsS "$ISSUER/token" -d grant_type=client_credentials -d scope=mcp -d client_id="$1" \
        --data-urlencode "client_secret=secret of $1" --data-urlencode "resource=$2" |
        sed 's/.*"access_token":"\([^"]*\)".*/\1/'
}

# answered STATUS WHAT TOKEN : checks how a request with this token is answered.
answered() {
    local got
    got=$(curl -sS -o "$WORK/body" -w '%{http_code}' "$RESOURCE" -H "Authorization: Bearer $3" \
        -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' \
        -d '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}')
    check "$2: $1" test "$got" = "$1"
}

tokens() {
    local agent
    for agent in agent-opaque agent-jwt; do
        answered 200 "$agent, asked with $1" "$(token "$agent" "$RESOURCE")"
        answered 401 "$agent, for somebody else" "$(token "$agent" "http://localhost:1/mcp")"
    done
    answered 401 'garbage' 'garbage'
    answered 401 'a changed JWT' "$(token agent-jwt "$RESOURCE")x"
}

revoked() {
    local token
    token=$(token agent-opaque "$RESOURCE")
    answered 200 'before it is revoked' "$token"
    curl -fsS "$ISSUER/token/revocation" -d client_id=agent-opaque -d token="$token" \
        --data-urlencode 'client_secret=secret of agent-opaque'
    sleep 1.1
    answered 401 'after it is revoked' "$token"
}

outage() {
    local token
    token=$(token agent-opaque "$RESOURCE")
    stop provider
    answered 503 'while the provider is away' "$token"
    provider_start
    wait_until 20 curl -fsS -o "$WORK/ready" "http://localhost:$MCP_PORT/readyz"
    # The provider keeps its tokens in memory.
    token=$(token agent-opaque "$RESOURCE")
    wait_until 20 healthy
    answered 200 'when it is back' "$token"
}

healthy() {
    curl -fsS "http://localhost:$MCP_PORT/health" | grep -q '"auth":"operational"'
}

main "$@"
