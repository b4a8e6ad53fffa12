#!/usr/bin/env bash
#
# The examples that talk to a server, as a reader would run them, against both servers.
#
# usage: scripts/examples.sh [--help]
#
# BIN_DIR names a directory with standalone and example-client; without it they are built.

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

main() {
    [[ ${1:-} != --help ]] || { sed -n '3,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" && exit; }
    need curl jq openssl
    binaries standalone example-client
    local auth_port mcp_port
    auth_port=$(free_port)
    mcp_port=$(free_port)
    # Everything that there is to show, of which one tool needs a scope of its own.
    start standalone env HOST=127.0.0.1 LOG_FORMAT=json RUST_LOG=info \
        MCP_TOOLSETS=everything,calculator,apps,fetch,skills,diagnostics \
        AUTH_SCOPES='mcp mcp:diagnostics' PRINT_ENV_PREFIXES=DEMO_ DEMO_GREETING=hello \
        AUTH_SERVER_PORT="$auth_port" AUTH_SERVER_URL="http://localhost:$auth_port" \
        PORT="$mcp_port" BASE_URI="http://localhost:$mcp_port" "$BIN_DIR/standalone"
    (is_ready standalone "http://localhost:$mcp_port") || { echo '0 passed, 1 failed' && exit 1; }
    MCP_URL=http://localhost:$mcp_port/mcp
    check 'curl-examples.sh runs to its end' with_curl
    check 'the client sees everything in both eras' with_client
    summary
}

with_curl() {
    "$ROOT/examples/curl-examples.sh" "$MCP_URL"
}

# The person at the browser is curl, who fills in the pages in the same way.
with_client() {
    timeout 120 "$BIN_DIR/example-client" --browser "$ROOT/scripts/examples-browser.sh" "$MCP_URL" |
        tee "$WORK/client.out"
    # It compares what it has asked for with what is listed.
    ! grep -F 'Not shown: ' "$WORK/client.out" || fail 'the client leaves something out'
    grep -F 'More is needed: mcp mcp:diagnostics' "$WORK/client.out"
}

main "$@"
