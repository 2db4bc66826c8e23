#!/usr/bin/env bash
# Pushes the images that hack/image.sh has left in dist/ to a registry, with the version as their tag.
#
#   hack/image-push.sh registry.example.com/team
#
# By the engine that builds, too ($TWINCONSENT_IMAGE_ENGINE); log in with that first. A registry on this machine may be without TLS.
set -euo pipefail
cd "$(dirname "$0")/.."

registry=${1:-}
registry=${registry%/}
[ -n "$registry" ] || { echo "To which registry? make image-push REGISTRY=registry.example.com/team" >&2; exit 1; }

. hack/engine.sh
echo "Pushing with $engine."

# The tag that an archive has: docker tells it by itself, the others after the image's name.
tag_of() {
    tar -xOf "$1" index.json | sed -n 's/.*"org.opencontainers.image.ref.name": *"\([^"]*\)".*/\1/p' | sed 's/.*://'
}

plain=()
# docker does so by itself.
case $registry in localhost/* | localhost:* | 127.0.0.1/* | 127.0.0.1:*) plain=(--tls-verify=false) ;; esac

for image in twinconsent-operator heygen-simulator; do
    archive=dist/$image.tar
    [ -f "$archive" ] || fail "There is no $archive: run 'make image' first."
    target=$registry/$image:$(tag_of "$archive")
    case $engine in
    docker)
        built=$(docker load --input "$archive" | sed -n 's/^Loaded image: //p')
        docker tag "$built" "$target"
        docker push "$target"
        ;;
    *)
        # By way of a list, which is taken from the archive as it is: pushed out of the engine's storage it would be packed anew.
        if [ "$engine" = debian-buildah ]; then tool=(hack/buildah.sh); else tool=("$engine"); fi
        "${tool[@]}" manifest rm "$target" >/dev/null 2>&1 || true
        "${tool[@]}" manifest create "$target"
        "${tool[@]}" manifest add "$target" "oci-archive:$archive"
        "${tool[@]}" manifest push --all "${plain[@]}" "$target" "docker://$target"
        "${tool[@]}" manifest rm "$target"
        ;;
    esac
    echo "$target is there."
done
