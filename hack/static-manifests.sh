#!/usr/bin/env bash
# Prints deploy/install.yaml: what the chart makes with its defaults, for people without Helm. `make generate` writes it.
#
#   hack/static-manifests.sh            with the Helm that the tests use; HELM=… names another
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -z "${HELM:-}" ]; then
    HELM=$(cargo run --locked --quiet --package controlplane -- tools helm | cut -f2)
fi

cat <<'YAML'
# TwinConsent: definitions, rights and operator, in namespace twinconsent-system.
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

# Without what only Helm would make use of.
"$HELM" template twinconsent charts/twinconsent --namespace twinconsent-system --kube-version 1.33.0 --set crds.keep=false |
    sed -e '/^# Source: /d' -e '/ helm\.sh\/chart: /d' -e '/ app\.kubernetes\.io\/managed-by: Helm$/d'
