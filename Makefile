# The commands of this repository; `make` lists them.
# They need make, a shell, Rust, and Go (or a folder with the control plane's programs in $KUBEBUILDER_ASSETS).

.DEFAULT_GOAL := help
.PHONY: help demo test lint generate image image-check image-arm64 bench bench-scale

help: ## List these commands
	@sed -n 's/^\([a-z0-9-]*\): ## \(.*\)/make \1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r command text; do printf '%-17s %s\n' "$$command" "$$text"; done

demo: ## See a consent go from applied to approved on a real API server (DEMO_KEEP=1: keep it running; KUBECONFIG=…: in that cluster)
	@hack/demo.sh

test: ## Run every test, against a real API server
	@hack/test.sh

lint: ## Check formatting, lints and the documentation
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo clippy --package twinconsent --test image --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

generate: ## Write the generated files: crds/, docs/conditions.md, docs/answers.md
	TWINCONSENT_GENERATE=1 cargo test --locked --package twinconsent --test generated --test conditions_doc --test answers_doc

image: ## Build the images of the operator and the simulator into dist/, with docker, podman or buildah (variables: docs/images.md)
	@hack/image.sh

image-check: ## Build the images twice, compare, and check what is in them; as root, in about 10 minutes
	@hack/image-check.sh

image-arm64: ## Cross-compile the programs of the arm64 images, and run them in an emulator
	@hack/image-arm64.sh

bench: ## Measure one consent after the other: latency, start, writes (TWINCONSENT_BENCH_CONSENTS=500)
	cargo bench --locked --package twinconsent --bench figures

bench-scale: ## Measure many at once, in about 15 minutes (TWINCONSENT_BENCH_OBJECTS=10000, up to 100000; more variables: docs/performance.md)
	cargo bench --locked --package twinconsent --bench scale
