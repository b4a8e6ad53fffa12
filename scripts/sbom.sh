#!/usr/bin/env bash
#
# What each program is made of, as CycloneDX 1.5 JSON in target/sbom.
#
# usage: scripts/sbom.sh [--help]
#
# Needs cargo-cyclonedx: cargo install --locked cargo-cyclonedx

set -euo pipefail
if [[ ${1:-} == --help ]]; then
    sed -n '3,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
    exit
fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mkdir -p target/sbom

for package in auth-server mcp-server crates/standalone; do
    name=${package##*/}
    cargo cyclonedx --manifest-path "$package/Cargo.toml" --format json --spec-version 1.5 \
        --override-filename "$name.cdx"
    # It writes one beside each manifest of the workspace; those of the programs are wanted.
    mv "$package/$name.cdx.json" target/sbom/
done
find . -path ./target -prune -o -name '*.cdx.json' -exec rm {} +
ls target/sbom
