#!/usr/bin/env bash
#
# A browser and the person in front of it, for scripts: opens an authorization URL, agrees, logs in,
# and opens the address that the browser is sent to.
#
# usage: scripts/examples-browser.sh AUTHORIZATION_URL

set -euo pipefail
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
URL=$1
REDIRECT_URI=$(sed -nE 's/.*[?&]redirect_uri=([^&]*).*/\1/p' <<<"$URL")
REDIRECT_URI=$(printf '%b' "${REDIRECT_URI//%/\\x}")
# shellcheck source-path=SCRIPTDIR source=../examples/curl-examples.sh
source "$(dirname "${BASH_SOURCE[0]}")/../examples/curl-examples.sh"
walk "$URL"
curl -sS --fail --output /dev/null "$CALLBACK"
