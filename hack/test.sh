#!/usr/bin/env bash
# Every test of the workspace, against a real API server; what is missing for that is built first, or fails here.
# Only the tests of the installed product are not among them: `make e2e`.
#
# Interrupted, it says so, ends what it has started, and keeps what was compiled: the next run goes on from there.
set -euo pipefail
cd "$(dirname "$0")/.."

# Suites mostly wait, for intervals and deadlines that are real. So there are three lanes, each of which takes its suites one after the
# other; all take about as long. The tests of the second do little but wait, so more of them run at once; a thousand consents at a time
# are in the third. A suite that is not named here runs in the first, with those that compute.
second=(accounts answers e2e landing leader plugin)
third=(chaos chart)
without=(image install node) # they need images and a node: `make e2e`

command -v cargo >/dev/null || { echo "There is no cargo: install Rust from https://rustup.rs, then run this again." >&2; exit 1; }
command -v go >/dev/null || { echo "There is no Go: install it from https://go.dev/dl, then run this again." >&2; exit 1; }
command -v git >/dev/null || { echo "There is no git, from which Flux deploys in the tests: install it, then run this again." >&2; exit 1; }
command -v npm >/dev/null || { echo "There is no npm, by which axe comes: install Node.js from https://nodejs.org, then run this again." >&2; exit 1; }

target=${CARGO_TARGET_DIR:-target}
logs=$target/twinconsent-test
mkdir -p "$logs"

echo "== Building: first what builds the rest, a minute or two at first; then it can be said how long all takes"
cargo build --locked --workspace --bin controlplane
controlplane=$target/debug/controlplane

echo "== Building the tests, and the programs of the control plane, of the chart and of Flux (after $SECONDS s)"
echo "   Once all is built, the tests take $("$controlplane" usual "$logs")."
"$controlplane" tools etcd etcdutl kube-apiserver kube-controller-manager kubectl \
    setup-envtest helm helm3 helm-unittest helm-docs kubeconform kube-score promtool victoria-logs flux-source-controller flux-kustomize-controller chromium \
    -- test --workspace --locked --no-run >/dev/null
cargo test --workspace --locked --no-run >"$logs/executables" 2>&1 || { cat "$logs/executables" >&2; exit 1; }

# How many tests run at once: more than there are cores, for most of them wait; RUST_TEST_THREADS overrides both.
waiting=${RUST_TEST_THREADS:-6}
export RUST_TEST_THREADS=${RUST_TEST_THREADS:-4}

# Asked for a test target without a name, cargo lists them all, indented.
mapfile -t suites < <(cargo test --workspace --locked --test 2>&1 | sed -n 's/^    //p')
declare -A lanes=()
for suite in "${suites[@]}"; do
    case " ${without[*]} " in *" $suite "*) continue ;; esac
    lane=first
    case " ${second[*]} " in *" $suite "*) lane=second ;; esac
    case " ${third[*]} " in *" $suite "*) lane=third ;; esac
    lanes[$lane]+=" --test $suite"
done
known=$(wc -w <<<"${lanes[second]:-} ${lanes[third]:-}")
if [ -z "${lanes[first]:-}" ] || [ "$known" -ne $((2 * (${#second[@]} + ${#third[@]}))) ]; then # each has two words
    echo "cargo does not know the suites ${second[*]} ${third[*]}; it knows: ${suites[*]}" >&2
    exit 1
fi

# Helm and kubectl are started a thousand times, and live too briefly for a search for what they could free.
export GOGC=${GOGC:-400}

# Every test binary runs, also after one that failed. Each lane names the whole workspace: of a part of it, cargo would build the
# dependencies once more, with the features that this part alone asks for. The fourth lane tests with Go what the libraries of others make
# of the objects in examples/gitops, which the tests of whole lifecycles compare with what the operator writes, and of recorded audit events.
tests='cargo test --locked --no-fail-fast'
# shellcheck disable=SC2016 # the lane expands it
go='status=0; for module in tests/cloudevents tests/gitops/kstatus tests/gitops/argo-cd examples/receivers; do
    echo "== Go: $module"
    (cd "$module" && CGO_ENABLED=0 GOWORK=off GOFLAGS=-mod=readonly go test -trimpath -count=1 -v ./...) || status=$?
done'
echo "== Running the tests (after $SECONDS s): ${second[*]}, and ${third[*]}, beside the others"
"$controlplane" suite --dir "$logs" --executables "$logs/executables" "${without[@]/#/--without=}" \
    "status=0; $tests --workspace --lib --bins${lanes[first]} || status=\$?; $tests --workspace --doc || status=\$?; exit \$status" \
    "RUST_TEST_THREADS=$waiting $tests --workspace${lanes[second]}" \
    "$tests --workspace${lanes[third]}" \
    "$go; exit \$status"
