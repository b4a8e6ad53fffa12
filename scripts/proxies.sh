#!/usr/bin/env bash
#
# Two instances of each server behind nginx, Caddy and HAProxy, with the files of examples/proxies.
#
# usage: scripts/proxies.sh [nginx] [caddy] [haproxy] [--idle SECONDS] [--help]
#
# Without names all three are tried. An idle stream has to live for SECONDS, 70 if not given.
# BIN_DIR names a directory with auth-server and mcp-server; without it they are built.
# Needs what .ci/run installs: redis-server, nginx, caddy, haproxy, node.

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=e2e/oauth.sh
source "$ROOT/scripts/e2e/oauth.sh"
# shellcheck source-path=SCRIPTDIR source=e2e/mcp.sh
source "$ROOT/scripts/e2e/mcp.sh"

# Debian keeps some of them where only an administrator looks.
PATH=$PATH:/usr/sbin

IDLE=70
DATABASES=0

main() {
    local proxies=()
    while (($# > 0)); do
        case $1 in
            nginx | caddy | haproxy) proxies+=("$1") ;;
            --idle) IDLE=${2:?--idle needs a number of seconds} && shift ;;
            --help | -h) sed -n '3,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" && exit ;;
            *) echo "unknown argument: $1; see --help" >&2 && exit 2 ;;
        esac
        shift
    done
    ((${#proxies[@]} > 0)) || proxies=(nginx caddy haproxy)
    need curl jq openssl node redis-server redis-cli "${proxies[@]}"
    binaries auth-server mcp-server
    TOP=$WORK
    late_starts
    check 'a stream whose first line comes after 450 ms is seen to be late' late_lines_are_seen
    stop late
    redis_starts
    # Each proxy has servers of its own, for its address is in their tokens. Their streams idle at
    # the same time.
    local each
    for each in "${proxies[@]}"; do
        enter "$each"
        echo "--- $each"
        servers_start
        proxy_starts "$each"
        journey
    done
    echo "--- $IDLE seconds without a word"
    sleep "$IDLE"
    for each in "${proxies[@]}"; do
        enter "$each"
        echo "--- $each"
        after_the_silence
        without_one_instance
    done
    WORK=$TOP
    summary
}

# --- The world -----------------------------------------------------------------------------------

redis_starts() {
    REDIS_PORT=$(free_port)
    mkdir "$WORK/redis"
    start redis redis-server --port "$REDIS_PORT" --bind 127.0.0.1 --save '' --appendonly no \
        --dir "$WORK/redis"
    wait_until 20 redis-cli -p "$REDIS_PORT" ping || fail "redis-server does not answer"
    MCP_AUTH_CLIENT_SECRET=$(openssl rand -hex 32)
    MCP_STATE_KEY=$(openssl rand -hex 32)
    AUTH_SECRET=$(openssl rand -hex 32)
    export MCP_AUTH_CLIENT_SECRET MCP_STATE_KEY AUTH_SECRET
    export HOST=127.0.0.1 LOG_FORMAT=json MCP_AUTH_CLIENT_ID=mcp-server AUTH_TRUSTED_PROXIES=127.0.0.1
}

# enter PROXY : what follows is about its world. Every world has a directory, a database of Redis and
# ports of its own.
enter() {
    local port
    WORK=$TOP/$1
    if [[ ! -d $WORK ]]; then
        mkdir "$WORK"
        keep database "$((++DATABASES))"
        for port in mcp auth mcp-a mcp-b auth-a auth-b; do keep "$port.port" "$(WORK=$TOP free_port)"; done
    fi
    BASE_URI=http://localhost:$(kept mcp.port)
    AUTH_SERVER_URL=http://localhost:$(kept auth.port)
    REDIS_URL=redis://127.0.0.1:$REDIS_PORT/$(kept database)
    export WORK BASE_URI AUTH_SERVER_URL REDIS_URL
}

servers_start() {
    local each
    for each in a b; do
        start "auth-$each" env AUTH_SERVER_PORT="$(kept "auth-$each.port")" "$BIN_DIR/auth-server"
        start "mcp-$each" env PORT="$(kept "mcp-$each.port")" "$BIN_DIR/mcp-server"
    done
}

# proxy_starts PROXY : with its file, in which nothing but the ports is changed.
proxy_starts() {
    local file
    file=$(compgen -G "$ROOT/examples/proxies/$1.*" || compgen -G "$ROOT/examples/proxies/${1^}file")
    sed -E "s/:8080\b/:$(kept mcp.port)/; s/:8081\b/:$(kept auth.port)/
            s/:3232\b/:$(kept mcp-a.port)/; s/:3233\b/:$(kept mcp-b.port)/
            s/:3001\b/:$(kept auth-a.port)/; s/:3002\b/:$(kept auth-b.port)/" "$file" >"$WORK/proxy.conf"
    case $1 in
        nginx)
            # Its workers are somebody else if an administrator starts it, and keep large bodies here.
            chmod a+x "$TOP" "$WORK"
            start proxy nginx -p "$WORK" -c "$WORK/proxy.conf"
            ;;
        caddy) start proxy env HOME="$WORK" caddy run --adapter caddyfile --config "$WORK/proxy.conf" ;;
        haproxy) start proxy haproxy -f "$WORK/proxy.conf" ;;
    esac
    check 'both servers are ready behind it' is_ready proxy "$AUTH_SERVER_URL"
    check 'and so is the endpoint' is_ready proxy "$BASE_URI"
}

