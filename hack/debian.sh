#!/usr/bin/env bash
# Unpacks packages of Debian, with what they need beyond this machine, into a folder of the cache, and prints that folder.
# Its subfolder `run` holds their programs. Nothing is installed. On Debian and its like.
#
#   root=$(hack/debian.sh NAME PACKAGE…)
set -euo pipefail

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

name=$1
shift
cache=${XDG_CACHE_HOME:-${HOME:?}/.cache}/twinconsent/debian
case $cache in /*) ;; *) fail "XDG_CACHE_HOME must be an absolute path, not $XDG_CACHE_HOME." ;; esac
root=$cache/$name
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9 # two that start at once: the second finds what the first has unpacked
if [ ! -d "$root/run" ]; then
    echo "Unpacking Debian's $* into $root …" >&2
    if ! sh "$(dirname "$0")/../crates/controlplane/src/tools/debian.sh" "$root" "$@" >"$cache/log" 2>&1; then
        tail -n 15 "$cache/log" >&2
        fail "Could not unpack $*: see above."
    fi
fi
echo "$root"
