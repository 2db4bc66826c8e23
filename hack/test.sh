#!/usr/bin/env bash
# Every test of the workspace, against a real API server; what is missing for that is built first, or fails here.
# Only the tests of the installed product are not among them: `make e2e`.
#
# Interrupted, it says so, ends what it has started, and keeps what was compiled: the next run goes on from there.
set -euo pipefail
cd "$(dirname "$0")/.."

# Suites mostly wait, for intervals and deadlines that are real. So there are two lanes: these suites, one after the other, beside all
# others; both take about as long. A suite that is not named here runs with the others.
beside=(accounts chaos chart documents flux leader)
without=(image install node) # they need images and a node: `make e2e`

command -v cargo >/dev/null || { echo "There is no cargo: install Rust from https://rustup.rs, then run this again." >&2; exit 1; }
command -v go >/dev/null || { echo "There is no Go: install it from https://go.dev/dl, then run this again." >&2; exit 1; }
command -v git >/dev/null || { echo "There is no git, from which Flux deploys in the tests: install it, then run this again." >&2; exit 1; }

target=${CARGO_TARGET_DIR:-target}
logs=$target/twinconsent-test
mkdir -p "$logs"

echo "== Building: first what builds the rest, a minute or two at first; then it can be said how long all takes"
cargo build --locked --workspace --bin controlplane
controlplane=$target/debug/controlplane

echo "== Building the tests, and the programs of the control plane, of the chart and of Flux (after $SECONDS s)"
echo "   Once all is built, the tests take $("$controlplane" usual "$logs")."
"$controlplane" tools etcd etcdutl kube-apiserver kube-controller-manager kubectl \
    setup-envtest helm helm3 helm-unittest helm-docs kubeconform kube-score promtool flux-source-controller flux-kustomize-controller \
    -- test --workspace --locked --no-run >/dev/null
cargo test --workspace --locked --no-run >"$logs/executables" 2>&1 || { cat "$logs/executables" >&2; exit 1; }

# A test of whole lifecycles mostly waits, so more of them run at once than there are cores; RUST_TEST_THREADS overrides.
export RUST_TEST_THREADS=${RUST_TEST_THREADS:-4}

# Asked for a test target without a name, cargo lists them all, indented.
mapfile -t suites < <(cargo test --workspace --locked --test 2>&1 | sed -n 's/^    //p')
first='' second=''
for suite in "${suites[@]}"; do
    case " ${without[*]} " in *" $suite "*) continue ;; esac
    case " ${beside[*]} " in
    *" $suite "*) second+=" --test $suite" ;;
    *) first+=" --test $suite" ;;
    esac
done
if [ -z "$first" ] || [ "$(wc -w <<<"$second")" -ne $((2 * ${#beside[@]})) ]; then # each has two words
    echo "cargo does not know the suites ${beside[*]}; it knows: ${suites[*]}" >&2
    exit 1
fi

# Every test binary runs, also after one that failed. Each lane names the whole workspace: of a part of it, cargo would build the
# dependencies once more, with the features that this part alone asks for. The third lane tests with Go what the libraries of others make
# of the objects in examples/gitops, which the tests of whole lifecycles compare with what the operator writes.
tests='cargo test --locked --no-fail-fast'
# shellcheck disable=SC2016 # the lane expands it
go='status=0; for module in kstatus argo-cd; do
    echo "== Go: tests/gitops/$module"
    (cd "tests/gitops/$module" && CGO_ENABLED=0 GOWORK=off GOFLAGS=-mod=readonly go test -trimpath -count=1 -v ./...) || status=$?
done'
echo "== Running the tests (after $SECONDS s); ${beside[*]} beside the others"
"$controlplane" suite --dir "$logs" --executables "$logs/executables" "${without[@]/#/--without=}" \
    "status=0; $tests --workspace --lib --bins$first || status=\$?; $tests --workspace --doc || status=\$?; exit \$status" \
    "$tests --workspace$second" \
    "$go; exit \$status"
