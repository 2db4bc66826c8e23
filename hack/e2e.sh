#!/usr/bin/env bash
# The installed product, as users meet it: the images are built and checked, and installed by Helm on a real node with real pods.
# Beside that, the lifecycles run on the oldest Kubernetes that we support.
#
#   make e2e                   on Linux, as root: with a node of its own, which ends with it; nothing is installed on the machine
#   KUBECONFIG=… make e2e      on an existing cluster, which must have the images already (docs/images.md); only the installation
set -euo pipefail
cd "$(dirname "$0")/.."

command -v cargo >/dev/null || { echo "There is no cargo: install Rust from https://rustup.rs, then run this again." >&2; exit 1; }

logs=$(mktemp -d "${TMPDIR:-/tmp}/twinconsent-e2e.XXXXXX")
declare -A beside=()         # what runs beside the rest, each in a process group of its own, so that it ends as a whole
trap 'for group in "${beside[@]}"; do kill -- "-$group" 2>/dev/null || true; done; rm -rf "$logs"' EXIT
failed=0
# The story is told while it happens.
tests() { cargo test --locked --no-fail-fast "$@" 2>&1 | tee -a "$logs/node" || failed=1; }
# begin NAME VARIABLE=VALUE… ARGUMENT…: tests beside the rest; `end NAME TITLE` waits for them, and shows what they said.
begin() {
    local name=$1 settings=()
    shift
    while [[ $1 == *=* ]]; do
        settings+=("$1")
        shift
    done
    setsid env "${settings[@]}" cargo test --locked --no-fail-fast "$@" >"$logs/$name" 2>&1 &
    beside[$name]=$!
}
end() {
    wait "${beside[$1]}" || failed=1
    unset "beside[$1]"
    echo "== $2 (until $SECONDS s)"
    cat "$logs/$1"
}

if [ -n "${KUBECONFIG:-}" ]; then
    # The other installations need a registry in the cluster's network, policies of the whole cluster, and no definitions of ours.
    echo "== Installed on the cluster of KUBECONFIG"
    tests --workspace --test install with_helm_ -- --test-threads=1 --nocapture
else
    [ "$(uname -s)" = Linux ] && [ "$(id -u)" = 0 ] ||
        { echo "A node of its own takes Linux and root: run this as root, or set KUBECONFIG to use a cluster." >&2; exit 1; }
    command -v go >/dev/null || { echo "There is no Go: install it from https://go.dev/dl, then run this again." >&2; exit 1; }

    echo "== The programs of a node, and both Helms"
    cargo build --locked --quiet --workspace --bin controlplane
    "${CARGO_TARGET_DIR:-target}/debug/controlplane" tools >/dev/null

    echo "== Building the tests (after $SECONDS s)"
    cargo test --locked --workspace --test crds --test e2e --test image --test install --no-run

    # All of it waits more than it computes, so much of it happens at once. Without the large objects: `make test` lists them both ways,
    # also by pages, as the oldest does, and they take a gigabyte or more.
    echo "== The images (after $SECONDS s); the lifecycles on the oldest Kubernetes beside all, shown in the end"
    begin oldest TWINCONSENT_TEST_KUBERNETES=oldest "RUST_TEST_THREADS=${RUST_TEST_THREADS:-12}" \
        --workspace --test crds --test e2e -- --skip large_objects::
    # That two builds give the same bytes takes a second build: `make image-check`.
    hack/image.sh
    tests --workspace --test image

    # The documents are followed on a node of their own. One of them builds the images once more: not before these were tested.
    echo "== The node (after $SECONDS s); installed as the documents say on another one beside it, shown after it"
    begin documents --workspace --test install -- --skip with_helm_ --test-threads=1 --nocapture
    tests --workspace --features controlplane/node-tests --test node

    echo "== Installed on one (after $SECONDS s)"
    tests --workspace --test install with_helm_ -- --test-threads=1 --nocapture

    end documents "Installed as the documents say"
    end oldest "The lifecycles on the oldest Kubernetes"
fi

echo "== Done (after $SECONDS s)"
awk -v failures="$failed" '
    /^test result:/ { passed += $4; failed += $6; skipped += $8 }
    END {
        if (failures && failed == 0) print "Something could not be built or run: see above."
        if (passed == 0) { print "No test ran."; failures = 1 }
        printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
        exit failures || failed > 0
    }' "$logs"/*
