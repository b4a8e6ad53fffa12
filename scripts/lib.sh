# Shared by the scripts beside it; meant to be sourced, not run.
# shellcheck shell=bash
#
# Checks with a tally, processes that end with the script, free ports, bounded waits, HTTP.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
WORK=$(mktemp -d "${TMPDIR:-/tmp}/mcp-scripts.XXXXXX")
STARTED=()
PASSED=0
FAILED=0

export ROOT WORK

# --- What the script started, it ends ------------------------------------------------------------

# start NAME COMMAND… : runs it in the background; its output goes to $WORK/NAME.log.
start() {
    local name=$1
    shift
    "$@" >>"$WORK/$name.log" 2>&1 &
    STARTED+=("$!")
    keep "$name.pid" "$!"
}

# stop NAME [SIGNAL] : ends it and waits until it is gone; its exit status is kept as NAME.exit.
stop() {
    local name=$1 signal=${2:-TERM} pid
    pid=$(kept "$name.pid")
    # The shell reports on stderr what it ends by force.
    {
        kill "-$signal" "$pid" || true
        wait_until 40 gone "$pid" || kill -KILL "$pid" || true
        ended "$name"
    } 2>/dev/null
}

# ended NAME : takes the exit status of what has ended, and keeps it as NAME.exit.
ended() {
    local status=0
    wait "$(kept "$1.pid")" || status=$?
    keep "$1.exit" "$status"
}

# A process that has ended stays a zombie until its parent has asked for its status.
gone() {
    local state
    state=$(ps -o stat= -p "$1" 2>/dev/null) || return 0
    [[ $state == Z* ]]
}

end_all() {
    local pid
    for pid in "${STARTED[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
    for pid in "${STARTED[@]}"; do
        wait_until 10 gone "$pid" || kill -KILL "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$WORK"
}
trap end_all EXIT
trap 'exit 130' INT TERM

# wait_until SECONDS COMMAND… : polls; false when the time is over.
wait_until() {
    local deadline=$((SECONDS + $1))
    shift
    until ("$@") >/dev/null 2>&1; do
        ((SECONDS < deadline)) || return 1
        sleep 0.1
    done
}

# free_port : a port nobody listens on, below 32768: Linux gives those above to outgoing connections.
free_port() {
    local port
    for _ in {1..100}; do
        port=$((20000 + RANDOM % 12000))
        [[ -e $WORK/port.$port ]] && continue
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            : >"$WORK/port.$port"
            echo "$port"
            return
        fi
    done
    echo "no free port found" >&2
    return 1
}

# is_ready NAME URL : waits for it; when it does not come, shows what the program has said.
is_ready() {
    wait_until 30 answers_or_gone "$1" "$2/readyz" || true
    answers "$2/readyz" && return
    echo "$1 does not answer at $2/readyz; its output ends so:"
    tail -n 20 "$WORK/$1.log"
    exit 1
}

answers_or_gone() {
    answers "$2" || gone "$(kept "$1.pid")"
}

# answers URL : true when it answers with a success.
answers() {
    curl --silent --fail --output /dev/null --max-time 5 "$1"
}

# --- Small things to remember, across subshells --------------------------------------------------

keep() {
    [[ -n $2 ]] || fail "there is no $1"
    printf '%s' "$2" >"$WORK/$1"
}

kept() {
    cat "$WORK/$1"
}

# --- Checks --------------------------------------------------------------------------------------

# check NAME COMMAND… : one check, one line. It runs in a subshell that stops at the first failure,
# so what it learns goes through `keep`. Never call this in a condition: that turns `set -e` off.
check() {
    local name=$1 status=0
    shift
    set +e
    (
        set -e
        "$@"
    ) >"$WORK/check.out" 2>&1
    status=$?
    set -e
    if ((status == 0)); then
        PASSED=$((PASSED + 1))
        printf 'ok      %s\n' "$name"
    else
        FAILED=$((FAILED + 1))
        printf 'FAILED  %s\n' "$name"
        sed 's/^/        /' "$WORK/check.out"
        show_answer | sed 's/^/        /'
    fi
}

