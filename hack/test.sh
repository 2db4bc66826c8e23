#!/usr/bin/env bash
# Every test of the workspace, against a real API server; what is missing for that is built first, or fails here.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v cargo >/dev/null || { echo "There is no cargo: install Rust from https://rustup.rs, then run this again." >&2; exit 1; }

command -v go >/dev/null || { echo "There is no Go: install it from https://go.dev/dl, then run this again." >&2; exit 1; }
command -v git >/dev/null || { echo "There is no git, from which Flux deploys in the tests: install it, then run this again." >&2; exit 1; }

log=$(mktemp "${TMPDIR:-/tmp}/twinconsent-test.XXXXXX")
trap 'rm -f "$log" "$log.go"' EXIT
status=0

echo "== The programs of the control plane, and Flux"
cargo run --locked --quiet --package controlplane -- \
    tools etcd kube-apiserver kube-controller-manager kubectl flux-source-controller flux-kustomize-controller

echo "== Building the tests (after $SECONDS s)"
cargo test --workspace --locked --no-run

# What the libraries of others make of the objects in examples/gitops, which the tests of whole lifecycles compare with what the
# operator writes. Go's lines about each row are worth reading only when one fails.
for module in tests/gitops/kstatus tests/gitops/argo-cd; do
    echo "== Go: $module, minutes at first (after $SECONDS s)"
    (cd "$module" && CGO_ENABLED=0 GOWORK=off GOFLAGS=-mod=readonly go test -trimpath -count=1 -v ./...) >"$log.go" 2>&1 ||
        { status=$?; cat "$log.go"; }
    cat "$log.go" >>"$log"
done

echo "== Running the tests (after $SECONDS s)"
# Every test binary runs, also after one that failed. A test of whole lifecycles mostly waits, so more of them run at once
# than there are cores; RUST_TEST_THREADS overrides.
RUST_TEST_THREADS=${RUST_TEST_THREADS:-4} cargo test --workspace --locked --no-fail-fast 2>&1 | tee -a "$log" || status=$?

echo "== Done (after $SECONDS s)"
awk -v status="$status" '
    /^test result:/ { passed += $4; failed += $6; skipped += $8 }
    /^ *--- PASS:/ { passed++ }
    /^ *--- FAIL:/ { failed++ }
    /^ *--- SKIP:/ { skipped++ }
    END {
        if (status != 0 && failed == 0) print "The tests could not be built or run: see above."
        if (passed == 0) { print "No test ran."; status = 1 }
        printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
        exit status != 0 || failed > 0
    }' "$log"
