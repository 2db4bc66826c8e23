# shellcheck shell=bash
# Which engine builds and pushes the images, as $engine: sourced by hack/image.sh and hack/image-push.sh.

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

# A client without its engine does not count, and neither does one that hangs.
works() {
    command -v "$1" >/dev/null || return 1
    timeout 30 "$1" info >/dev/null 2>&1 || { echo "$1 is installed, but '$1 info' fails: it is not used." >&2; return 1; }
}

choose() {
    local engine
    for engine in docker podman buildah; do
        if works "$engine"; then
            echo "$engine"
            return
        fi
    done
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo debian-buildah
    else
        fail "There is no docker, podman or buildah that works. Install one, or run this as root on Debian."
    fi
}

engine=${TWINCONSENT_IMAGE_ENGINE:-$(choose)}
case $engine in
docker | podman | buildah) works "$engine" || fail "TWINCONSENT_IMAGE_ENGINE=$engine, but $engine does not work here." ;;
debian-buildah) ;;
*) fail "TWINCONSENT_IMAGE_ENGINE=$engine is none of docker, podman, buildah, debian-buildah." ;;
esac
