#!/usr/bin/env bash
# Builds the images of the operator and of the simulator, and writes each as an OCI archive with its bill of materials:
#
#   dist/twinconsent-operator.tar, dist/twinconsent-operator.cdx.json
#   dist/heygen-simulator.tar, dist/heygen-simulator.cdx.json
#
# Those of another architecture than this machine's have it in their names: dist/twinconsent-operator-arm64.tar.
#
# Variables, all optional:
#   TWINCONSENT_IMAGE_ENGINE  docker, podman, buildah or debian-buildah (see hack/buildah.sh); default: the first that works
#   TWINCONSENT_IMAGE_ARCH    amd64 or arm64; default: that of this machine
#   TWINCONSENT_IMAGE_PREFIX  what the names begin with (localhost/)
#   TWINCONSENT_IMAGE_BASE    the image below (scratch)
#   SOURCE_DATE_EPOCH, REVISION  the time and the commit that the images tell; default: those of the last commit
set -euo pipefail
cd "$(dirname "$0")/.."

. hack/engine.sh
echo "Building with $engine."

# --- what is built ---------------------------------------------------------------

case ${TWINCONSENT_IMAGE_ARCH:-$(uname -m)} in
amd64 | x86_64) arch=amd64 target=x86_64-unknown-linux-gnu ;;
arm64 | aarch64) arch=arm64 target=aarch64-unknown-linux-gnu ;;
*) fail "The images are made for amd64 and arm64." ;;
esac
if [ -z "${REVISION:-}" ] && git rev-parse --git-dir >/dev/null 2>&1; then
    REVISION=$(git describe --always --abbrev=40 --exclude='*' --dirty)
    SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
fi
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-0} REVISION=${REVISION:-unknown}
case $(uname -m)-$arch in
x86_64-amd64 | aarch64-arm64) suffix='' ;;
*) suffix=-$arch ;;
esac
version=$(cargo metadata --locked --no-deps --format-version 1 | sed -n 's/.*"name":"twinconsent","version":"\([^"]*\)".*/\1/p')
[ -n "$version" ] || fail "cargo metadata does not tell the version of the operator."
prefix=${TWINCONSENT_IMAGE_PREFIX-localhost/}
base=${TWINCONSENT_IMAGE_BASE:-scratch}

hack/programs.sh "$arch"

# --- build -----------------------------------------------------------------------

if [ "$engine" = debian-buildah ]; then
    TWINCONSENT_BUILDAH_STORAGE=$PWD/dist/.buildah
    export TWINCONSENT_BUILDAH_STORAGE
    trap 'rm -rf "$TWINCONSENT_BUILDAH_STORAGE"' EXIT
fi

# One image: build TARGET NAME ARCHIVE. Whoever reads the archive meanwhile, such as a node that begins, has the one of before.
build() {
    local target=$1 name=$2 archive=$3.new
    local arguments=(--file Dockerfile --target "$target" --platform "linux/$arch" --tag "$name"
        --build-arg PROGRAMS=dist --build-arg "BASE=$base" --build-arg "VERSION=$version" --build-arg "REVISION=$REVISION")
    rm -f "$archive"
    case $engine in
    docker)
        # The times of files come from dist/, where hack/programs.sh sets them. An attestation would tell of the machine.
        DOCKER_BUILDKIT=1 BUILDX_NO_DEFAULT_ATTESTATIONS=1 docker build "${arguments[@]}" --build-arg "SOURCE_DATE_EPOCH=$SOURCE_DATE_EPOCH" .
        docker save --output "$archive" "$name"
        tar -tf "$archive" index.json >/dev/null 2>&1 || fail "'docker save' has written no OCI archive: Docker 25 or later does."
        ;;
    podman)
        podman build "${arguments[@]}" --timestamp "$SOURCE_DATE_EPOCH" --identity-label=false --no-cache .
        podman push "$name" "oci-archive:$archive:$name"
        ;;
    buildah)
        buildah build "${arguments[@]}" --timestamp "$SOURCE_DATE_EPOCH" --identity-label=false --layers=false .
        buildah push "$name" "oci-archive:$archive:$name"
        ;;
    debian-buildah)
        hack/buildah.sh build "${arguments[@]}" --timestamp "$SOURCE_DATE_EPOCH" --identity-label=false --layers=false --pull-never --isolation chroot .
        hack/buildah.sh push "$name" "oci-archive:$archive:$name"
        ;;
    esac
    mv "$archive" "$3"
}

build operator "${prefix}twinconsent-operator:$version" "dist/twinconsent-operator$suffix.tar"
build simulator "${prefix}heygen-simulator:$version" "dist/heygen-simulator$suffix.tar"

# --- say what is in them ---------------------------------------------------------

hack/bill.sh "$target" "dist/$arch/c-library" "$suffix"
for name in twinconsent-operator heygen-simulator; do
    printf '\n%s\n' "dist/$name$suffix.tar"
    cargo run --locked --quiet --package packaging -- inspect "dist/$name$suffix.tar"
done
