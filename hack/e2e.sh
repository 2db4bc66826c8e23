#!/usr/bin/env bash
# The installed product, as users meet it: the images are built and checked, and installed by Helm on a real node with real pods.
# Then the lifecycles run on the oldest Kubernetes that we support.
#
#   make e2e                   on Linux, as root: with a node of its own, which ends with it; nothing is installed on the machine
#   KUBECONFIG=… make e2e      on an existing cluster, which must have the images already (docs/images.md); only the installation
set -euo pipefail
cd "$(dirname "$0")/.."

command -v cargo >/dev/null || { echo "There is no cargo: install Rust from https://rustup.rs, then run this again." >&2; exit 1; }

logs=$(mktemp -d "${TMPDIR:-/tmp}/twinconsent-e2e.XXXXXX")
oldest=''                    # what runs beside the node, in a process group of its own, so that it ends as a whole
trap '[ -z "$oldest" ] || kill -- "-$oldest" 2>/dev/null || true; rm -rf "$logs"' EXIT
failed=0
# The story is told while it happens.
tests() { cargo test --locked --no-fail-fast "$@" 2>&1 | tee -a "$logs/node" || failed=1; }

if [ -n "${KUBECONFIG:-}" ]; then
    # The other installations need a registry in the cluster's network, policies of the whole cluster, and no definitions of ours.
    echo "== Installed on the cluster of KUBECONFIG"
    tests --package twinconsent --test install with_helm_ -- --test-threads=1 --nocapture
else
    [ "$(uname -s)" = Linux ] && [ "$(id -u)" = 0 ] ||
        { echo "A node of its own takes Linux and root: run this as root, or set KUBECONFIG to use a cluster." >&2; exit 1; }
    command -v go >/dev/null || { echo "There is no Go: install it from https://go.dev/dl, then run this again." >&2; exit 1; }

    echo "== The programs of a node, and both Helms"
    cargo run --locked --quiet --package controlplane -- tools >/dev/null

    echo "== The images (after $SECONDS s)"
    # That two builds give the same bytes takes a second build: `make image-check`.
    hack/image.sh
    tests --package twinconsent --test image

    echo "== Building the tests (after $SECONDS s)"
    cargo test --locked --package twinconsent --test crds --test e2e --test install --no-run

    # Without the large objects: `make test` lists them both ways, also by pages, as the oldest does, and they take a gigabyte or more.
    echo "== The node (after $SECONDS s); the lifecycles on the oldest Kubernetes beside it, shown after it"
    TWINCONSENT_TEST_KUBERNETES=oldest RUST_TEST_THREADS=${RUST_TEST_THREADS:-4} \
        setsid cargo test --locked --no-fail-fast --package twinconsent --test crds --test e2e -- --skip large_objects:: >"$logs/oldest" 2>&1 &
    oldest=$!
    tests --package controlplane --features node-tests --test node

    echo "== Installed on it (after $SECONDS s)"
    tests --package twinconsent --test install -- --test-threads=1 --nocapture

    wait "$oldest" || failed=1
    oldest=''
    echo "== The lifecycles on the oldest Kubernetes (until $SECONDS s)"
    cat "$logs/oldest"
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
