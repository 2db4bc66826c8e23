#!/usr/bin/env bash
# The demo: a DigitalTwinConsent goes from applied to linked to approved, on a real Kubernetes API server.
#
#   make demo                  with a control plane of its own, which ends with the demo
#   KUBECONFIG=… make demo     in that cluster's current context; removes what it has created
#   DEMO_KEEP=1 make demo      goes on running after the approval, until Ctrl-C
#
# On a terminal the person is you; without one, or with CI set, the script plays the person.
# Nobody is asked anything, and no port is fixed.
set -euo pipefail
cd "$(dirname "$0")/.."

namespace=twinconsent-demo   # where the operator's Secret and the consent live, in whatever cluster
label=twinconsent.io/demo    # on everything that the demo creates outside its namespace
key='heygen-simulator-demo-key'
consent=ada                  # of examples/minimal.yaml
group=5f2c8e0b9d3a4c71ada
user_no_color=${NO_COLOR:-}  # as the user has it, for what they see
patience=120                 # seconds that a person at a terminal has, before the script plays them

# --- what a person sees ------------------------------------------------------

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
else
    bold='' dim='' green='' red='' plain=''
fi

title() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
done_() { printf '%s✓%s %s\n' "$green" "$plain" "$*"; }
note() { printf '%s  %s%s\n' "$dim" "$*" "$plain"; }
command_line() { printf '\n%s$ %s%s\n' "$bold" "$*" "$plain"; }

fail() {
    printf '\n%s✗ %s%s\n' "$red" "$*" "$plain" >&2
    exit 1
}

# --- what runs, and how it ends ----------------------------------------------

work=$(mktemp -d "${TMPDIR:-/tmp}/twinconsent-demo.XXXXXX")
plane_pid='' simulator_pid='' operator_pid='' watch_pid=''
created=''                   # "yes" while there may be something to remove from an existing cluster

# Executes a program in the place of the shell, which has to be one of its own: `… &`, or parentheses.
# The operator and the simulator talk on this machine, whatever proxy leads elsewhere; kubectl may need one to reach its cluster.
without_proxies() {
    exec env -u HTTPS_PROXY -u https_proxy -u HTTP_PROXY -u http_proxy -u ALL_PROXY -u all_proxy -u NO_PROXY -u no_proxy "$@"
}

# `kubectl twinconsent`, as kubectl would call it. It goes by proxies to loopback as well, so it has none to the demo's own control plane.
plugin() {
    local program=("$bin/kubectl-twinconsent" "$@" --namespace "$namespace")
    (
        export NO_COLOR=$user_no_color
        if [ -n "$plane_pid" ]; then without_proxies "${program[@]}"; else exec "${program[@]}"; fi
    )
}

# Ends a process of ours and waits for it.
stop() {
    [ -n "$1" ] || return 0
    kill "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
}

