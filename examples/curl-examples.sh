#!/usr/bin/env bash
#
# The whole way with curl: from a 401 to a token, and from a token to every kind of request, in
# both eras. Start both servers first: cargo run
#
# usage: examples/curl-examples.sh [--token] [URL] [--help]
#
# --token goes as far as the token, and prints that alone: for `mcp-server doctor --token -` and the like.
# URL is the MCP endpoint; without it MCP_URL is, or http://localhost:3232/mcp. The pages are filled in
# as the demo user alice would; DEMO_USERNAME and DEMO_PASSWORD name somebody else.
# Shows what is sent, without tokens (unless asked for) and codes. Needs curl, jq and openssl.

set -euo pipefail

main() {
    local only_token=
    [[ ${1:-} != --help ]] || { sed -n '3,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" && return; }
    [[ ${1:-} != --token ]] || { only_token=yes && shift; }
    MCP_URL=${1:-${MCP_URL:-http://localhost:3232/mcp}}
    REDIRECT_URI=http://127.0.0.1:41790/callback # nobody listens there: the walk ends at the redirect
    WORK=$(mktemp -d)
    trap 'rm -rf "$WORK"' EXIT
    if [[ -n $only_token ]]; then
        only_token
        return
    fi
    step '1  A request without a token is told where to find out more'
    discover
    if [[ -n $METADATA ]]; then
        step '2  The client registers itself (RFC 7591)'
        register
        step '3  Somebody agrees and logs in; the client gets a code (RFC 6749, RFC 7636)'
        log_in
        step '4  The code is worth a token'
        redeem
    fi
    step '5  2026-07-28: every request stands for itself'
    modern_examples
    step '6  2025-11-25: a session is opened, used and ended'
    session_examples
    [[ -z $METADATA ]] || { step '7  The token is revoked (RFC 7009)' && revoke; }
    printf '\nThat is everything.\n'
}

only_token() {
    {
        discover
        [[ -n $METADATA ]] || fail 'there is no token to be had'
        register
        log_in
        redeem
    } >&2
    jq -r .access_token "$WORK/tokens"
}

step() { printf '\n=== %s\n' "$1"; }
fail() { printf 'failed: %s\n' "$1" >&2 && exit 1; }

# --- Getting a token -----------------------------------------------------------------------------

discover() {
    local ping='{"jsonrpc":"2.0","id":1,"method":"ping"}' status resource issuer path
    status=$(curl -sS -o /dev/null -D "$WORK/headers" -w '%{http_code}' "$MCP_URL" \
        -H 'Content-Type: application/json' -d "$ping")
    METADATA=
    [[ $status == 401 ]] || { echo "It answered $status: no token is needed." && return; }
    resource=$(grep -i '^www-authenticate:' "$WORK/headers" | sed -nE 's/.*resource_metadata="([^"]*)".*/\1/p')
    echo "GET $resource"
    curl -sS --fail "$resource" | tee "$WORK/resource" | jq -c .
    issuer=$(jq -r '.authorization_servers[0]' "$WORK/resource")
    path=$(sed -E 's|^[a-z]+://[^/]*||' <<<"$issuer")
    METADATA=${issuer%"$path"}/.well-known/oauth-authorization-server${path%/}
    echo "GET $METADATA"
    curl -sS --fail "$METADATA" >"$WORK/server"
    jq -c '{issuer, authorization_endpoint, token_endpoint, registration_endpoint}' "$WORK/server"
    [[ $(jq -r .issuer "$WORK/server") == "$issuer" ]] || fail 'the issuer calls itself something else'
    RESOURCE=$(jq -r .resource "$WORK/resource")
}

endpoint() { jq -r ".$1_endpoint" "$WORK/server"; }

register() {
    jq -n --arg uri "$REDIRECT_URI" '{
        client_name: "curl", redirect_uris: [$uri], token_endpoint_auth_method: "none",
        grant_types: ["authorization_code", "refresh_token"], response_types: ["code"] }' |
        curl -sS --fail "$(endpoint registration)" -H 'Content-Type: application/json' -d @- >"$WORK/client"
    CLIENT_ID=$(jq -r .client_id "$WORK/client")
    jq -c . "$WORK/client"
}

log_in() {
    local challenge url
    VERIFIER=$(openssl rand -hex 32)
    STATE=$(openssl rand -hex 16)
    challenge=$(printf %s "$VERIFIER" | openssl dgst -sha256 -binary | base64 | tr '+/' '-_' | tr -d '=')
    url=$(endpoint authorization)'?'$(query response_type code client_id "$CLIENT_ID" \
        redirect_uri "$REDIRECT_URI" state "$STATE" resource "$RESOURCE" \
        code_challenge "$challenge" code_challenge_method S256)
    walk "$url"
    [[ $(parameter state) == "$STATE" ]] || fail 'the answer belongs to another question'
    [[ $(parameter iss) == "$(jq -r .issuer "$WORK/server")" ]] || fail 'the answer comes from another issuer'
    CODE=$(parameter code)
    [[ -n $CODE ]] || fail "there is no code: $(parameter error)"
}

# query NAME VALUE… : as the query of a URL.
query() {
    jq -rn '[$ARGS.positional | _nwise(2) | "\(.[0])=\(.[1] | @uri)"] | join("&")' --args "$@"
}

# walk URL : follows redirects and sends forms, as a browser and its user do. Leaves CALLBACK.
walk() {
    local url=$1 origin location form=()
    origin=$(sed -E 's|^([a-z]+://[^/]*).*|\1|' <<<"$url")
    for _ in {1..15}; do
        curl -sS -D "$WORK/headers" -o "$WORK/page" -b "$WORK/jar" -c "$WORK/jar" \
            -H 'Accept: text/html' "${form[@]}" "$url"
        location=$(sed -nE 's/^[Ll]ocation: *(.*)\r$/\1/p' "$WORK/headers")
        if [[ -n $location ]]; then
            form=()
            [[ $location == /* ]] && location=$origin$location
            url=$location
            [[ $url != "$REDIRECT_URI"\?* ]] || { CALLBACK=$url && return; }
        else
            fill_in
            form=(-H "Origin: $origin" -X POST "${FIELDS[@]}")
            location=$(attribute action "$(sed -E 's/^(<form[^>]*>).*/\1/' "$WORK/form")")
            case $location in
                /*) url=$origin$location ;;
                http*) url=$location ;;
            esac
            echo "POST ${url%%\?*}"
        fi
    done
    fail "no redirect to the client; the last page was ${url%%\?*}"
}

# fill_in : reads the form of the page that decides or logs in. Leaves FIELDS, and the form in a file.
fill_in() {
    local tag name value person=${DEMO_USERNAME:-alice}
    # The first that asks for something; awk reads on to the end, as whoever writes must be heard out.
    tr '\n' ' ' <"$WORK/page" | awk '
        BEGIN { RS = "</form>" }
        sub(/.*<form/, "<form") && /type="?password|name="?decision/ && !found { print; found = 1 }
        END { exit !found }' >"$WORK/form" || fail 'a page without a form'
    FIELDS=()
    while read -r tag; do
        name=$(attribute name "$tag")
        value=$(attribute value "$tag")
        case $name in
            '') continue ;;
            username) [[ $(attribute type "$tag") != radio || $value == "$person" ]] || continue && value=$person ;;
            password) value=${DEMO_PASSWORD:-wonderland} ;;
        esac
        FIELDS+=(--data-urlencode "$name=$value")
    done < <(grep -oE '<input[^>]*>' "$WORK/form")
    ! grep -q 'value="\{0,1\}approve' "$WORK/form" || FIELDS+=(--data-urlencode decision=approve)
}

# attribute NAME TAG
attribute() {
    sed -nE "s/.*[[:space:]]$1=\"([^\"]*)\".*/\1/p; t; s/.*[[:space:]]$1=([^[:space:]>]*).*/\1/p" <<<"$2" |
        sed "s/&#34;/\"/g; s/&quot;/\"/g; s/&#39;/'/g; s/&#38;/\&/g; s/&amp;/\&/g"
}

# parameter NAME : of the address that the browser was sent to.
parameter() {
    local value
    value=$(sed -nE "s/.*[?&]$1=([^&]*).*/\1/p" <<<"$CALLBACK")
    printf '%b' "${value//%/\\x}"
}

redeem() {
    curl -sS --fail "$(endpoint token)" --data-urlencode grant_type=authorization_code \
        --data-urlencode "code=$CODE" --data-urlencode "code_verifier=$VERIFIER" \
        --data-urlencode "redirect_uri=$REDIRECT_URI" --data-urlencode "client_id=$CLIENT_ID" \
        --data-urlencode "resource=$RESOURCE" >"$WORK/tokens"
    jq -c '{token_type, expires_in, scope}' "$WORK/tokens"
    # A file, so that no list of processes shows the token.
    jq -r '"header = \"Authorization: Bearer \(.access_token)\""' "$WORK/tokens" >"$WORK/bearer"
}

revoke() {
    jq -r .refresh_token "$WORK/tokens" | tr -d '\n' | curl -sS --fail "$(endpoint revocation)" \
        --data-urlencode token@- --data-urlencode "client_id=$CLIENT_ID" >/dev/null
    echo 'Refreshing is over; a server that has just checked the access token may trust it for a moment.'
}

# --- Requests ------------------------------------------------------------------------------------

# post MESSAGE [CURL OPTION…] : prints the messages of the answer, one a line.
post() {
    local message=$1
    shift
    printf '> %s\n' "$(cut -c1-200 <<<"$message")" >&2
    : >>"$WORK/bearer"
    curl -sS --max-time 60 "$MCP_URL" -K "$WORK/bearer" -D "$WORK/headers" -d "$message" \
        -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' "$@" |
        sed -nE 's/^data: ?//; /^\{/p' | tee "$WORK/answer" | cut -c1-400
}

# modern METHOD PARAMS NAME : a request of 2026-07-28; the headers say the same as the body.
modern() {
    local message
    message=$(jq -cn --arg method "$1" --argjson params "$2" '{
        jsonrpc: "2.0", id: 1, method: $method, params: ($params * { _meta: {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": { name: "curl", version: "1" },
            "io.modelcontextprotocol/clientCapabilities": { elicitation: {} } } }) }')
    post "$message" -H 'MCP-Protocol-Version: 2026-07-28' -H "Mcp-Method: $1" ${3:+-H "Mcp-Name: $3"}
}

modern_examples() {
    local state
    modern server/discover '{}' ''
    modern tools/list '{}' ''
    modern tools/call '{"name":"echo","arguments":{"message":"hi"}}' echo
    expect 'Echo: hi'
    modern tools/call '{"name":"long-running-operation","arguments":{"duration":0.3,"steps":3},"_meta":{"progressToken":"p"}}' long-running-operation
    expect 'completed'
    modern resources/read '{"uri":"test://static/resource/1"}' test://static/resource/1
    expect 'plaintext resource'
    modern prompts/get '{"name":"args-prompt","arguments":{"city":"Oslo"}}' args-prompt
    expect 'Oslo'
    echo 'A question is an answer; what was asked comes with the next request, and the state as it was:'
    modern tools/call '{"name":"elicitation-request","arguments":{}}' elicitation-request
    state=$(jq -c '.result | { requestState, inputResponses: (.inputRequests | map_values(
        { action: "accept", content: { name: "Ada" } })) }' "$WORK/answer")
    modern tools/call "$(jq -c --argjson state "$state" '. + $state' <<<'{"name":"elicitation-request","arguments":{}}')" elicitation-request
    expect 'Name: Ada'
}

# session METHOD PARAMS [ID] : a message in the session; without an id a notification.
session() {
    post "$(jq -cn --arg method "$1" --argjson params "$2" --argjson id "${3:-null}" \
        '{ jsonrpc: "2.0", method: $method, params: $params } + if $id then { id: $id } else {} end')" \
        -H 'MCP-Protocol-Version: 2025-11-25' ${SESSION:+-H "Mcp-Session-Id: $SESSION"}
}

session_examples() {
    SESSION=
    session initialize '{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"curl","version":"1"}}' 1
    SESSION=$(sed -nE 's/^[Mm]cp-[Ss]ession-[Ii]d: *(.*)\r$/\1/p' "$WORK/headers")
    session notifications/initialized '{}'
    session tools/call '{"name":"add","arguments":{"a":2,"b":3}}' 2
    expect 'The sum of 2 and 3 is 5.'
    session resources/list '{}' 3
    session completion/complete '{"ref":{"type":"ref/prompt","name":"completable-prompt"},"argument":{"name":"department","value":"S"}}' 4
    expect 'Sales'
    curl -sS --fail -X DELETE "$MCP_URL" -K "$WORK/bearer" -H "Mcp-Session-Id: $SESSION"
    echo 'What comes after its end is 404, and a client opens another:'
    session ping '{}' 5
    expect '"code":-32001'
}

# expect TEXT : the last answer holds it.
expect() { grep -qF -- "$1" "$WORK/answer" || fail "the answer does not hold: $1"; }

# What else the file has can be used by other scripts.
[[ ${BASH_SOURCE[0]} != "$0" ]] || main "$@"
