#!/usr/bin/env bash
# Every test of the workspace, against a real API server; what is missing for that is built first, or fails here.
# Only the tests of the installed product are not among them: `make e2e`.
set -euo pipefail
cd "$(dirname "$0")/.."

# Suites mostly wait, for intervals and deadlines that are real. So there are two lanes: these suites, one after the other, beside all
# others; both take about as long. A suite that is not named here runs with the others.
beside=(chaos flux gates leader)

command -v cargo >/dev/null || { echo "There is no cargo: install Rust from https://rustup.rs, then run this again." >&2; exit 1; }
command -v go >/dev/null || { echo "There is no Go: install it from https://go.dev/dl, then run this again." >&2; exit 1; }
command -v git >/dev/null || { echo "There is no git, from which Flux deploys in the tests: install it, then run this again." >&2; exit 1; }

logs=$(mktemp -d "${TMPDIR:-/tmp}/twinconsent-test.XXXXXX")
trap 'rm -rf "$logs"' EXIT
status=0

echo "== The programs of the control plane, of the chart and of Flux"
cargo run --locked --quiet --package controlplane -- tools etcd etcdutl kube-apiserver kube-controller-manager kubectl \
    setup-envtest helm helm3 helm-unittest helm-docs kubeconform kube-score promtool flux-source-controller flux-kustomize-controller

echo "== Building the tests (after $SECONDS s)"
cargo test --workspace --locked --no-run

# What the libraries of others make of the objects in examples/gitops, which the tests of whole lifecycles compare with what the
# operator writes. Go's lines about each row are worth reading only when one fails.
for module in kstatus argo-cd; do
    echo "== Go: tests/gitops/$module, minutes at first (after $SECONDS s)"
    (cd "tests/gitops/$module" && CGO_ENABLED=0 GOWORK=off GOFLAGS=-mod=readonly go test -trimpath -count=1 -v ./...) >"$logs/$module" 2>&1 ||
        { status=$?; cat "$logs/$module"; }
done

# A test of whole lifecycles mostly waits, so more of them run at once than there are cores; RUST_TEST_THREADS overrides.
export RUST_TEST_THREADS=${RUST_TEST_THREADS:-4}

# Asked for a test target without a name, cargo lists them all, indented.
mapfile -t suites < <(cargo test --package twinconsent --locked --test 2>&1 | sed -n 's/^    //p')
first=() second=()
for suite in "${suites[@]}"; do
    case $suite in image | install) continue ;; esac # they need images and a node: `make e2e`
    case " ${beside[*]} " in
    *" $suite "*) second+=(--test "$suite") ;;
    *) first+=(--test "$suite") ;;
    esac
done
[ "${#first[@]}" -gt 0 ] && [ "${#second[@]}" -eq $((2 * ${#beside[@]})) ] ||
    { echo "cargo does not know the suites ${beside[*]}; it knows: ${suites[*]}" >&2; exit 1; }

# Every test binary runs, also after one that failed.
failed=0
lane() { cargo test --locked --no-fail-fast "$@" || failed=1; }

echo "== Running the tests (after $SECONDS s); ${beside[*]} beside the others, shown after them"
(lane --package twinconsent "${second[@]}"; echo "== They took until $SECONDS s"; exit "$failed") >"$logs/second" 2>&1 &
second_lane=$!
{
    lane --workspace --exclude twinconsent
    lane --package twinconsent --lib --bins "${first[@]}"
    lane --package twinconsent --doc
    exit "$failed"
} 2>&1 | tee "$logs/first" || status=$?
wait "$second_lane" || status=$?
cat "$logs/second"

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
    }' "$logs"/*
