#!/usr/bin/env bash
# Builds the images twice and checks what is in them; as root on Linux. See docs/images.md.
set -euo pipefail
cd "$(dirname "$0")/.."

[ "$(id -u)" = 0 ] || { echo "The images are run in roots of their own, which takes root: run this as root." >&2; exit 1; }

echo "== The images"
hack/image.sh
echo "== The images once more (after $SECONDS s)"
hack/image-reproducible.sh
echo "== What is in them (after $SECONDS s)"
cargo test --locked --package twinconsent --test image
echo "== Done (after $SECONDS s)"
