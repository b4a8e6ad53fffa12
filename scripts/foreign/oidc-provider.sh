# The matrix with npm oidc-provider, and the official clients; meant to be sourced, not run.
# shellcheck shell=bash

with_oidc_provider() {
    npm_packages "$FOREIGN"
    ports
    node "$FOREIGN/new-key.mjs" "$WORK/keys"
    provider_start "$WORK/keys"
    local method
    for method in basic post private_key_jwt none; do
        introspecting "$method"
        tokens_of_both_kinds "asked with $method"
        stop mcp-server
    done
    without_credentials
    with_wrong_credentials
    of_another_issuer
    introspecting basic
    revoked
    stop mcp-server
    keys_change
    outage
    stop provider
}

# provider_start FILE-OF-KEYS
provider_start() {
    start provider node "$FOREIGN/provider.mjs" "$AS_PORT" "$KEY" "$1"
    listens provider 60 "$ISSUER/.well-known/openid-configuration"
}

# introspecting METHOD : mcp-server, which authenticates by it. The clients have its name.
introspecting() {
    local credentials=(MCP_AUTH_CLIENT_SECRET="secret of $1")
    case $1 in
        private_key_jwt) credentials=(MCP_AUTH_CLIENT_KEY_FILE="$KEY") ;;
        # Only an endpoint that is near may be asked so.
        none) credentials=(MCP_AUTH_INTROSPECTION_URL="$ISSUER/token/introspection") ;;
    esac
    resource_start MCP_AUTH_CLIENT_ID="$1" "${credentials[@]}" MCP_AUTH_CLIENT_AUTH="$1"
    resource_ready
}

# token CLIENT [RESOURCE] [ISSUER] : an access token of that client for that resource.
token() {
    curl -fsS "${3:-$ISSUER}/token" -d grant_type=client_credentials -d scope=mcp -d client_id="$1" \
        --data-urlencode "client_secret=secret of $1" --data-urlencode "resource=${2:-$RESOURCE}" |
        jq -er .access_token
}

# tokens_of_both_kinds HOW
tokens_of_both_kinds() {
    local agent
    for agent in agent-opaque agent-jwt; do
        is_answered 200 "$agent, $1" "$(token "$agent")"
        is_answered 401 "$agent for somebody else, $1" "$(token "$agent" http://localhost:1/mcp)"
    done
    is_answered 401 "garbage, $1" 'garbage'
    is_answered 401 "a changed JWT, $1" "$(token agent-jwt)x"
}

# Signatures need no credentials; there is nobody to ask about opaque tokens then.
without_credentials() {
    resource_start MCP_AUTH_VALIDATION=jwt
    resource_ready
    is_answered 200 'a JWT, without credentials of ours' "$(token agent-jwt)"
    is_answered 401 'an opaque token, without credentials of ours' "$(token agent-opaque)"
    stop mcp-server
}

with_wrong_credentials() {
    resource_start MCP_AUTH_CLIENT_ID=basic MCP_AUTH_CLIENT_SECRET=wrong MCP_AUTH_CLIENT_AUTH=basic
    wait_until 20 resource_tried
    is_answered 503 'our own secret is wrong' "$(token agent-opaque)"
    check 'and we are not ready' not_ready
    stop mcp-server
}

resource_tried() {
    grep -q 'rejects our own credentials' "$WORK/mcp-server.log"
}

not_ready() {
    http GET "http://localhost:$MCP_PORT/readyz"
    expect 503
}

