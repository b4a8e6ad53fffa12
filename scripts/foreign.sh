#!/usr/bin/env bash
#
# mcp-server with authorization servers that nobody here wrote: npm oidc-provider, PyPI canaille and
# PyPI django-oauth-toolkit, pinned. Nothing of auth-server runs.
#
# usage: scripts/foreign.sh [oidc-provider] [clients] [canaille] [django-oauth-toolkit] [--help]
#
# oidc-provider: opaque tokens and JWTs, every way of client authentication that it has, wrong
#   credentials, audience and issuer, keys that change, revocation, an outage and its end.
# clients: the official TypeScript and Python clients register there, log in and call tools, and ask
#   for a wider scope when a tool needs it.
# canaille: the same matrix as far as that server goes.
# django-oauth-toolkit: introspection with a token of our own (bearer), the same matrix.
# Without arguments all four run. BIN_DIR names a directory with mcp-server; without it that is built.
# Installs the pinned packages from npm and PyPI into scripts/foreign, scripts/clients and target.

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
FOREIGN=$ROOT/scripts/foreign
CLIENTS=$ROOT/scripts/clients
VENVS=${CARGO_TARGET_DIR:-$ROOT/target}/clients
KEY=$ROOT/mcp-server/tests/keys/p256.pem
# shellcheck source-path=SCRIPTDIR source=foreign/resource.sh
source "$FOREIGN/resource.sh"
# shellcheck source-path=SCRIPTDIR source=foreign/oidc-provider.sh
source "$FOREIGN/oidc-provider.sh"
# shellcheck source-path=SCRIPTDIR source=foreign/canaille.sh
source "$FOREIGN/canaille.sh"
# shellcheck source-path=SCRIPTDIR source=foreign/django-oauth-toolkit.sh
source "$FOREIGN/django-oauth-toolkit.sh"

main() {
    local wanted=() each
    for each in "$@"; do
        case $each in
            oidc-provider | clients | canaille | django-oauth-toolkit) wanted+=("$each") ;;
            --help | -h) sed -n '3,16s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" && exit ;;
            *) echo "unknown argument: $each; see --help" >&2 && exit 2 ;;
        esac
    done
    ((${#wanted[@]} > 0)) || wanted=(oidc-provider clients canaille django-oauth-toolkit)
    need npm node curl jq python3 openssl
    binaries mcp-server
    for each in "${wanted[@]}"; do
        echo "--- $each"
        "with_${each//-/_}"
    done
    echo '--- all foreign servers'
    summary
}

main "$@"
