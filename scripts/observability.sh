#!/usr/bin/env bash
#
# The files for Prometheus, by its own tool: configuration, rules, and what raises which alert.
#
# usage: scripts/observability.sh [--help]
#
# That everything they name is measured is a test: cargo nextest run -p e2e observability.
# Needs what .ci/run installs: promtool, of the Debian package `prometheus`.

set -euo pipefail
if [[ ${1:-} == --help ]]; then
    sed -n '3,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
    exit
fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."

(cd docs/observability/prometheus && promtool check config prometheus.yml &&
    promtool check rules alerts.yml && promtool test rules alerts.test.yml)

# The one of docker-compose.yml finds its rules where the container has them.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp scripts/docker/observability/prometheus.yml docs/observability/prometheus/alerts.yml "$work"
promtool check config "$work/prometheus.yml"
