# The matrix with PyPI canaille, as far as that server goes; meant to be sourced, not run.
# shellcheck shell=bash
#
# It gives opaque tokens to clients and JWTs to users, and answers introspection for both: so the same
# JWT is asked about, checked by its signature, and both. It knows client_secret_basic only there, and
# its audiences are clients.

with_canaille() {
    python_venv "$VENVS/canaille" "$FOREIGN/canaille.txt"
    ports
    canaille_start
    canaille_asked
    canaille_by_signature
    canaille_by_both
    canaille_refuses_us
    canaille_goes_away
    stop canaille
}

canaille_start() {
    start canaille "$VENVS/canaille/bin/python" -B "$FOREIGN/canaille.py" "$AS_PORT"
    listens canaille 120 "$ISSUER/.well-known/openid-configuration"
}

# canaille_resource SETTING… : mcp-server with examples/auth/canaille.env, which these settings change.
canaille_resource() {
    local settings
    mapfile -t settings < <(grep -E '^MCP_AUTH_' "$ROOT/examples/auth/canaille.env")
    resource_start "${settings[@]}" MCP_AUTH_CLIENT_SECRET='secret-of-mcp-server' \
        MCP_AUTH_DISCOVERY_REFRESH=5 \
        MCP_AUTH_MAX_TOKEN_LIFETIME=1209600 MCP_AUTH_TIMEOUT=20 "$@"
}

# canaille_token CLIENT [USER] : an opaque token of the client, or a JWT of the user.
canaille_token() {
    local form=(-d grant_type=client_credentials -d scope=mcp)
    [[ -z ${2:-} ]] ||
        form=(-d grant_type=password -d scope='openid profile' -d username="$2" -d password=wonderland)
    curl -fsS -u "$1:secret-of-$1" "$ISSUER/oauth/token" "${form[@]}" | jq -er .access_token
}

canaille_asked() {
    local token
    canaille_resource
    resource_ready
    is_answered 200 'an opaque token of canaille' "$(canaille_token agent)"
    is_answered 200 'a JWT of canaille that is asked about' "$(canaille_token agent alice)"
    is_answered 401 'an opaque token for somebody else' "$(canaille_token stranger)"
    is_answered 401 'a JWT for somebody else' "$(canaille_token stranger alice)"
    is_answered 401 'garbage' 'garbage'
    token=$(canaille_token agent)
    is_answered 200 'before it is revoked' "$token"
    curl -fsS -u 'agent:secret-of-agent' "$ISSUER/oauth/revoke" -d token="$token" >"$WORK/revoked"
    comes_to_be_answered 401 'after it is revoked' "$token"
    stop mcp-server
}

canaille_by_signature() {
    local token
    canaille_resource MCP_AUTH_VALIDATION=jwt
    resource_ready
    token=$(canaille_token agent alice)
    is_answered 200 'a JWT of canaille by its signature' "$token"
    is_answered 401 'a changed one' "${token}x"
    is_answered 401 'one for somebody else' "$(canaille_token stranger alice)"
    is_answered 401 'an opaque one' "$(canaille_token agent)"
    canaille_elsewhere
    stop mcp-server
}

# Another server with the same clients and people, and tokens that name another issuer.
canaille_elsewhere() {
    local port
    port=$(free_port)
    start elsewhere "$VENVS/canaille/bin/python" -B "$FOREIGN/canaille.py" "$port"
    listens elsewhere 120 "http://localhost:$port/.well-known/openid-configuration"
    is_answered 401 'a JWT of another issuer' \
        "$(ISSUER=http://localhost:$port canaille_token agent alice)"
    stop elsewhere
}

canaille_by_both() {
    local token
    canaille_resource MCP_AUTH_VALIDATION=both
    resource_ready
    token=$(canaille_token agent alice)
    is_answered 200 'a JWT of canaille by both' "$token"
    curl -fsS -u 'agent:secret-of-agent' "$ISSUER/oauth/revoke" -d token="$token" >"$WORK/revoked"
    comes_to_be_answered 401 'when it is revoked, its signature is not enough' "$token"
    stop mcp-server
}

canaille_refuses_us() {
    canaille_resource MCP_AUTH_CLIENT_SECRET=wrong
    is_answered 503 'our own secret is wrong' "$(canaille_token agent)"
    stop mcp-server
    check 'the issuer with a slash stops the start' \
        refused_at_start 'AUTH_SERVER_URL' AUTH_SERVER_URL="$ISSUER/" MCP_AUTH_REQUIRED_SCOPES=- \
        MCP_AUTH_CLIENT_ID=mcp-server MCP_AUTH_CLIENT_SECRET='secret-of-mcp-server'
}

# It comes back with other keys and without its tokens: both are in memory.
canaille_goes_away() {
    local old
    canaille_resource MCP_AUTH_VALIDATION=auto
    resource_ready
    old=$(canaille_token agent)
    is_answered 200 'before canaille goes away' "$old"
    stop canaille
    comes_to_be_answered 503 'while it is away' "$old"
    canaille_start
    wait_until 30 resource_healthy
    is_answered 401 'a token that it has forgotten' "$old"
    is_answered 200 'when it is back' "$(canaille_token agent)"
    stop mcp-server
    canaille_changes_keys
}

canaille_changes_keys() {
    canaille_resource MCP_AUTH_VALIDATION=jwt
    resource_ready
    is_answered 200 'a JWT, before the keys change' "$(canaille_token agent alice)"
    stop canaille
    canaille_start
    wait_until 30 resource_healthy
    is_answered 200 'a JWT of the new key' "$(canaille_token agent alice)"
    stop mcp-server
}
