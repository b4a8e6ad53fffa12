#!/usr/bin/env bash
#
# Both servers behind TLS, by nginx and by Caddy, with a certificate of this script's own making.
#
# usage: scripts/tls.sh [--help]
#
# BIN_DIR names a directory with auth-server and mcp-server; without it they are built.
# Needs what .ci/run installs: nginx, caddy, openssl, curl, jq.

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=e2e/oauth.sh
source "$ROOT/scripts/e2e/oauth.sh"

# Debian keeps some of them where only an administrator looks.
PATH=$PATH:/usr/sbin

main() {
    if [[ ${1:-} == --help ]]; then
        sed -n '3,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
        exit
    fi
    need curl jq openssl nginx caddy
    binaries auth-server mcp-server
    certificate
    # Whom the MCP server and curl trust here.
    export CURL_CA_BUNDLE=$WORK/ca.pem MCP_AUTH_CA_FILE=$WORK/ca.pem
    local each
    TOP=$WORK
    for each in nginx caddy; do
        WORK=$TOP/$each
        mkdir "$WORK"
        echo "--- $each"
        journey "$each"
    done
    WORK=$TOP
    summary
}

# An authority, and a certificate of it for localhost.
certificate() {
    local ec=(-newkey ec -pkeyopt 'ec_paramgen_curve:P-256' -nodes)
    (
        cd "$WORK"
        openssl req -x509 "${ec[@]}" -days 2 -subj '/CN=an authority' -keyout ca.key -out ca.pem
        openssl req "${ec[@]}" -subj /CN=localhost -keyout key.pem -out request.pem
        openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out cert.pem \
            -extfile <(printf 'subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n')
    ) >"$WORK/openssl.log" 2>&1 || { cat "$WORK/openssl.log" && exit 1; }
}

journey() {
    local mcp auth port auth_port
    mcp=$(free_port) auth=$(free_port) port=$(free_port) auth_port=$(free_port)
    export HOST=127.0.0.1 LOG_FORMAT=json METRICS_ADDR=off
    export BASE_URI=https://localhost:$mcp AUTH_SERVER_URL=https://localhost:$auth
    export MCP_AUTH_CLIENT_SECRET=only-of-this-trial AUTH_TRUSTED_PROXIES=127.0.0.1 AUTH_MOCK_IDP=1
    start auth-server env AUTH_SERVER_PORT="$auth_port" "$BIN_DIR/auth-server"
    start mcp-server env PORT="$port" "$BIN_DIR/mcp-server"
    "proxy_of_$1" "$mcp" "$port" "$auth" "$auth_port"
    check 'both servers are ready behind it' is_ready auth-server "$AUTH_SERVER_URL"
    check 'and the one finds the other through it' is_ready mcp-server "$BASE_URI"
    check 'the challenge and the metadata name the public URL' challenge_names_the_metadata
    check 'so does the authorization server' metadata_documents_agree
    check 'browsers are told to stay with https' stays_with_https
    check '/mcp/ answers without a redirect' trailing_slash_answers
    check 'the doctor finds nothing bad' "$BIN_DIR/mcp-server" doctor
    stop proxy
    stop mcp-server
    stop auth-server
}

# proxy_of_nginx PUBLIC PORT PUBLIC-AUTH AUTH-PORT : as docs/tls.md has it.
proxy_of_nginx() {
    chmod a+x "$WORK"
    {
        echo 'daemon off; pid nginx.pid; error_log stderr warn; events {} http { access_log off;'
        local each
        for each in client_body proxy fastcgi uwsgi scgi; do echo "${each}_temp_path nginx-$each;"; done
        nginx_server "$1" "$2"
        nginx_server "$3" "$4"
        echo '}'
    } >"$WORK/nginx.conf"
    start proxy nginx -p "$WORK" -c "$WORK/nginx.conf"
}

nginx_server() {
    cat <<SERVER
server {
    listen 127.0.0.1:$1 ssl http2;
    server_name localhost;
    ssl_certificate $TOP/cert.pem;
    ssl_certificate_key $TOP/key.pem;
    ssl_protocols TLSv1.2 TLSv1.3;
    client_max_body_size 5m;
    location / {
        proxy_pass http://127.0.0.1:$2;
        proxy_http_version 1.1;
        proxy_set_header Host \$http_host;
        proxy_set_header Connection "";
        proxy_set_header X-Forwarded-For \$remote_addr;
        proxy_read_timeout 75s;
    }
}
SERVER
}

proxy_of_caddy() {
    cat >"$WORK/Caddyfile" <<CADDYFILE
{
    admin off
    auto_https disable_redirects
}
https://localhost:$1 {
    bind 127.0.0.1
    tls $TOP/cert.pem $TOP/key.pem
    reverse_proxy 127.0.0.1:$2 {
        flush_interval -1
    }
}
https://localhost:$3 {
    bind 127.0.0.1
    tls $TOP/cert.pem $TOP/key.pem
    reverse_proxy 127.0.0.1:$4
}
CADDYFILE
    start proxy env HOME="$WORK" caddy run --adapter caddyfile --config "$WORK/Caddyfile"
}

stays_with_https() {
    http GET "$BASE_URI/"
    expect 200
    like strict-transport-security '^max-age=' "$(header strict-transport-security)"
}

trailing_slash_answers() {
    http POST "$BASE_URI/mcp/" --header 'Content-Type: application/json' --data '{}'
    expect 401
    equal location '' "$(header location)"
}

main "$@"
