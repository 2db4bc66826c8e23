#!/usr/bin/env bash
# Writes the bills of materials of the images: dist/*.cdx.json, in the format CycloneDX 1.5.
#
#   hack/bill.sh TARGET FILE [SUFFIX]      the target that the programs were compiled for; the file that names their C library;
#                                          what comes between the name of a bill and its .cdx.json
#
# cargo-cyclonedx, which is built into the cache folder once, lists the crates; crates/packaging adds what else is in the images.
set -euo pipefail
cd "$(dirname "$0")/.."
target=$1
c_library=$(cat "$2")
suffix=${3:-}
generator=0.5.9              # cargo-cyclonedx

cache=${XDG_CACHE_HOME:-${HOME:?}/.cache}/twinconsent/cargo-cyclonedx-$generator
if [ ! -x "$cache/bin/cargo-cyclonedx" ]; then
    echo "Building cargo-cyclonedx $generator into $cache; this takes some minutes, once …" >&2
    cargo install --debug --locked --quiet --version "$generator" --root "$cache" cargo-cyclonedx   # compiled faster, and fast enough
fi

# It writes beside each Cargo.toml: into a copy of the tree, which holds of it what cargo needs to read manifests.
workspace=$PWD
copy=$(mktemp -d "${TMPDIR:-/tmp}/twinconsent-bill.XXXXXX")
trap 'rm -rf "$copy"' EXIT
cp -r Cargo.toml Cargo.lock rust-toolchain.toml src crates tests benches "$copy"
(
    cd "$copy"
    # As the images are compiled: without the plugin, which other members of the workspace turn on.
    sed -i 's/^default = \["plugin"\]$/default = []/; s/^test-clock = .*/test-clock = []/' Cargo.toml crates/kubectl-twinconsent/Cargo.toml
    CARGO_NET_OFFLINE=true "$cache/bin/cargo-cyclonedx" cyclonedx --quiet --format json --spec-version 1.5 \
        --describe binaries --no-build-deps --target "$target"
)

# bill PROGRAM FILE [ARGUMENT…]
bill() {
    local of=$1 file=$2
    shift 2
    cargo run --locked --quiet --package packaging -- bill --workspace "$copy" --c-library "$c_library" "$@" <"$of" >"$file"
    echo "$file"
}
cd "$workspace"
bill "$copy/twinconsent-operator_bin.cdx.json" "dist/twinconsent-operator$suffix.cdx.json" --certificates
bill "$copy/crates/heygen-simulator/heygen-simulator_bin.cdx.json" "dist/heygen-simulator$suffix.cdx.json"
