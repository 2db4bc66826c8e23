#!/usr/bin/env bash
# Every test of the workspace, against a real API server; what is missing for that is built first, or fails here.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v cargo >/dev/null || { echo "There is no cargo: install Rust from https://rustup.rs, then run this again." >&2; exit 1; }

echo "== The programs of the control plane"
cargo run --locked --quiet --package controlplane -- tools etcd kube-apiserver kube-controller-manager kubectl \
    helm helm3 helm-unittest helm-docs kubeconform kube-score

echo "== Building the tests (after $SECONDS s)"
cargo test --workspace --locked --no-run

echo "== Running the tests (after $SECONDS s)"
log=$(mktemp "${TMPDIR:-/tmp}/twinconsent-test.XXXXXX")
trap 'rm -f "$log"' EXIT
status=0
# Every test binary runs, also after one that failed. A test of whole lifecycles mostly waits, so more of them run at once
# than there are cores; RUST_TEST_THREADS overrides.
RUST_TEST_THREADS=${RUST_TEST_THREADS:-4} cargo test --workspace --locked --no-fail-fast 2>&1 | tee "$log" || status=$?

echo "== Done (after $SECONDS s)"
awk -v status="$status" '
    /^test result:/ { passed += $4; failed += $6; skipped += $8 }
    END {
        if (status != 0 && failed == 0) print "cargo test failed: see above."
        if (passed == 0) { print "No test ran."; status = 1 }
        printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
        exit status != 0 || failed > 0
    }' "$log"
