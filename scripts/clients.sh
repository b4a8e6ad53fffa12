#!/usr/bin/env bash
#
# Clients that nobody here wrote, and a real browser, against both servers.
#
# usage: scripts/clients.sh [typescript] [python] [commands] [browser] [--help]
#
# Without arguments all of them run, against a server of their own on free ports; MCP_URL names one
# that runs already instead, for example http://localhost:3232/mcp;
# MCP_OPEN_URL one without authorization, for the pages of MCP Apps.
# BIN_DIR names a directory with standalone; without it that is built.
# Installs the pinned packages: from npm into scripts/clients/, from PyPI into target/clients/.
# The browser leaves its screenshots in target/screenshots.

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

CLIENTS=$ROOT/scripts/clients
VENVS=${CARGO_TARGET_DIR:-$ROOT/target}/clients

main() {
    local wanted=() each status
    for each in "$@"; do
        case $each in
            typescript | python | commands | browser) wanted+=("$each") ;;
            --help | -h) sed -n '3,12s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" && exit ;;
            *) echo "unknown argument: $each; see --help" >&2 && exit 2 ;;
        esac
    done
    ((${#wanted[@]} > 0)) || wanted=(typescript python commands browser)
    need npm python3
    [[ -n ${MCP_URL:-} ]] || servers_start
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
    need curl redis-server
    binaries standalone mcp-server
    export MCP_SERVER=$BIN_DIR/mcp-server
    local auth_port mcp_port
    auth_port=$(free_port)
    mcp_port=$(free_port)
    start standalone env HOST=127.0.0.1 LOG_FORMAT=json RUST_LOG=info \
        AUTH_SERVER_PORT="$auth_port" AUTH_SERVER_URL="http://localhost:$auth_port" \
        PORT="$mcp_port" BASE_URI="http://localhost:$mcp_port" "$BIN_DIR/standalone"
    (is_ready standalone "http://localhost:$mcp_port") || { echo '0 passed, 1 failed' && exit 1; }
    export MCP_URL=http://localhost:$mcp_port/mcp
    open_server_start
}

# One without authorization: the host of MCP Apps in the browser has nobody to log in. Its
# authorization server is there for its pages: it has two identity providers, one of which is away.
open_server_start() {
    local auth_port mcp_port
    auth_port=$(free_port)
    mcp_port=$(free_port)
    export CHOOSER_ISSUER=http://localhost:$auth_port
    start open env AUTH_MOCK_IDP=1 AUTH_UPSTREAMS=corp AUTH_UPSTREAM_CORP_NAME='The company with a long name' \
        AUTH_UPSTREAM_CORP_ISSUER="http://localhost:$(free_port)" AUTH_UPSTREAM_CORP_CLIENT_ID=us \
        HOST=127.0.0.1 MCP_AUTH=none MCP_TOOLSETS=everything,calculator,apps,fetch LOG_FORMAT=json RUST_LOG=info \
        AUTH_SERVER_PORT="$auth_port" AUTH_SERVER_URL="http://localhost:$auth_port" \
        PORT="$mcp_port" BASE_URI="http://localhost:$mcp_port" "$BIN_DIR/standalone"
    (is_ready open "http://localhost:$mcp_port") || { echo '0 passed, 1 failed' && exit 1; }
    export MCP_OPEN_URL=http://localhost:$mcp_port/mcp
}

# Node 22 comes as a package, with the TypeScript clients. LIMIT is in seconds.
run_node() {
    timeout --kill-after=5 "${LIMIT:-300}" "$CLIENTS/typescript/node_modules/.bin/node" "$@"
}

with_typescript() {
    npm_packages "$CLIENTS/typescript" &&
        run_node "$CLIENTS/typescript/journey.mjs" &&
        { [[ -z ${MCP_SERVER:-} ]] || LIMIT=120 run_node "$CLIENTS/typescript/restart.mjs"; } &&
        { [[ -z ${MCP_OPEN_URL:-} ]] || run_node "$CLIENTS/typescript/transports.mjs"; } &&
        { [[ -z ${MCP_OPEN_URL:-} ]] || run_node "$CLIENTS/typescript/catalogue.mjs"; } &&
        { [[ -z ${MCP_OPEN_URL:-} ]] || run_node "$CLIENTS/typescript/tasks.mjs"; } &&
        { [[ -z ${MCP_OPEN_URL:-} ]] || run_node "$CLIENTS/typescript/tasks-two.mjs"; }
}

with_browser() {
    npm_packages "$CLIENTS/typescript" &&
        npm_packages "$CLIENTS/browser" &&
        run_node "$CLIENTS/browser/pages.mjs" &&
        run_node "$CLIENTS/browser/playground.mjs" &&
        { [[ -z ${MCP_OPEN_URL:-} ]] || run_node "$CLIENTS/browser/flow.mjs"; } &&
        { [[ -z ${MCP_OPEN_URL:-} ]] || run_node "$CLIENTS/browser/apps.mjs"; }
}

# The Inspector and mcp-remote, which are commands.
with_commands() {
    [[ -n ${MCP_OPEN_URL:-} ]] || { echo '0 passed, 1 failed: MCP_OPEN_URL is needed' && return 1; }
    npm_packages "$CLIENTS/typescript" &&
        npm_packages "$CLIENTS/commands" &&
        LIMIT=900 run_node "$CLIENTS/commands/inspector.mjs" &&
        run_node "$CLIENTS/commands/remote.mjs"
}

# Both generations of the official client, and FastMCP, each with packages of its own.
with_python() {
    with_venv two journey.py || return 1
    [[ -z ${MCP_OPEN_URL:-} ]] ||
        { with_venv two tour_two.py && with_venv two tasks_two.py && with_venv two catalogue.py &&
            with_venv one tour_one.py && with_venv one tasks_one.py && with_venv fastmcp tour_fastmcp.py; }
}

# with_venv NAME PROGRAM : with the packages of requirements-NAME.txt, which are installed unless that
# has been done.
with_venv() {
    local file=$CLIENTS/python/requirements-$1.txt venv=$VENVS/$1
    python_venv "$venv" "$file" || return 1
    timeout --kill-after=5 300 "$venv/bin/python" -B "$CLIENTS/python/$2"
}

main "$@"