clean_up() {
    status=$?
    trap - EXIT
    trap '' INT TERM HUP     # once begun, the cleaning is not interrupted
    stop "$watch_pid"
    stop "$operator_pid"
    if [ "$created" = yes ]; then
        remove_all || printf '%s✗ Could not remove everything from the cluster; run the demo again to clean up.%s\n' "$red" "$plain" >&2
    fi
    stop "$simulator_pid"
    stop "$plane_pid"
    rm -f "$work/kubeconfig" # it may hold the user's credentials
    case $status in
    0 | 130 | 143) rm -rf "$work" ;;
    *) if ls "$work"/*.log >/dev/null 2>&1; then printf '  The logs are in %s\n' "$work" >&2; else rm -rf "$work"; fi ;;
    esac
    exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Waits for a line in a log: await SECONDS PID NAME PATTERN FILE.
await() {
    local seconds=$1 pid=$2 name=$3 pattern=$4 file=$5 tries=0
    until grep -q "$pattern" "$file" 2>/dev/null; do
        kill -0 "$pid" 2>/dev/null || fail_with_log "$name ended before it was ready." "$file"
        tries=$((tries + 1))
        [ "$tries" -lt $((seconds * 5)) ] || fail_with_log "$name was not ready within $seconds s." "$file"
        sleep 0.2
    done
}

fail_with_log() {
    printf '\nThe last lines of %s:\n' "$2" >&2
    tail -n 15 "$2" >&2 || true
    fail "$1"
}

check_alive() {
    kill -0 "$operator_pid" 2>/dev/null || fail_with_log "The operator ended." "$work/operator.log"
    kill -0 "$simulator_pid" 2>/dev/null || fail_with_log "The simulator ended." "$work/simulator.log"
    [ -z "$plane_pid" ] || kill -0 "$plane_pid" 2>/dev/null || fail "The control plane ended."
}

# --- the cluster -------------------------------------------------------------

remove_all() {
    note "removing what the demo has created …"
    "$kubectl" delete clusterheygenaccounts -l "$label" --ignore-not-found >/dev/null 2>&1 || true
    "$kubectl" delete namespace "$namespace" --ignore-not-found --timeout=60s >/dev/null &&
        "$kubectl" delete customresourcedefinitions -l "$label" --ignore-not-found --timeout=60s >/dev/null
}

# In a cluster of the user's nothing is overwritten that a demo before this one has not left behind.
refuse_to_overwrite() {
    if [ "$context" = controlplane ] || [[ $KUBECONFIG == */twinconsent-demo.*/kubeconfig ]]; then
        fail "KUBECONFIG is that of a demo that still runs. End that one with Ctrl-C, or unset KUBECONFIG."
    fi
    if [ -n "$("$kubectl" get namespace "$namespace" -o name --ignore-not-found)" ] &&
        [ -z "$("$kubectl" get namespace -l "$label" -o name --field-selector "metadata.name=$namespace")" ]; then
        fail "The namespace $namespace exists and is not the demo's. Remove it, or choose another cluster."
    fi
    local crds
    crds=$("$kubectl" get customresourcedefinitions -o name | grep 'twinconsent\.io$' || true)
    [ -n "$crds" ] || return 0
    if [ -z "$("$kubectl" get customresourcedefinitions -l "$label" -o name)" ]; then
        fail "TwinConsent is installed in this cluster already: the demo would get in its way. Choose another cluster, or unset KUBECONFIG."
    fi
    remove_all || fail "Could not remove what a demo before has left: see above. Remove the namespace $namespace, then run this again."
}

# --- the person --------------------------------------------------------------

reason() {
    "$kubectl" -n "$namespace" get digitaltwinconsent "$consent" \
        -o 'jsonpath={.status.conditions[?(@.type=="Ready")].reason}'
}

await_reason() {
    local wanted=$1 seconds=$2 tries=0
    until [ "$(reason)" = "$wanted" ]; do
        check_alive
        tries=$((tries + 1))
        [ "$tries" -lt $((seconds * 5)) ] || fail_with_log "$consent did not become $wanted within $seconds s; it is $(reason)." "$work/operator.log"
        sleep 0.2
    done
}

# The watch is for the eye only: one that is slow stops nothing.
await_shown() {
    local tries=0
    until grep -q "$1" "$work/watch.log" || [ "$tries" -eq 50 ]; do
        tries=$((tries + 1))
        sleep 0.1
    done
}

# Until the person has consented in the browser, or Enter was pressed, or patience is at its end.
await_person() {
    local waited=0
    while [ "$waited" -lt "$patience" ]; do
        if read -r -t 1; then
            return 0
        fi
        check_alive
        [ "$(reason)" != Approved ] || return 0
        waited=$((waited + 1))
    done
}

play_person() {
    (without_proxies "$bin/heygen-simulator" person "$1" --consents) >"$work/person.log" 2>&1 ||
        { [ "$(reason)" = Approved ] || fail_with_log "The person could not consent." "$work/person.log"; }
}

# --- build -------------------------------------------------------------------

title "TwinConsent: from kubectl apply to Approved"
command -v cargo >/dev/null || fail "There is no cargo: install Rust from https://rustup.rs, then run this again."

# First what builds the rest and can say how long that takes, out of the same packages as the rest, so that cargo needs no crate twice.
packages=(-p twinconsent -p kubectl-twinconsent -p controlplane -p heygen-simulator)
note "building: first what builds the rest, a minute or two at first"
cargo build --locked "${packages[@]}" --bin controlplane || fail "cargo build failed: see above."
export RUST_BACKTRACE=0     # a message says what to do; a backtrace hides it
bin=${CARGO_TARGET_DIR:-target}/debug

