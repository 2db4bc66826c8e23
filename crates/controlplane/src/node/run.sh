#!/bin/sh
# Runs a command in the network of a node, as its administrator: run kubectl get pods --all-namespaces
# Only the network is the node's: files and processes are those outside, so that the command can be killed as any other.
folder=FOLDER
for variable in HTTP_PROXY HTTPS_PROXY ALL_PROXY http_proxy https_proxy all_proxy KUBERNETES_MASTER; do
    unset "$variable"
done
export HOME="$folder/home" KUBECONFIG="$folder/kubeconfig" KUBECACHEDIR="$folder/kubectl-cache" KUBERC=off PATH="$folder/bin:$PATH"
exec nsenter --net="/proc/$(cat "$folder/init.pid")/ns/net" "$@"
