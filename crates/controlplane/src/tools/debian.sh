# Unpacks packages with what they need, and writes a script for each program that is wanted of them.
# $1: a folder that is kept, the rest: PROGRAM=PACKAGE.
set -eu
folder=$1
shift
for needed in apt-get dpkg; do
    command -v "$needed" >/dev/null || { echo "this machine has no $needed"; exit 1; }
done

state=$folder/apt
trap 'rm -rf "$state"' EXIT
rm -rf "$state"
mkdir -p "$state/lists/partial" "$folder/bin"

# Nothing of the machine's apt and dpkg is written, so their locks are not needed.
apt() {
    apt-get --quiet=2 \
        -o Debug::NoLocking=1 -o APT::Sandbox::User= -o Acquire::Languages=none \
        -o Dir::State::Lists="$state/lists" -o Dir::Cache="$state" -o Dir::Cache::Archives="$state/archives" \
        "$@"
}
apt update

for wanted; do
    program=${wanted%%=*} package=${wanted#*=} root=$folder/${wanted%%=*}-root
    rm -rf "$root" "$state/archives"
    mkdir -p "$root" "$state/archives/partial"
    # Also when the package is installed on this machine, but broken.
    apt --download-only --yes --no-install-recommends --reinstall install "$package"
    for archive in "$state"/archives/*.deb; do
        dpkg -x "$archive" "$root"
    done
    unpacked=$(find "$root" -path "*/*bin/$program" -type f)
    [ -x "$unpacked" ] || { echo "the package $package holds no $program"; exit 1; }
    libraries=$(find "$root" -name '*.so*' -exec dirname {} \; | sort -u | tr '\n' ':')
    printf '#!/bin/sh\nLD_LIBRARY_PATH="%s" exec "%s" "$@"\n' "${libraries%:}" "$unpacked" >"$root/run"
    chmod +x "$root/run"
    "$root/run" --version
    mv "$root/run" "$folder/bin/$program"
done
