#!/usr/bin/env bash
# Compiles the programs of the images into dist/ARCH/: a folder for each image, which becomes its root.
#
#   hack/programs.sh [amd64|arm64]      default: the architecture of this machine
#
# The programs are static, so that an image needs no file besides them. They are linked with glibc and not with musl: its allocator
# is the one that every figure of docs/performance.md was measured with, and that of musl takes one lock for all threads. What static
# glibc is known for, names that it cannot resolve, is past since 2.34, which has the resolver inside; tests/image proves it with a
# name server and an image that holds no other file.
#
# The same tree gives the same bytes, in any folder: no path of this machine gets into them. The same compilers are needed for
# that as well: rustc by rust-toolchain.toml, and the C compiler and C library of Debian 12.
set -euo pipefail
cd "$(dirname "$0")/.."
umask 022

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

native=$(uname -m)
arch=${1:-$native}
case $arch in
amd64 | x86_64) arch=amd64 machine=x86_64 ;;
arm64 | aarch64) arch=arm64 machine=aarch64 ;;
*) fail "The images are made for amd64 and arm64, not for $arch." ;;
esac
[ "$(uname -s)" = Linux ] || fail "The programs of the images are compiled on Linux; elsewhere: docker build ."
command -v cargo >/dev/null || fail "There is no cargo: install Rust from https://rustup.rs, then run this again."
target=$machine-unknown-linux-gnu

# The C compiler links, and compiles the cryptography of rustls.
if [ "$machine" = "$native" ]; then
    cc=${CC:-cc}
else
    cc=${CC:-$machine-linux-gnu-gcc}
fi
command -v "$cc" >/dev/null || fail "There is no $cc: install a C compiler for $arch (on Debian: gcc, or gcc-${machine//_/-}-linux-gnu)."
[ "$("$cc" -print-file-name=libc.a)" != libc.a ] || fail "There is no static C library for $arch (on Debian: libc6-dev; on Fedora: glibc-static)."
[ -d "$(rustc --print sysroot)/lib/rustlib/$target/lib" ] || fail "Rust's standard library for $arch is not there: rustup target add $target"

cargo fetch --locked --quiet --target "$target"
target_dir=${CARGO_TARGET_DIR:-target}
case $target_dir in /*) ;; *) target_dir=$PWD/$target_dir ;; esac

# Paths get into a program as the places of panics: those of libraries, and of what they have generated. Those of this folder do not,
# since cargo names its sources as seen from it. Nor may it stand in the flags: by others, all libraries would be compiled anew.
flags=(-Ctarget-feature=+crt-static "--remap-path-prefix=$target_dir=/target")
c_flags=-g0
for registry in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/; do
    flags+=("--remap-path-prefix=${registry%/}=/crates")
    c_flags+=$(printf ' -ffile-prefix-map=%q=/crates' "${registry%/}")
done
# A folder with a space in its name is quoted, which the build scripts must be told.
case $c_flags in *\\*) export CC_SHELL_ESCAPED_FLAGS=1 ;; esac
encoded=$(printf '\037%s' "${flags[@]}")
name=${target//-/_}

# Without the time of the commit, which C compilers are told and no program needs: all would be compiled anew with each commit.
env -u SOURCE_DATE_EPOCH "CARGO_ENCODED_RUSTFLAGS=${encoded#?}" "CC_$name=$cc" "CFLAGS_$name=$c_flags" \
    "CARGO_TARGET_$(printf %s "$name" | tr '[:lower:]' '[:upper:]')_LINKER=$cc" \
    cargo build --locked --release --target "$target" --target-dir "$target_dir" \
    --package twinconsent --bin twinconsent-operator --package heygen-simulator --bin heygen-simulator

rm -rf "dist/$arch"
mkdir -p "dist/$arch/operator/etc/ssl/certs" "dist/$arch/simulator"
built=$target_dir/$target/release
install -m 755 "$built/twinconsent-operator" "dist/$arch/operator/"
install -m 755 "$built/heygen-simulator" "dist/$arch/simulator/"
install -m 644 LICENSE "dist/$arch/operator/"
install -m 644 LICENSE "dist/$arch/simulator/"
# The roots of a pinned crate and not those of this machine, which differ from one machine to the next.
cargo run --locked --quiet --package packaging -- certificates >"dist/$arch/operator/etc/ssl/certs/ca-certificates.crt"

# What was linked, for the bill of materials: the package that it came with, or at least its version.
archive=$(realpath "$("$cc" -print-file-name=libc.a)")
package=$(dpkg-query --search "$archive" 2>/dev/null | sed 's/: .*//') || package=
if [ -n "$package" ]; then
    os=$(. /etc/os-release && echo "$ID")
    dpkg-query --show --showformat "pkg:deb/$os/\${Package}@\${Version}?arch=\${Architecture}\n" "$package" | sed 's/+/%2B/g'
else
    printf '#include <features.h>\nVERSION __GLIBC__ __GLIBC_MINOR__\n' | "$cc" -E -P - | sed -n 's/^VERSION \([0-9]*\) \([0-9]*\)$/pkg:generic\/glibc@\1.\2/p'
fi >"dist/$arch/c-library"
[ -s "dist/$arch/c-library" ] || fail "The version of the C library is not known."

# An engine that keeps the times of files, as BuildKit does, gets the same ones each time.
find "dist/$arch" -exec touch --no-dereference --date "@${SOURCE_DATE_EPOCH:-0}" {} +