programs=(etcd kube-apiserver kubectl)
if [ -n "${KUBECONFIG:-}" ]; then
    # Of the programs, an existing cluster needs kubectl at most.
    programs=(kubectl)
    ! command -v kubectl >/dev/null || KUBEBUILDER_ASSETS=$(dirname "$(command -v kubectl)")
    export KUBEBUILDER_ASSETS=${KUBEBUILDER_ASSETS:-}
fi
# Downloads or builds those, and has cargo build meanwhile.
"$bin/controlplane" tools "${programs[@]}" -- build --locked "${packages[@]}" --bins >"$work/tools" || {
    status=$?
    [ "$status" -ne 130 ] || exit 130
    fail "Not everything could be built: see above."
}
kubectl=$(sed -n "s/^kubectl$(printf '\t')//p" "$work/tools")
done_ "built the operator, kubectl twinconsent, the HeyGen simulator and the control plane"

if [ -n "${KUBECONFIG:-}" ]; then
    context=$("$kubectl" config current-context) || fail "KUBECONFIG is set, but $KUBECONFIG names no current context; unset it for a control plane of the demo's own."
    "$kubectl" get --raw /readyz >/dev/null || fail "The cluster of context $context does not answer."
    refuse_to_overwrite
    created=yes
    done_ "using the cluster of context ${bold}$context${plain}, because KUBECONFIG is set"
else
    "$bin/controlplane" up >"$work/kubeconfig.path" 2>"$work/controlplane.log" &
    plane_pid=$!
    await 120 "$plane_pid" "The control plane" . "$work/kubeconfig.path"
    KUBECONFIG=$(cat "$work/kubeconfig.path")
    KUBECACHEDIR=$work/cache
    export KUBECONFIG KUBECACHEDIR
    done_ "started a Kubernetes API server, $("$kubectl" version | sed -n 's/^Server Version: //p')"
fi

# --- HeyGen, the definitions, the account, the operator ----------------------

export NO_COLOR=1            # for the logs

without_proxies "$bin/heygen-simulator" serve --listen 127.0.0.1:0 --review-time 1s --group "$group=Ada Lovelace" --group grace --group hedy \
    2>"$work/simulator.log" &
simulator_pid=$!
await 20 "$simulator_pid" "The simulator" 'base_url=' "$work/simulator.log"
heygen=$(sed -n 's/.*base_url="\{0,1\}\([^" ]*\).*/\1/p' "$work/simulator.log" | head -n 1)
done_ "started the simulator of HeyGen, $heygen"

"$kubectl" apply -f crds/ >"$work/apply.log" 2>&1 || fail_with_log "The definitions were not accepted." "$work/apply.log"
"$kubectl" label -f crds/ "$label=" >/dev/null
"$kubectl" wait --for=condition=Established -f crds/ --timeout=60s >/dev/null || fail "The definitions are not served."
"$kubectl" create namespace "$namespace" >/dev/null
"$kubectl" label namespace "$namespace" "$label=" >/dev/null
"$kubectl" apply -f - >"$work/apply.log" 2>&1 <<YAML || fail_with_log "The account was not accepted." "$work/apply.log"
apiVersion: v1
kind: Secret
metadata: {name: heygen, namespace: $namespace}
stringData: {apiKey: $key}
---
apiVersion: twinconsent.io/v1alpha1
kind: ClusterHeyGenAccount
metadata: {name: default, labels: {$label: ""}}
spec:
  apiKeySecretRef: {name: heygen, key: apiKey}
  polling: {interval: 1s, minimum: 1s}
YAML
done_ "applied crds/, a Secret with the API key and the ClusterHeyGenAccount default"

arguments=(--heygen-base-url "$heygen" --allow-insecure-base-url --listen 127.0.0.1:0 --debug-listen 127.0.0.1:0
    --operator-namespace "$namespace" --shutdown-grace 5s --audit-log "$work/audit.log")
