# Unpacks packages of Debian, and what they need beyond this machine, into a folder that is there only when it is complete.
# $1: the folder, the rest: the packages.
#
# Its subfolder `run` holds a script for each program, which runs it with the libraries that were unpacked.
# Nothing is installed, and nothing of the machine's apt and dpkg is written: neither root nor their locks are needed.
set -eu
root=$1
shift
for needed in apt-get dpkg; do
    command -v "$needed" >/dev/null || { echo "this machine has no $needed"; exit 1; }
done

new=$root.new
trap 'rm -rf "$new"' EXIT
rm -rf "$new"
mkdir -p "$new/lists/partial" "$new/archives/partial" "$new/root/run"

apt() {
    apt-get --quiet=2 \
        -o Debug::NoLocking=1 -o APT::Sandbox::User= -o Acquire::Languages=none \
        -o Dir::State::Lists="$new/lists" -o Dir::Cache="$new" -o Dir::Cache::Archives="$new/archives" \
        "$@"
}
apt update
# Also when a package is installed on this machine, but broken.
apt --download-only --yes --no-install-recommends --reinstall install "$@"
for archive in "$new"/archives/*.deb; do
    dpkg -x "$archive" "$new/root"
done

# Those of this machine's architecture; packages for others keep theirs elsewhere.
libraries=$(cd "$new/root" && { find lib usr/lib -maxdepth 2 -name '*.so*' 2>/dev/null || true; } |
    sed 's|/[^/]*$||' | sort -u | sed "s|^|$root/|" | paste -sd: -)
for program in "$new"/root/bin/* "$new"/root/sbin/* "$new"/root/usr/bin/* "$new"/root/usr/sbin/*; do
    [ -x "$program" ] || [ -L "$program" ] || continue
    script=$new/root/run/${program##*/}
    printf '#!/bin/sh\nexport LD_LIBRARY_PATH="%s${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"\nexec "%s" "$@"\n' "$libraries" "$root${program#"$new/root"}" >"$script"
    chmod +x "$script"
done
rm -rf "$root"
mv "$new/root" "$root"
