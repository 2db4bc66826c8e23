# Unpacks packages of Debian, and what they need beyond this machine, into a folder that is there only when it is complete.
# $1: the folder, the rest: the packages.
#
# Its subfolder `run` holds a script for each program, which runs it with the libraries that were unpacked, and with the fonts that were
# unpacked, if there are any, and no others: text then has the same shape on every machine.
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

# Those of this machine's architecture, some in a folder of their own there; packages for others keep theirs elsewhere.
libraries=$(cd "$new/root" && { find lib usr/lib -maxdepth 3 -name '*.so*' 2>/dev/null || true; } |
    sed 's|/[^/]*$||' | sort -u | sed "s|^|$root/|" | paste -sd: -)
fonts=
if [ -d "$new/root/usr/share/fonts" ]; then
    fonts=$root/fonts.conf
    cat >"$new/root/fonts.conf" <<CONF
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <dir>$root/usr/share/fonts</dir>
  <cachedir>$root/fonts.cache</cachedir>
  <alias><family>sans-serif</family><prefer><family>DejaVu Sans</family></prefer></alias>
  <alias><family>monospace</family><prefer><family>DejaVu Sans Mono</family></prefer></alias>
</fontconfig>
CONF
fi
for program in "$new"/root/bin/* "$new"/root/sbin/* "$new"/root/usr/bin/* "$new"/root/usr/sbin/*; do
    [ -x "$program" ] || [ -L "$program" ] || continue
    name=${program##*/}
    # Some are scripts that run a program of the same name by a path of an installed one, as Chromium's.
    [ ! -x "$new/root/usr/lib/$name/$name" ] || program=$new/root/usr/lib/$name/$name
    {
        printf '#!/bin/sh\nexport LD_LIBRARY_PATH="%s${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"\n' "$libraries"
        [ -z "$fonts" ] || printf 'export FONTCONFIG_FILE="%s"\n' "$fonts"
        printf 'exec "%s" "$@"\n' "$root${program#"$new/root"}"
    } >"$new/root/run/$name"
    chmod +x "$new/root/run/$name"
done
rm -rf "$root"
mv "$new/root" "$root"