# A cluster of the user's has other namespaces, which are none of the demo's business.
[ -n "$plane_pid" ] || arguments+=(--watch-namespaces "$namespace")
without_proxies "$bin/twinconsent-operator" run "${arguments[@]}" 2>"$work/operator.log" &
operator_pid=$!
await 60 "$operator_pid" "The operator" 'every watch is synced' "$work/operator.log"
done_ "started the operator"

# --- the consent -------------------------------------------------------------

command_line kubectl apply -f examples/minimal.yaml
"$kubectl" -n "$namespace" apply -f examples/minimal.yaml || fail "examples/minimal.yaml was not accepted."

command_line kubectl get dtc -w
"$kubectl" -n "$namespace" get dtc -w > >(tee "$work/watch.log") 2>&1 &
watch_pid=$!

await_reason AwaitingApproval 60
await_shown AwaitingApproval
stop "$watch_pid"
watch_pid=''

command_line kubectl twinconsent status "$consent"
plugin status "$consent" || fail "The plugin cannot show the consent."
command_line kubectl twinconsent link "$consent" --qr
plugin link "$consent" --qr || fail "The plugin cannot show the link."
link=$(plugin link "$consent" 2>/dev/null) || fail "The plugin cannot show the link."
printf '\n'
if [ -t 0 ] && [ -t 1 ] && [ -z "${CI:-}" ]; then
    printf 'Open the link in a browser and give consent,\nor press Enter and the script plays the person (it does so after %s s anyway).\n\n' "$patience"
    await_person
else
    printf 'Nobody is at a terminal: the script plays the person.\n\n'
fi
[ "$(reason)" = Approved ] || play_person "$link"
command_line kubectl twinconsent wait "$consent"
plugin wait "$consent" --timeout 60s || fail_with_log "$consent is not permitted." "$work/operator.log"
command_line kubectl get dtc
"$kubectl" -n "$namespace" get dtc

printf '\n'
done_ "${bold}Approved.${plain} A pipeline that runs \`kubectl twinconsent wait $consent\` goes on now."

# --- the evidence ------------------------------------------------------------

command_line "kubectl twinconsent export $consent --audit-log audit.log > evidence.jsonl"
plugin export "$consent" --audit-log "$work/audit.log" >"$work/evidence.jsonl" || fail "The plugin cannot export the evidence."
command_line kubectl twinconsent verify evidence.jsonl
plugin verify "$work/evidence.jsonl" || fail "The evidence does not hold."

if [ "${DEMO_KEEP:-}" != 1 ]; then
    printf '\n%sPlay on:%s DEMO_KEEP=1 make demo   keeps it all running and says what to try.\n' "$bold" "$plain"
    exit 0
fi

trap 'exit 0' INT            # now it is how the demo ends

served='the operator serves no other.'
[ -z "$plane_pid" ] || served='the operator serves every other, too (-n default).'

# For the other terminal: this context alone, with the demo's namespace, so that kubectl and its plugin need no flag for it.
"$kubectl" config view --raw --minify --flatten >"$work/kubeconfig"
"$kubectl" --kubeconfig "$work/kubeconfig" config set-context --current --namespace="$namespace" >/dev/null

cat <<EOF

${bold}Play on${plain}, in another terminal; everything runs until you press Ctrl-C here:

  cd "$PWD"
  export KUBECONFIG="$work/kubeconfig" PATH="$(cd "$bin" && pwd):$(cd "$(dirname "$kubectl")" && pwd):\$PATH"

  kubectl get dtc $consent -o yaml   # conditions, times, history
  kubectl explain dtc.spec      # every field
  sed 's/$group/grace/; s/: $consent\$/: grace/' examples/minimal.yaml | kubectl apply -f -
  kubectl wait dtc/grace --for=jsonpath='{.status.url}'
  kubectl twinconsent list      # and status, link, withdraw, …
  heygen-simulator person "\$(kubectl twinconsent link grace)" --declines
  kubectl twinconsent import --operator-namespace $namespace --heygen-base-url $heygen --allow-insecure-base-url
  kubectl twinconsent export --all-namespaces --audit-log "$work/audit.log"

  The namespace is $namespace; $served
  The operator's log is $work/operator.log
EOF
while :; do
    check_alive
    sleep 1
done