# The metadata that 127.0.0.1 has is of localhost; another server with the same keys is another issuer.
of_another_issuer() {
    check 'an issuer that is written in another way stops the start' \
        refused_at_start 'AUTH_SERVER_URL' AUTH_SERVER_URL="http://127.0.0.1:$AS_PORT" \
        MCP_AUTH_CLIENT_ID=basic MCP_AUTH_CLIENT_SECRET='secret of basic'
    local other
    other=$(free_port)
    start other node "$FOREIGN/provider.mjs" "$other" "$KEY" "$WORK/keys"
    listens other 60 "http://localhost:$other/.well-known/openid-configuration"
    resource_start MCP_AUTH_VALIDATION=jwt
    resource_ready
    is_answered 401 'a JWT of another issuer with the same keys' \
        "$(token agent-jwt "$RESOURCE" "http://localhost:$other")"
    stop mcp-server
    stop other
}

revoked() {
    local token
    token=$(token agent-opaque)
    is_answered 200 'before it is revoked' "$token"
    curl -fsS "$ISSUER/token/revocation" -d client_id=agent-opaque -d token="$token" \
        --data-urlencode 'client_secret=secret of agent-opaque'
    comes_to_be_answered 401 'after it is revoked' "$token"
}

# The provider comes back with a new key, and the old one behind it, while mcp-server runs.
keys_change() {
    local before
    resource_start MCP_AUTH_VALIDATION=jwt
    resource_ready
    is_answered 200 'a JWT, before the keys change' "$(token agent-jwt)"
    # Not shown before the change, so that nothing is remembered of it.
    before=$(token agent-jwt)
    stop provider
    node "$FOREIGN/new-key.mjs" "$WORK/newer" "$WORK/keys"
    provider_start "$WORK/newer"
    wait_until 20 resource_healthy
    is_answered 200 'a JWT of the new key' "$(token agent-jwt)"
    is_answered 200 'one of the key before it' "$before"
    stop mcp-server
    stop provider
    provider_start "$WORK/keys"
}

outage() {
    local token
    introspecting basic
    token=$(token agent-opaque)
    is_answered 200 'before the provider goes away' "$token"
    stop provider
    comes_to_be_answered 503 'while it is away' "$token"
    provider_start "$WORK/keys"
    wait_until 30 resource_healthy
    # The provider keeps its tokens in memory.
    is_answered 401 'a token that it has forgotten' "$token"
    is_answered 200 'when it is back' "$(token agent-opaque)"
    stop mcp-server
    outage_at_the_start
}

outage_at_the_start() {
    local token
    token=$(token agent-jwt)
    stop provider
    resource_start MCP_AUTH_VALIDATION=jwt
    is_answered 503 'it was away when we started' "$token"
    check 'and we were not ready' not_ready
    provider_start "$WORK/keys"
    wait_until 30 resource_healthy
    is_answered 200 'and came' "$token"
    stop mcp-server
}

# The official clients register there, log in there, and call tools here.
with_clients() {
    npm_packages "$FOREIGN"
    npm_packages "$CLIENTS/typescript"
    python_venv "$VENVS/two" "$CLIENTS/python/requirements-two.txt"
    ports
    node "$FOREIGN/new-key.mjs" "$WORK/keys"
    provider_start "$WORK/keys"
    resource_start MCP_AUTH_CLIENT_ID=basic MCP_AUTH_CLIENT_SECRET='secret of basic' \
        MCP_AUTH_CLIENT_AUTH=basic MCP_TOOLSETS=everything,diagnostics PRINT_ENV_PREFIXES=LOG_
    resource_ready
    local script node=$CLIENTS/typescript/node_modules/.bin/node
    for script in typescript/journey.mjs typescript/step-up.mjs; do
        journey "$script" "$node" "$CLIENTS/$script"
    done
    for script in python/journey.py python/step_up.py; do
        journey "$script" "$VENVS/two/bin/python" -B "$CLIENTS/$script"
    done
    stop mcp-server
    stop provider
}

# journey NAME COMMAND… : its checks are counted with ours.
journey() {
    local name=${1//\//-} status=0
    shift
    MCP_URL=$RESOURCE CLIENT_ID=stepping-up timeout --kill-after=5 200 "$@" 2>&1 | tee "$WORK/$name.out" || status=$?
    count_in "$WORK/$name.out" "$status"
}
