#!/usr/bin/env bash
# Runs buildah, on Debian and its like also where none is installed and no engine runs: as root, with any of its arguments.
#
#   hack/buildah.sh version
#
# Debian's package is unpacked into the cache folder, and nothing is installed. It pulls and pushes nothing: images come from
# this machine and go into files. $TWINCONSENT_BUILDAH_STORAGE is where it keeps them (default: in the cache folder).
set -euo pipefail

root=$("$(dirname "$0")/debian.sh" buildah buildah)
cache=$(dirname "$root")/buildah-state
storage=${TWINCONSENT_BUILDAH_STORAGE:-$cache/storage}
home=$cache/home
mkdir -p "$storage" "$home/.config/containers" "$home/networks"
cat >"$storage/storage.conf" <<TOML
[storage]
driver = "vfs"
runroot = "$storage/run"
graphroot = "$storage/graph"
TOML
cat >"$home/containers.conf" <<TOML
[network]
network_config_dir = "$home/networks"
TOML
: >"$home/registries.conf"
cat >"$home/.config/containers/policy.json" <<'JSON'
{
  "default": [{"type": "reject"}],
  "transports": {
    "containers-storage": {"": [{"type": "insecureAcceptAnything"}]},
    "oci-archive": {"": [{"type": "insecureAcceptAnything"}]}
  }
}
JSON
export HOME=$home
export CONTAINERS_STORAGE_CONF=$storage/storage.conf
export CONTAINERS_CONF=$home/containers.conf
export CONTAINERS_REGISTRIES_CONF=$home/registries.conf
# What it calls is in the package too.
export PATH=$root/run:$PATH

# It keeps a cache below /var/lib, whatever it is told: it gets a /var/lib of its own, which is gone afterwards.
exec unshare --mount --propagation private sh -c 'mount -t tmpfs tmpfs /var/lib && exec "$@"' sh "$root/run/buildah" "$@"
