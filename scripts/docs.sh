#!/usr/bin/env bash
#
# The documents: every relative link and anchor leads somewhere, every setting and every test that they
# name exists, every error is in the catalogue, Rust is as its source says, our programs know every
# command that is to be typed, every snippet marked as checked runs, and so does what starts servers.
#
# usage: scripts/docs.sh [--help]
#
# Snippets run against both servers in one process, on free ports: MCP_URL and MCP_BASE name them,
# BASE_URI, PORT, AUTH_SERVER_URL and METRICS_ADDR are set as for the server, and the programs are in
# the path. BIN_DIR names a directory with standalone, mcp-server and auth-server; without it they are
# built.

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

main() {
    [[ ${1:-} != --help ]] || { sed -n '3,13s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" && exit; }
    need python3 curl jq openssl redis-server
    binaries standalone mcp-server auth-server
    server_start
    local each status
    for each in links settings tests errors sources commands snippets started; do
        echo "--- $each"
        status=0
        PATH=$BIN_DIR:$PATH python3 -B "$ROOT/scripts/docs/check.py" "$each" | tee "$WORK/$each.out" ||
            status=$?
        count_in "$WORK/$each.out" "$status"
    done
    echo '--- documents'
    summary
}

server_start() {
    local auth_port port
    auth_port=$(free_port)
    port=$(free_port)
    export HOST=127.0.0.1 AUTH_SERVER_PORT=$auth_port PORT=$port
    export AUTH_SERVER_URL=http://localhost:$auth_port BASE_URI=http://localhost:$port
    METRICS_ADDR=127.0.0.1:$(free_port)
    export METRICS_ADDR MCP_BASE=$BASE_URI MCP_URL=$BASE_URI/mcp
    start standalone env MCP_FAULTS=1 LOG_FORMAT=json RUST_LOG=info "$BIN_DIR/standalone"
    (is_ready standalone "$BASE_URI") || { echo '0 passed, 1 failed' && exit 1; }
}

main "$@"
