# The images: `operator`, which is the default, and `simulator`, the stand-in for HeyGen.
#
#   docker build .                     compiles inside, in the image of the pinned Rust; needs nothing but an engine
#   docker build --target simulator .
#   make image                         compiles on this machine and copies; what docs/images.md says of digests holds for it
#
# Both ways run hack/programs.sh, so the programs are compiled in one manner. `make image` keeps the compiler out of the engine,
# because only then the same tree gives the same digest whatever the engine caches, no image has to be pulled, and a compiler is
# not emulated to make the image of another architecture.
#
# BuildKit, buildah and podman skip the stage that PROGRAMS does not choose. Those of 2022 (buildah 1.28, podman 4.3) do not see its
# default in this, and want to be told: --build-arg PROGRAMS=build.

# Where the programs come from: `build`, or `dist` for what hack/programs.sh has left in dist/ARCH/.
ARG PROGRAMS=build
# What lies below them. They need nothing of it, so a base is for houses that prescribe one, such as gcr.io/distroless/static.
ARG BASE=scratch

# The version of rust-toolchain.toml. Debian's: it comes with the C compiler and the static C library that the programs need.
FROM docker.io/library/rust:1.95.0-bookworm AS build
# Otherwise rustup would first fetch the formatter and the linter, which rust-toolchain.toml names for developers.
ENV RUSTUP_TOOLCHAIN=1.95.0
WORKDIR /src
COPY . .
RUN rm -rf dist && hack/programs.sh && mv dist/* /programs

FROM scratch AS dist
ARG TARGETARCH
COPY dist/${TARGETARCH}/ /programs/

FROM ${PROGRAMS} AS programs

FROM ${BASE} AS simulator
COPY --from=programs /programs/simulator/ /
ARG VERSION=unversioned
ARG REVISION=unknown
LABEL org.opencontainers.image.title="heygen-simulator" \
    org.opencontainers.image.description="A stand-in for api.heygen.com: the consent calls, the hosted page, and every fault on demand" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.source="https://twinconsent.io"
USER 65532:65532
ENTRYPOINT ["/heygen-simulator"]
CMD ["serve"]

FROM ${BASE} AS operator
COPY --from=programs /programs/operator/ /
ARG VERSION=unversioned
ARG REVISION=unknown
LABEL org.opencontainers.image.title="twinconsent-operator" \
    org.opencontainers.image.description="A Kubernetes operator that obtains, follows and keeps proving a person's consent to their HeyGen digital twin" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.source="https://twinconsent.io"
# By number: Kubernetes must see without a user database that it is not root.
USER 65532:65532
ENTRYPOINT ["/twinconsent-operator"]
CMD ["run"]
