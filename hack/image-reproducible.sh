#!/usr/bin/env bash
# Builds the images a second time and fails unless they are the same: `make image` must have run before.
#
# The second time everything is different that may be: a copy of the tree in another folder and without git, another target folder,
# another folder of cargo's, another time zone, language and umask. What is compared is what people compare: the digest of each
# image, and its bill of materials, byte by byte.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

digest() { cargo run --locked --quiet --package packaging -- inspect "$1" | sed -n 's/^digest\t//p'; }
names=(twinconsent-operator heygen-simulator)
for name in "${names[@]}"; do
    if [ ! -f "dist/$name.tar" ] || [ ! -f "dist/$name.cdx.json" ]; then fail "dist/$name.tar or its bill is not there: make image"; fi
done

# The same time and commit: they are part of the image, and the copy has no git.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
REVISION=${REVISION:-$(git describe --always --abbrev=40 --exclude='*' --dirty)}
export SOURCE_DATE_EPOCH REVISION

elsewhere=$(mktemp -d "${TMPDIR:-/tmp}/twinconsent elsewhere.XXXXXX")
trap 'rm -rf "$elsewhere"' EXIT
mkdir "$elsewhere/tree" "$elsewhere/cargo"
git ls-files -z --cached --others --exclude-standard | tar --create --null --files-from=- | tar --extract --directory "$elsewhere/tree"
# The settings of cargo, such as a mirror, and not what it has downloaded.
for settings in "${CARGO_HOME:-$HOME/.cargo}"/config*; do [ ! -f "$settings" ] || cp "$settings" "$elsewhere/cargo/"; done

(
    umask 077
    export TZ=Asia/Tokyo LC_ALL=C CARGO_TARGET_DIR=$elsewhere/target CARGO_HOME=$elsewhere/cargo
    "$elsewhere/tree/hack/image.sh"
)

status=0
for name in "${names[@]}"; do
    first=$(digest "dist/$name.tar")
    second=$(digest "$elsewhere/tree/dist/$name.tar")
    if [ "$first" = "$second" ]; then
        echo "$name: the same digest twice, $first"
    else
        echo "$name: $first, and the second time $second" >&2
        diff -rq "dist/" "$elsewhere/tree/dist/" >&2 || true
        status=1
    fi
    cmp "dist/$name.cdx.json" "$elsewhere/tree/dist/$name.cdx.json" || status=1
done
exit "$status"
