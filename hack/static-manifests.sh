#!/usr/bin/env bash
# Prints a part of deploy/: what the chart makes with its defaults, for people without Helm. `make generate` writes both.
#
#   hack/static-manifests.sh definitions    deploy/crds/crds.yaml: a file of its own, for with a definition goes every consent
#   hack/static-manifests.sh rest           deploy/install.yaml
#
# It takes the Helm that the tests use; HELM=… names another.
set -euo pipefail
cd "$(dirname "$0")/.."

part=${1:-}
case $part in
definitions | rest) ;;
*) echo "say which part: definitions or rest" >&2; exit 2 ;;
esac

if [ -z "${HELM:-}" ]; then
    HELM=$(cargo run --locked --quiet --package controlplane -- tools helm | cut -f2)
fi

# Without what only Helm would make use of.
render() {
    "$HELM" template twinconsent charts/twinconsent --namespace twinconsent-system --kube-version 1.33.0 "$@" |
        sed -e '/^# Source: /d' -e '/ helm\.sh\/chart: /d' -e '/ app\.kubernetes\.io\/managed-by: Helm$/d'
}

if [ "$part" = definitions ]; then
    cat <<'YAML'
# TwinConsent: the definitions. Whoever deletes them deletes every consent, every account and its record.
# Generated from charts/twinconsent by hack/static-manifests.sh. Do not edit.
YAML
    render --show-only 'templates/crds/*.yaml'
    exit
fi

cat <<'YAML'
# TwinConsent: rights and operator, in namespace twinconsent-system. The definitions are in crds/crds.yaml.
# Generated from charts/twinconsent by hack/static-manifests.sh. Do not edit: docs/installing.md says how to change it with kustomize.
---
apiVersion: v1
kind: Namespace
metadata:
  name: twinconsent-system
  labels:
    app.kubernetes.io/name: twinconsent
    pod-security.kubernetes.io/enforce: restricted
YAML
render --set crds.enabled=false
