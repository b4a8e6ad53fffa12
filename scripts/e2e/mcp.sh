# The MCP side of the end-to-end test: one tool call after the other, in both eras.
# shellcheck shell=bash

# --- 2026-07-28: every request stands alone ------------------------------------------------------

# modern WHO METHOD [NAME] [PARAMS] : PARAMS without _meta, which is added.
modern() {
    local who=$1 method=$2 name=${3:-} params=${4:-'{}'} named=()
    [[ -z $name ]] || named=(--header "Mcp-Name: $name")
    post "$who" "$(
        jq -cn --arg method "$method" --argjson params "$params" '{
            jsonrpc: "2.0", id: 1, method: $method, params: ($params + { _meta: {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientInfo": { name: "test-e2e", version: "1" },
                "io.modelcontextprotocol/clientCapabilities": { elicitation: {} } } }) }'
    )" --header 'MCP-Protocol-Version: 2026-07-28' --header "Mcp-Method: $method" "${named[@]}"
}

# post WHO MESSAGE [CURL OPTION…]
post() {
    local who=$1 message=$2
    shift 2
    http POST "$BASE_URI/mcp" --header "Authorization: Bearer $(kept "$who.token")" \
        --header 'Content-Type: application/json' \
        --header 'Accept: application/json, text/event-stream' "$@" --data "$message"
}

# answer : the JSON-RPC answer of the last request, from a JSON body or from a stream.
answer() {
    if [[ $(header content-type) == text/event-stream* ]]; then
        messages | jq -c 'select(has("result") or has("error"))' | tail -n 1
    else
        cat "$WORK/body"
    fi
}

# messages : everything that a stream has said, one message a line.
messages() {
    sed -nE 's/^data: ?(\{.*)$/\1/p' "$WORK/body"
}

# says TEXT : the answer is a result whose text this is.
says() {
    equal text "$1" "$(answer | jq -r '[.result.content[].text] | join("\n")')"
}

modern_call_answers() {
    modern "$1" tools/call echo '{"name":"echo","arguments":{"message":"hello"}}'
    expect "$2"
    [[ $2 != 200 ]] || says 'Echo: hello'
}

modern_calls() {
    modern alice server/discover
    expect 200
    answer | jq -e '.result.supportedVersions | index("2026-07-28")'
    modern alice tools/list
    expect 200
    answer | jq -e '[.result.tools[].name] | contains(["echo", "add"])'
    modern alice tools/call add '{"name":"add","arguments":{"a":2,"b":3}}'
    expect 200
    equal mcp-session-id '' "$(header mcp-session-id)"
    says 'The sum of 2 and 3 is 5.'
}

modern_elicits() {
    local key params
    modern alice tools/call elicitation-request '{"name":"elicitation-request","arguments":{}}'
    expect 200
    equal resultType input_required "$(answer | jq -r .result.resultType)"
    key=$(answer | jq -r '.result.inputRequests | keys | first')
    params=$(answer | jq -c --arg key "$key" '{
        name: "elicitation-request", arguments: {},
        inputResponses: { ($key): { action: "accept", content: { name: "Ada Lovelace" } } } }
        + if .result.requestState then { requestState: .result.requestState } else {} end')
    modern alice tools/call elicitation-request "$params"
    expect 200
    equal resultType complete "$(answer | jq -r .result.resultType)"
    like text 'Ada Lovelace' "$(answer | jq -r '[.result.content[].text] | join("\n")')"
}

# --- 2025-11-25: a session -----------------------------------------------------------------------

# in_session WHO OWNER MESSAGE : WHO speaks in the session of OWNER.
in_session() {
    post "$1" "$3" --header "Mcp-Session-Id: $(kept "$2.session")" \
        --header 'MCP-Protocol-Version: 2025-11-25'
}

session_starts() {
    post "$1" "$(jq -cn '{ jsonrpc: "2.0", id: 1, method: "initialize", params: {
        protocolVersion: "2025-11-25", capabilities: { elicitation: {} },
        clientInfo: { name: "test-e2e", version: "1" } } }')"
    expect 200
    equal protocolVersion 2025-11-25 "$(answer | jq -r .result.protocolVersion)"
    keep "$1.session" "$(header mcp-session-id)"
    [[ -n $(kept "$1.session") ]] || fail 'there is no session id'
    in_session "$1" "$1" '{"jsonrpc":"2.0","method":"notifications/initialized"}'
    expect 202
}

session_calls() {
    session_starts alice
    in_session alice alice '{"jsonrpc":"2.0","id":2,"method":"tools/list"}'
    expect 200
    answer | jq -e '[.result.tools[].name] | contains(["echo", "add"])'
    session_adds alice
}

session_adds() {
    in_session "$1" alice \
        '{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"add","arguments":{"a":2,"b":3}}}'
    expect 200
    says 'The sum of 2 and 3 is 5.'
}

session_tells_progress() {
    in_session alice alice '{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{
        "name":"long-running-operation","arguments":{"duration":0.3,"steps":3},
        "_meta":{"progressToken":"p"}}}'
    expect 200
    equal progress '1 2 3' "$(
        messages | jq -rs '[.[] | select(.method == "notifications/progress").params.progress] | join(" ")'
    )"
    like result completed "$(answer | jq -r '.result.content[0].text')"
}

bad_input_is_refused() {
    keep mallory.token not-a-token
    modern_call_answers mallory 401
    in_session alice alice '{"jsonrpc":"2.0","id":'
    expect 400
    modern alice no/such/method
    expect 404
    equal code -32601 "$(field .error.code)"
    session_adds alice
}

session_is_refused_to_others() {
    in_session bob alice '{"jsonrpc":"2.0","id":5,"method":"tools/list"}'
    expect 404
    http DELETE "$BASE_URI/mcp" --header "Authorization: Bearer $(kept bob.token)" \
        --header "Mcp-Session-Id: $(kept alice.session)" --header 'MCP-Protocol-Version: 2025-11-25'
    expect 404
}

session_is_still_there() {
    session_adds alice
}

session_is_deleted() {
    http DELETE "$BASE_URI/mcp" --header "Authorization: Bearer $(kept alice.token)" \
        --header "Mcp-Session-Id: $(kept alice.session)" --header 'MCP-Protocol-Version: 2025-11-25'
    expect 200 204
    in_session alice alice '{"jsonrpc":"2.0","id":6,"method":"tools/list"}'
    expect 404
}