# --- What clients do -----------------------------------------------------------------------------

journey() {
    check 'the challenge and the metadata name the public URL' challenge_names_the_metadata
    check 'so does the authorization server' metadata_documents_agree
    check 'a client registers itself' client_registers
    check 'alice logs in, over pages of either instance' log_in alice
    check 'the code is redeemed' code_is_redeemed alice
    check 'a client cannot claim another address' address_is_not_believed
    check '/mcp/ answers without a redirect' trailing_slash_answers
    check '2026-07-28: discover, list and call' modern_calls
    check '2026-07-28: a question is answered on either instance' modern_elicits
    check '2025-11-25: a session is served by either instance' session_calls
    check 'progress arrives while the work goes on' progress_is_not_buffered
    check 'a stream opens within 200 ms' stream_opens_at_once
    check 'a hundred streams at once' hundred_streams
    check 'a body of 4 MiB and more is refused by the server' too_much_is_refused
    check 'a stream stays open' idle_stream_opens
}

after_the_silence() {
    check 'the stream is still open, and has said something every 15 seconds' idle_stream_lives
    check 'what the other instance says arrives on it' idle_stream_hears
}

without_one_instance() {
    stop mcp-a KILL
    stop auth-a KILL
    check 'without one instance of each, ten calls in a row are served' ten_calls
}

# Two seconds after the kill, when the checks of every second have noticed it. Before that a request may
# be lost: no proxy repeats a POST whose fate it does not know.
ten_calls() {
    local _
    sleep 2
    for _ in {1..10}; do
        modern_call_answers alice 200
        session_adds alice
    done
}

address_is_not_believed() {
    http POST "$(kept token.url)" --header 'X-Forwarded-For: 203.0.113.7' \
        --data-urlencode grant_type=authorization_code --data-urlencode code=none \
        --data-urlencode client_id=nobody
    expect 400 401
    cat "$WORK"/auth-?.log >"$WORK/auth.logs"
    grep -q '"address":"127.0.0.1"' "$WORK/auth.logs" || fail 'no line names the address'
    ! grep -F 203.0.113.7 "$WORK/auth.logs" || fail 'a line names what the client has claimed'
}

trailing_slash_answers() {
    http POST "$BASE_URI/mcp/" --header 'Content-Type: application/json' --data '{}'
    expect 401
    equal location '' "$(header location)"
}

too_much_is_refused() {
    head -c 4300000 /dev/zero | tr '\0' ' ' >"$WORK/much"
    http POST "$BASE_URI/mcp" --header "Authorization: Bearer $(kept alice.token)" \
        --header 'Content-Type: application/json' --header 'Expect:' \
        --header 'Accept: application/json, text/event-stream' --data-binary "@$WORK/much"
    expect 413
    like content-type '^application/json' "$(header content-type)"
}

# --- Streams -------------------------------------------------------------------------------------

# timed FILE MESSAGE : a call in the session of alice, its lines in FILE with the time of each.
timed() {
    curl --silent --no-buffer --max-time 30 "$BASE_URI/mcp" \
        --header "Authorization: Bearer $(kept alice.token)" \
        --header 'Content-Type: application/json' \
        --header 'Accept: application/json, text/event-stream' \
        --header "Mcp-Session-Id: $(kept alice.session)" \
        --header 'MCP-Protocol-Version: 2025-11-25' --data "$2" |
        while IFS= read -r line; do printf '%s %s\n' "$(date +%s%3N)" "$line"; done >"$1"
}

progress_is_not_buffered() {
    local first last
    timed "$WORK/timed" '{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{
        "name":"long-running-operation","arguments":{"duration":3,"steps":3},
        "_meta":{"progressToken":"p"}}}'
    first=$(grep -m 1 '"progress":1' "$WORK/timed" | cut -d ' ' -f 1)
    last=$(grep -m 1 '"result"' "$WORK/timed" | cut -d ' ' -f 1)
    # The work takes two more seconds after the first step.
    ((last - first > 1000)) || fail "the first step came only $((last - first)) ms before the result"
}

# standalone [CURL OPTION…] : the standalone stream of alice's session.
standalone() {
    curl --silent --no-buffer "$BASE_URI/mcp" --header "Authorization: Bearer $(kept alice.token)" \
        --header 'Accept: text/event-stream' --header "Mcp-Session-Id: $(kept alice.session)" \
        --header 'MCP-Protocol-Version: 2025-11-25' "$@"
}

