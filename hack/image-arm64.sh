#!/usr/bin/env bash
# Cross-compiles the programs of the arm64 images, links them, and runs them in an emulator: a check for machines that are amd64.
#
# What is missing is fetched: Rust's standard library by rustup; the cross compiler and the emulator, unless they are installed, from
# Debian, unpacked into the cache folder.
set -euo pipefail
cd "$(dirname "$0")/.."

target=aarch64-unknown-linux-gnu
if ! command -v aarch64-linux-gnu-gcc >/dev/null || [ "$(aarch64-linux-gnu-gcc -print-file-name=libc.a)" = libc.a ]; then
    root=$(hack/debian.sh arm64 gcc-aarch64-linux-gnu libc6-dev-arm64-cross)
    PATH=$root/run:$PATH
fi
emulator=$(command -v qemu-aarch64-static || echo "$(hack/debian.sh emulator qemu-user-static)/run/qemu-aarch64-static")
[ -d "$(rustc --print sysroot)/lib/rustlib/$target/lib" ] || rustup target add "$target"

hack/programs.sh arm64

for program in operator/twinconsent-operator simulator/heygen-simulator; do
    "$emulator" "dist/arm64/$program" --version
done
"$emulator" dist/arm64/operator/twinconsent-operator crds >dist/arm64/crds.yaml
for file in crds/*.yaml; do
    grep -qF "$(sed -n 's/^  name: //p' "$file" | head -n 1)" dist/arm64/crds.yaml || { echo "The arm64 program does not print $file." >&2; exit 1; }
done
rm dist/arm64/crds.yaml
echo "The arm64 programs are compiled and linked, and run: dist/arm64"
