#!/usr/bin/env bash
#
# OAuth clients that nobody here wrote complete everything that auth-server offers, strictly.
#
# usage: scripts/oauth-clients.sh [openid-client] [oauth4webapi] [authlib] [--help]
#
# Without arguments all three run, against both servers on free ports.
# BIN_DIR names a directory with auth-server and mcp-server; without it they are built.
# Installs the pinned packages: from npm into scripts/oauth-clients/ and scripts/clients/typescript/,
# from PyPI into target/clients/.

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

HERE=$ROOT/scripts/oauth-clients
# Its walker of pages and its Node.js serve here too.
TYPESCRIPT=$ROOT/scripts/clients/typescript
VENV=${CARGO_TARGET_DIR:-$ROOT/target}/clients/oauth-venv

main() {
    local wanted=() each status
    for each in "$@"; do
        case $each in
            openid-client | oauth4webapi | authlib) wanted+=("$each") ;;
            --help | -h) sed -n '3,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" && exit ;;
            *) echo "unknown argument: $each; see --help" >&2 && exit 2 ;;
        esac
    done
    ((${#wanted[@]} > 0)) || wanted=(openid-client oauth4webapi authlib)
    need npm python3 curl openssl jq
    binaries auth-server mcp-server
    npm_packages "$TYPESCRIPT"
    npm_packages "$HERE"
    servers_start
    for each in "${wanted[@]}"; do
        echo "--- $each"
        status=0
        "with_$each" 2>&1 | tee "$WORK/$each.out" || status=$?
        count_in "$WORK/$each.out" "$status"
    done
    echo '--- all clients'
    summary
}

servers_start() {
    local auth_port mcp_port
    auth_port=$(free_port)
    mcp_port=$(free_port)
    export ISSUER=http://localhost:$auth_port RESOURCE=http://localhost:$mcp_port/mcp
    operator_clients
    MCP_AUTH_CLIENT_SECRET=$(openssl rand -hex 32)
    export MCP_AUTH_CLIENT_SECRET
    export HOST=127.0.0.1 LOG_FORMAT=json RUST_LOG=info MCP_AUTH_CACHE_TTL=0
    export AUTH_SERVER_PORT=$auth_port AUTH_SERVER_URL=$ISSUER AUTH_CLIENTS_FILE=$WORK/clients.json
    export PORT=$mcp_port BASE_URI=http://localhost:$mcp_port
    # OpenID Connect Discovery wants RS256 among the algorithms, and Authlib insists on that.
    export AUTH_SIGNING_ALG=RS256
    start auth "$BIN_DIR/auth-server"
    (is_ready auth "$ISSUER") || { echo '0 passed, 1 failed' && exit 1; }
    start mcp "$BIN_DIR/mcp-server"
    (is_ready mcp "http://localhost:$mcp_port") || { echo '0 passed, 1 failed' && exit 1; }
}

# Clients that act for themselves: one with a secret, one with a key.
operator_clients() {
    local x y
    BY_SECRET=$(openssl rand -hex 32)
    BY_KEY_FILE=$WORK/key.pem
    export BY_SECRET BY_KEY_FILE
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$BY_KEY_FILE" 2>/dev/null
    # The public point is the last 64 bytes of the encoded public key.
    openssl pkey -in "$BY_KEY_FILE" -pubout -outform DER | tail -c 64 >"$WORK/point"
    x=$(head -c 32 "$WORK/point" | base64url)
    y=$(tail -c 32 "$WORK/point" | base64url)
    jq -n --arg secret "$BY_SECRET" --arg x "$x" --arg y "$y" '{clients: [
        {client_id: "by-secret", client_secret: $secret, scope: "mcp"},
        {client_id: "by-key", scope: "mcp", jwks: {keys: [
            {kty: "EC", crv: "P-256", x: $x, y: $y, use: "sig", alg: "ES256"}]}}]}' >"$WORK/clients.json"
}

base64url() {
    base64 --wrap=0 | tr '+/' '-_' | tr -d '='
}

run_node() {
    timeout --kill-after=5 180 "$TYPESCRIPT/node_modules/.bin/node" "$@"
}

with_openid-client() {
    run_node "$HERE/openid-client.mjs"
}

with_oauth4webapi() {
    run_node "$HERE/oauth4webapi.mjs"
}

with_authlib() {
    python_venv "$VENV" "$HERE/requirements.txt" &&
        timeout --kill-after=5 180 "$VENV/bin/python" -B "$HERE/authlib_client.py"
}

main "$@"
