# The matrix with PyPI django-oauth-toolkit, as far as that server goes; meant to be sourced, not run.
# shellcheck shell=bash
#
# Who asks it about tokens shows a token of its own: MCP_AUTH_CLIENT_AUTH=bearer. It keeps its tokens
# in a database, so they are there again when it comes back.

with_django_oauth_toolkit() {
    python_venv "$VENVS/django-oauth-toolkit" "$FOREIGN/django-oauth-toolkit.txt"
    ports
    toolkit_start
    toolkit_asked
    toolkit_refuses_us
    toolkit_goes_away
    stop toolkit
}

toolkit_start() {
    start toolkit "$VENVS/django-oauth-toolkit/bin/python" -B "$FOREIGN/django-oauth-toolkit.py" \
        "$AS_PORT" "$WORK"
    listens toolkit 60 "$ISSUER/.well-known/oauth-authorization-server"
}

# toolkit_resource SETTING… : mcp-server with examples/auth/django-oauth-toolkit.env, and its own token.
toolkit_resource() {
    local settings
    mapfile -t settings < <(grep -E '^MCP_AUTH_' "$ROOT/examples/auth/django-oauth-toolkit.env")
    resource_start "${settings[@]}" MCP_AUTH_BEARER="$(toolkit_own)" MCP_AUTH_DISCOVERY_REFRESH=5 "$@"
}

# toolkit_token CLIENT FORM… : an access token of that client.
toolkit_token() {
    local client=$1
    shift
    curl -fsS -u "$client:secret of $client" "$ISSUER/token/" -d grant_type=client_credentials "$@" |
        jq -er .access_token
}

toolkit_own() {
    toolkit_token mcp-server -d scope=introspection
}

# toolkit_for RESOURCE [SCOPE]
toolkit_for() {
    toolkit_token agent -d scope="${2:-mcp}" --data-urlencode "resource=$1"
}

toolkit_asked() {
    local token
    toolkit_resource
    resource_ready
    is_answered 200 'a token of django-oauth-toolkit, asked with bearer' "$(toolkit_for "$RESOURCE")"
    is_answered 401 'one for somebody else' "$(toolkit_for http://localhost:1/mcp)"
    is_answered 401 'one for nobody in particular' "$(toolkit_token agent -d scope=mcp)"
    is_answered 401 'garbage' 'garbage'
    check 'one with another scope: 403' refused_for_scope "$(toolkit_for "$RESOURCE" introspection)"
    token=$(toolkit_for "$RESOURCE")
    is_answered 200 'before it is revoked' "$token"
    curl -fsS -u 'agent:secret of agent' "$ISSUER/revoke_token/" -d token="$token" >"$WORK/revoked"
    comes_to_be_answered 401 'after it is revoked' "$token"
    stop mcp-server
}

# refused_for_scope TOKEN
refused_for_scope() {
    ask "$1"
    expect 403
    like 'the challenge' 'error="insufficient_scope"' "$(header www-authenticate)"
}

toolkit_refuses_us() {
    local own
    toolkit_resource MCP_AUTH_BEARER=wrong
    wait_until 20 resource_tried
    is_answered 503 'our own token is wrong' "$(toolkit_for "$RESOURCE")"
    check 'and we are not ready' not_ready
    stop mcp-server
    own=$(toolkit_token mcp-server -d scope=mcp)
    toolkit_resource MCP_AUTH_BEARER="$own"
    is_answered 503 'our own token has not the scope for it' "$(toolkit_for "$RESOURCE")"
    stop mcp-server
}

toolkit_goes_away() {
    local token
    toolkit_resource
    resource_ready
    token=$(toolkit_for "$RESOURCE")
    is_answered 200 'before django-oauth-toolkit goes away' "$token"
    stop toolkit
    comes_to_be_answered 503 'while it is away' "$token"
    toolkit_start
    wait_until 30 resource_healthy
    is_answered 200 'when it is back, and knows its tokens' "$token"
    stop mcp-server
}