# first_line COMMAND… : milliseconds until it has said a line; headers are none.
first_line() {
    local began=${EPOCHREALTIME/./} said process line=''
    exec {said}< <(exec "$@" 2>/dev/null)
    process=$!
    IFS= read -r -t 3 -u "$said" line || true
    [[ -n $line ]] && echo $(((${EPOCHREALTIME/./} - began) / 1000)) || echo never
    kill "$process" 2>/dev/null || true
    exec {said}<&-
}

# opens_at_once COMMAND… : the median of nine, for the machine may be busy with something else now and
# then, and a proxy that holds every other stream back is no good one.
opens_at_once() {
    local times=() middle _
    for _ in {1..9}; do times+=("$(first_line "$@")"); done
    middle=$(printf '%s\n' "${times[@]}" | sed 's/never/99999/' | sort -n | sed -n 5p)
    ((middle <= 200)) || fail "the first line of a stream comes after ${times[*]} ms"
}

stream_opens_at_once() {
    opens_at_once curl --silent --no-buffer --max-time 3 "$BASE_URI/mcp" \
        --header "Authorization: Bearer $(kept alice.token)" \
        --header 'Accept: text/event-stream' --header "Mcp-Session-Id: $(kept alice.session)" \
        --header 'MCP-Protocol-Version: 2025-11-25'
}

# A server that sends its headers at once and its first line after 450 ms.
late_starts() {
    keep late.port "$(free_port)"
    start late node --eval "require('http').createServer((_, answer) => {
        answer.writeHead(200, { 'content-type': 'text/event-stream' })
        answer.flushHeaders()
        setTimeout(() => answer.write('data: late\n\n'), 450)
    }).listen($(kept late.port), '127.0.0.1')"
}

late_lines_are_seen() {
    local url
    url=http://127.0.0.1:$(kept late.port)/
    wait_until 10 curl --silent --head --max-time 1 "$url" || fail 'it does not answer'
    ! (opens_at_once curl --silent --no-buffer --max-time 3 "$url") 2>"$WORK/late.times" ||
        fail 'a first line after 450 ms passes for one at once'
    grep -qE ' [4-9][0-9][0-9] ' "$WORK/late.times" || fail "$(<"$WORK/late.times")"
}

# A hundred calls that stream, at once; over one connection of HTTP/2 where the proxy speaks that
# without TLS, and over a hundred elsewhere.
hundred_streams() {
    if grep -q h2c "$WORK/proxy.conf"; then
        TOKEN=$(kept alice.token) node "$ROOT/scripts/e2e/http2-streams.mjs" "$BASE_URI/mcp"
        return
    fi
    local _
    for _ in {1..100}; do
        printf 'url = "%s/mcp"\noutput = "%s"\n' "$BASE_URI" "$WORK/one-of-many"
    done >"$WORK/many"
    curl --silent --parallel --parallel-max 100 --max-time 60 --config "$WORK/many" \
        --header "Authorization: Bearer $(kept alice.token)" \
        --header 'Content-Type: application/json' \
        --header 'Accept: application/json, text/event-stream' \
        --header 'MCP-Protocol-Version: 2026-07-28' --header 'Mcp-Method: tools/call' \
        --header 'Mcp-Name: long-running-operation' --data "$(
            jq -cn '{ jsonrpc: "2.0", id: 1, method: "tools/call", params: {
                name: "long-running-operation", arguments: { duration: 0.5, steps: 2 }, _meta: {
                "progressToken": "p",
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientInfo": { name: "proxies", version: "1" },
                "io.modelcontextprotocol/clientCapabilities": {} } } }'
        )" --write-out '%{http_code} %{content_type}\n' >"$WORK/answers"
    equal 'number of streams' 100 "$(grep -c '^200 text/event-stream' "$WORK/answers")"
}

idle_stream_opens() {
    standalone --max-time $((IDLE + 120)) --dump-header "$WORK/idle.headers" >"$WORK/idle" &
    keep idle.pid "$!"
    wait_until 10 grep -q '^HTTP/.* 200' "$WORK/idle.headers" || fail 'the stream does not open'
}

idle_stream_lives() {
    ! gone "$(kept idle.pid)" || fail "it ended: $(tail -n 5 "$WORK/idle")"
    local words
    words=$(grep -c '^:' "$WORK/idle")
    ((words >= IDLE / 15)) || fail "it has said only $words words"
}

idle_stream_hears() {
    # Twice, so that both instances are asked once.
    in_session alice alice '{"jsonrpc":"2.0","id":5,"method":"logging/setLevel","params":{"level":"debug"}}'
    expect 200
    in_session alice alice '{"jsonrpc":"2.0","id":6,"method":"tools/call","params":{
        "name":"toggle-simulated-logging","arguments":{}}}'
    expect 200
    wait_until 10 grep -q notifications/message "$WORK/idle" || fail 'nothing came'
}

main "$@"