# count_in FILE STATUS : takes the numbers of the closing lines of other programs into ours. Programs
# that have no such line, or fail in spite of it, count as a failure.
count_in() {
    local line passed=0 failed=0
    while read -r line; do
        passed=$((passed + ${line%% *}))
        failed=$((failed + $(sed -E 's/.* ([0-9]+) failed/\1/' <<<"$line")))
    done < <(grep -oE '^[0-9]+ passed, [0-9]+ failed' "$1")
    ((failed > 0 || (passed > 0 && $2 == 0))) || failed=1
    PASSED=$((PASSED + passed))
    FAILED=$((FAILED + failed))
}

# summary : the closing line; true when something passed and nothing failed.
summary() {
    echo "$PASSED passed, $FAILED failed"
    ((FAILED == 0 && PASSED > 0))
}

# fail MESSAGE : ends the check.
fail() {
    echo "$*" >&2
    exit 1
}

# equal WHAT EXPECTED ACTUAL
equal() {
    [[ $2 == "$3" ]] || fail "$1 is '$3', not '$2'"
}

# like WHAT PATTERN ACTUAL : an extended regular expression.
like() {
    [[ $3 =~ $2 ]] || fail "$1 is '$3', which is not like '$2'"
}

# --- HTTP ----------------------------------------------------------------------------------------

# http METHOD URL [CURL OPTION…] : leaves status, headers and body in $WORK.
http() {
    local method=$1 url=$2
    shift 2
    rm -f "$WORK/headers" "$WORK/body"
    curl --silent --show-error --max-time 20 --request "$method" "$@" \
        --dump-header "$WORK/headers" --output "$WORK/body" --write-out '%{http_code}' "$url" \
        >"$WORK/status"
    touch "$WORK/body"
}

# expect STATUS…
expect() {
    local status each
    status=$(kept status)
    for each in "$@"; do
        [[ $each == "$status" ]] && return
    done
    fail "the status is $status, not $*"
}

# header NAME : its value in the last answer; empty when absent.
header() {
    sed -nE "s/^$1:[[:space:]]*(.*[^[:space:]])[[:space:]]*$/\1/Ip" "$WORK/headers" | sed -n 1p
}

# field JQ-EXPRESSION : from the body of the last answer; fails when it is null or absent.
field() {
    jq -er "$1" "$WORK/body"
}

show_answer() {
    [[ -s $WORK/status ]] || return 0
    echo "the last answer was: $(kept status)"
    head -c 1000 "$WORK/headers" 2>/dev/null || true
    head -c 2000 "$WORK/body" 2>/dev/null || true
    echo
}

# --- Programs ------------------------------------------------------------------------------------

# need PROGRAM… : says what is missing, all of it at once.
need() {
    local each missing=()
    for each in "$@"; do
        command -v "$each" >/dev/null || missing+=("$each")
    done
    ((${#missing[@]} == 0)) && return
    echo "missing: ${missing[*]}; install them first (Debian names: jq, openssl, curl, redis-server)" >&2
    exit 2
}

# npm_packages DIRECTORY : installs what its lock file says, unless that has been done.
npm_packages() {
    local stamp=$1/node_modules/.package-lock.json
    [[ -e $stamp && ! $1/package-lock.json -nt $stamp ]] && return
    (cd "$1" && npm ci --no-audit --no-fund --loglevel=error >"$WORK/npm.log" 2>&1) ||
        { cat "$WORK/npm.log" >&2 && return 1; }
    touch "$stamp"
}

# python_venv DIRECTORY FILE : an environment with the packages that the file says.
python_venv() {
    cmp --silent "$2" "$1/requirements.txt" && return
    rm -rf "$1"
    python3 -m venv "$1" &&
        "$1/bin/pip" install --quiet --disable-pip-version-check --retries 10 --timeout 30 \
            --requirement "$2" &&
        cp "$2" "$1/requirements.txt"
}

# binaries PACKAGE… : sets BIN_DIR; builds the packages unless a directory was given.
binaries() {
    if [[ -z ${BIN_DIR:-} ]]; then
        local packages=() each
        for each in "$@"; do packages+=(--package "$each"); done
        (cd "$ROOT" && cargo build --quiet --locked "${packages[@]}")
        BIN_DIR=${CARGO_TARGET_DIR:-$ROOT/target}/debug
    fi
    BIN_DIR=$(cd "$BIN_DIR" && pwd)
}
