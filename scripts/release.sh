#!/usr/bin/env bash
#
# The steps of a release, for .github/workflows/release.yml and for trying them elsewhere.
#
# usage: scripts/release.sh check TAG            the tag is the version of the workspace, and the changelog has it
#        scripts/release.sh notes TAG            what the changelog says of it
#        scripts/release.sh pack TAG BIN DIST    the programs in BIN, and what they are made of, as files in DIST
#        scripts/release.sh sums DIST            their checksums, in DIST/SHA256SUMS
#        scripts/release.sh image TAG SERVER     builds and pushes REGISTRY/SERVER:VERSION-ARCHITECTURE
#        scripts/release.sh manifests TAG        REGISTRY/SERVER:VERSION for all architectures
#
# SBOM names the folder that scripts/sbom.sh writes to, if it is another than target/sbom. To push takes
# docker with buildx, and REGISTRY, REGISTRY_USER and REGISTRY_TOKEN.

set -euo pipefail
HELP=$(sed -n '5,14s/^# \{0,1\}//p' "${BASH_SOURCE[0]}")
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
SERVERS=(auth-server mcp-server standalone)

main() {
    local version
    case "${1:-} $#" in
        '--help 1') echo "$HELP" ;;
        'check 2') check "$2" ;;
        'notes 2') version=$(version_of "$2") && notes "$version" ;;
        'pack 4') version=$(version_of "$2") && pack "$version" "$3" "$4" ;;
        'sums 2') sums "$2" ;;
        'image 3') version=$(version_of "$2") && image "$version" "$3" ;;
        'manifests 2') version=$(version_of "$2") && manifests "$version" ;;
        *) echo "$HELP" >&2 && exit 2 ;;
    esac
}

# version_of TAG : without its v, if it is one. It becomes part of names of files and images.
version_of() {
    [[ $1 =~ ^v([0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?)$ ]] || problem "$1 is no tag of a version, as v1.2.3 is"
    echo "${BASH_REMATCH[1]}"
}

check() {
    local version ours
    version=$(version_of "$1")
    ours=$(sed -n '/^\[workspace.package\]/,/^$/s/^version = "\(.*\)"/\1/p' "$ROOT/Cargo.toml")
    [[ $version == "$ours" ]] || problem "the tag is $1, and Cargo.toml says version $ours"
    notes "$version" >/dev/null
}

# notes VERSION : its part of the changelog.
notes() {
    local text
    text=$(awk -v heading="## [$1]" 'index($0, "## [") == 1 { on = index($0, heading) == 1; next } on' \
        "$ROOT/CHANGELOG.md")
    [[ -n ${text//[[:space:]]/} ]] || problem "CHANGELOG.md has nothing under ## [$1]"
    echo "$text"
}

# pack VERSION BIN DIST : one archive, the same bytes whenever it is made of the same programs.
pack() {
    local name folder each
    name=mcp-example-$1-$(uname --machine)-linux
    folder=$(mktemp -d)
    # shellcheck disable=SC2064 # the folder of now
    trap "rm -r '$folder'" EXIT
    mkdir -p "$3" "$folder/$name"
    for each in "${SERVERS[@]}"; do install -m 755 "$2/$each" "$folder/$name/"; done
    install -m 644 "$ROOT/LICENSE" "$ROOT/README.md" "$ROOT/CHANGELOG.md" "$ROOT/.env.example" "$folder/$name/"
    tar --create --sort=name --mtime='@0' --owner=0 --group=0 --numeric-owner --directory "$folder" "$name" |
        gzip --no-name --best >"$3/$name.tar.gz"
    for each in "${SERVERS[@]}"; do
        install -m 644 "${SBOM:-$ROOT/target/sbom}/$each.cdx.json" "$3/$name.$each.cdx.json"
    done
}

sums() {
    cd "$1"
    sha256sum ./*.tar.gz ./*.cdx.json | sed 's,  \./,  ,' >SHA256SUMS
}

# image VERSION SERVER : with what it is made of and where it was made, which the registry keeps beside it.
image() {
    [[ " ${SERVERS[*]} " == *" $2 "* ]] || problem "$2 is none of ${SERVERS[*]}"
    log_in
    docker buildx build --file "$ROOT/scripts/docker/Dockerfile" --target "$2" --push \
        --provenance mode=max --sbom true \
        --build-arg "BUILD_REVISION=$(git -C "$ROOT" rev-parse --short=12 HEAD)" \
        --tag "$(repository "$2"):$1-$(uname --machine)" "$ROOT"
}

manifests() {
    local each name
    log_in
    for each in "${SERVERS[@]}"; do
        name=$(repository "$each"):$1
        docker buildx imagetools create --tag "$name" "$name-x86_64" "$name-aarch64"
    done
}

# Names of images are lower case.
repository() {
    echo "${REGISTRY,,}/$1"
}

log_in() {
    docker login "${REGISTRY%%/*}" --username "$REGISTRY_USER" --password-stdin <<<"$REGISTRY_TOKEN"
}

problem() {
    echo "$1" >&2
    exit 1
}

main "$@"
