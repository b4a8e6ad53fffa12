#!/usr/bin/env bash
#
# The reliability tests, small: real processes are restarted, killed and cut off under load.
#
# usage: scripts/reliability.sh [TEST…]
#
# BIN_DIR says where the built programs are; without it they are built. `cargo xtask reliability
# --full` has the numbers of the design, see docs/reliability.md.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

main() {
    if [[ -x ${BIN_DIR:-}/reliability ]]; then
        exec "$BIN_DIR/reliability" "$@"
    fi
    exec cargo xtask reliability "$@"
}

main "$@"
