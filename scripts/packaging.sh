#!/usr/bin/env bash
#
# The files for containers, checked without a container engine: linters read them, what they name
# exists, and the servers work with the settings of docker-compose.yml.
#
# usage: scripts/packaging.sh [--help]
#
# BIN_DIR names a directory with auth-server and mcp-server; without it they are built.
# Needs what .ci/run installs: python3 with yaml, redis-server, curl, openssl; the linters come from PyPI.

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

main() {
    if [[ ${1:-} == --help ]]; then
        sed -n '3,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
        exit
    fi
    need python3 redis-server curl openssl
    binaries auth-server mcp-server standalone
    python_venv "$ROOT/target/packaging-venv" "$ROOT/scripts/packaging/requirements.txt"
    check 'hadolint has nothing to say about the Dockerfile' \
        "$ROOT/target/packaging-venv/bin/hadolint" "$ROOT/scripts/docker/Dockerfile"
    check 'the manifests are what Kubernetes expects' manifests_are_valid
    check 'zizmor has nothing to say about the workflows' \
        "$ROOT/target/packaging-venv/bin/zizmor" --offline --no-progress "$ROOT/.github/workflows"
    check 'a release is packed whole, and the same twice' release_is_packed
    check 'what the files name exists' python3 "$ROOT/scripts/packaging/check.py" "$BIN_DIR"
    local server
    for server in auth-server mcp-server; do
        check "$server would start in Kubernetes" starts_in_kubernetes "$server"
    done
    check 'without an identity provider auth-server would not' needs_a_login
    servers
    summary
}

# With programs of the development profile, and lists of contents that are none.
release_is_packed() {
    local version each list said packing=()
    version=$(sed -n '/^\[workspace.package\]/,/^$/s/^version = "\(.*\)"/\1/p' "$ROOT/Cargo.toml")
    mkdir -p "$WORK/sbom" "$WORK/programs"
    for each in auth-server mcp-server standalone; do
        echo '{}' >"$WORK/sbom/$each.cdx.json"
        # Without what is for debuggers, which takes minutes to pack.
        strip -o "$WORK/programs/$each" "$BIN_DIR/$each"
    done
    for each in one two; do
        SBOM=$WORK/sbom "$ROOT/scripts/release.sh" pack "v$version" "$WORK/programs" "$WORK/$each" &
        packing+=("$!")
    done
    for each in "${packing[@]}"; do wait "$each"; done
    for each in one two; do "$ROOT/scripts/release.sh" sums "$WORK/$each"; done
    cmp "$WORK/one/SHA256SUMS" "$WORK/two/SHA256SUMS"
    (cd "$WORK/one" && sha256sum --check --quiet SHA256SUMS)
    list=$(tar --list --file "$WORK"/one/*.tar.gz)
    for each in auth-server mcp-server standalone LICENSE .env.example; do
        like 'the archive' "/$each"$'\n' "$list"$'\n'
    done
    tar --extract --file "$WORK"/one/*.tar.gz --directory "$WORK/one" --strip-components 1
    like 'the program' "$version" "$("$WORK/one/mcp-server" --version)"
    said=$("$ROOT/scripts/release.sh" check v9.9.9 2>&1) && fail 'any tag would do'
    like 'what it says' "Cargo.toml says version $version" "$said"
    said=$("$ROOT/scripts/release.sh" notes "v1.0.0;x" 2>&1) && fail 'any text would do'
    said=$("$ROOT/scripts/release.sh" pack "v1.0.0;x" "$WORK/programs" "$WORK/none" 2>&1) && fail 'any text would be packed'
    like 'what it says' 'is no tag of a version' "$said"
}

# What kustomize reads is no resource of a cluster.
manifests_are_valid() {
    local each
    for each in "$ROOT"/scripts/kubernetes/*.yaml; do
        [[ $each == */kustomization.yaml ]] ||
            "$ROOT/target/packaging-venv/bin/kubernetes-validate" --strict "$each"
    done
}

# starts_in_kubernetes SERVER [NAME=VALUE…] : its settings and, filled in, its secrets are good.
starts_in_kubernetes() {
    local server=$1 folder=$ROOT/scripts/kubernetes settings secrets
    mapfile -t settings < <(grep -h '^[A-Z]' "$folder/settings.env")
    mapfile -t secrets < <(sed -n "s/^\([A-Z_]*\)=\$/\1=$(openssl rand -hex 32)/p" \
        "$folder/$server.secrets.example.env")
    cd "$WORK" || exit
    env HOST=0.0.0.0 "${settings[@]}" "${secrets[@]}" "${@:2}" "$BIN_DIR/$server" config check
}

# The sentence that settings.env is there to spare people.
needs_a_login() {
    local said
    said=$(starts_in_kubernetes auth-server AUTH_UPSTREAMS= 2>&1) && fail 'it would start'
    like 'what it says' AUTH_UPSTREAMS "$said"
}

# Both servers as docker-compose.yml starts them, but for the ports, the addresses and the Redis.
servers() {
    local redis auth mcp metrics
    redis=$(free_port) auth=$(free_port) mcp=$(free_port) metrics=$(free_port)
    start redis redis-server --port "$redis" --save '' --appendonly no --dir "$WORK"
    wait_until 20 redis-cli -p "$redis" ping >/dev/null
    own=(HOST=127.0.0.1 "REDIS_URL=redis://127.0.0.1:$redis" "AUTH_SERVER_URL=http://localhost:$auth"
        "BASE_URI=http://localhost:$mcp" "AUTH_SERVER_PORT=$auth" "PORT=$mcp")
    as_composed auth-server "METRICS_ADDR=127.0.0.1:$metrics"
    check 'auth-server becomes well' wait_until 20 healthy auth-server
    as_composed mcp-server METRICS_ADDR=off
    check 'mcp-server becomes well' wait_until 20 healthy mcp-server
    check 'mcp-server is alive' healthy mcp-server --live
    local port path
    for port in "$auth" "$mcp"; do
        for path in /livez /readyz; do
            check "port $port answers $path" curl -fsS -o /dev/null "http://127.0.0.1:$port$path"
        done
    done
    check 'metrics are where Prometheus looks' curl -fsS -o /dev/null "http://127.0.0.1:$metrics/metrics"
    stop redis
    check 'without Redis mcp-server is not well' wait_until 20 unhealthy mcp-server
    check 'without Redis it is alive' healthy mcp-server --live
    stop mcp-server
    stop auth-server
    check 'a stop is no failure' test "$(kept mcp-server.exit) $(kept auth-server.exit)" = '0 0'
    check 'what is gone is not well' unhealthy mcp-server --live
}

# as_composed SERVER [NAME=VALUE…] : starts it with the settings of its service.
as_composed() {
    local server=$1 settings
    shift
    mapfile -t settings < <(python3 "$ROOT/scripts/packaging/check.py" --settings "$server")
    cd "$WORK" || exit
    start "$server" env "${settings[@]}" "${own[@]}" "$@" "$BIN_DIR/$server"
}

healthy() {
    (cd "$WORK" && env "${own[@]}" MCP_AUTH_CLIENT_SECRET=x "$BIN_DIR/$1" healthcheck "${@:2}") >/dev/null 2>&1
}

unhealthy() {
    ! healthy "$@"
}

main "$@"
