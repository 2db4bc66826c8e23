#!/usr/bin/env bash
# Unpacks packages of Debian, with the libraries that this machine lacks, into a folder of the cache, and prints that folder.
# Nothing is installed. As root on Debian and its like.
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
if [ -d "$root" ]; then
    echo "$root"
    exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
    fail "Packages of Debian are unpacked on Debian and its like only, and as root: $*"
fi

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9                      # two that start at once: the second finds what the first has unpacked
if [ ! -d "$root" ]; then
    echo "Unpacking Debian's $* into $root …" >&2
    new=$(mktemp -d "$cache/new.XXXXXX")
    trap 'rm -rf "$new"' EXIT
    mkdir -p "$new/debs/partial" "$new/lists/partial" "$new/root"
    options=(-o "Dir::Cache::archives=$new/debs" -o Debug::NoLocking=true -o APT::Sandbox::User=root --quiet --yes)
    download() { apt-get "${options[@]}" --no-install-recommends --download-only install "$@" >>"$new/log" 2>&1; }
    if ! download "$@"; then
        # The lists of this machine are missing or old: new ones, in a folder of their own.
        options+=(-o "Dir::State::lists=$new/lists")
        if ! { apt-get "${options[@]}" update >>"$new/log" 2>&1 && download "$@"; }; then
            tail -n 15 "$new/log" >&2
            fail "apt-get could not download $*: see above."
        fi
    fi
    compgen -G "$new/debs/*.deb" >/dev/null || fail "Installed already, so there is nothing to unpack: $*"
    for package in "$new"/debs/*.deb; do dpkg-deb --extract "$package" "$new/root"; done
    mv "$new/root" "$root"
fi
echo "$root"
