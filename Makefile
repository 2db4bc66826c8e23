# The commands of this repository; `make` lists them.
# They need make, a shell, Rust, and Go (or a folder with the control plane's programs in $KUBEBUILDER_ASSETS).

.DEFAULT_GOAL := help
# Flags of the one recipe that installs something outside this folder: PREFIX/bin instead of cargo's own folder.
into = $(if $(PREFIX),--root '$(PREFIX)')

.PHONY: help install-plugin demo test e2e lint generate generate-objects pictures image image-push image-check image-arm64 bench bench-scale

help: ## List these commands
	@sed -n 's/^\([a-z0-9-]*\): ## \(.*\)/make \1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r command text; do printf '%-17s %s\n' "$$command" "$$text"; done

demo: ## See a consent go from applied to approved on a real API server (DEMO_KEEP=1: keep it running; KUBECONFIG=…: in that cluster)
	@hack/demo.sh

install-plugin: ## Install `kubectl twinconsent` into ~/.cargo/bin (PREFIX=/usr/local: into /usr/local/bin)
	cargo install --locked --path crates/kubectl-twinconsent $(into)

test: ## Run every test, against a real API server
	@hack/test.sh

e2e: ## Install the images by Helm on a real node, as root on Linux (KUBECONFIG=…: on that cluster), and run the lifecycles on the oldest Kubernetes
	@hack/e2e.sh

lint: ## Check formatting, lints and the documentation
	cargo fmt --all --check
	@unformatted=$$(gofmt -l tests/gitops tests/cloudevents examples/receivers) && test -z "$$unformatted" || { echo "gofmt is missing, or changes: $$unformatted"; exit 1; }
	cargo clippy --workspace --all-targets --all-features --locked -- -D warnings
	cargo clippy --package twinconsent --test image --test install --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

generate: ## Write the generated files: crds/, pages of docs/, deploy/, those of the chart, what tests/gitops, tests/cloudevents and Argo CD read
	TWINCONSENT_GENERATE=1 cargo test --locked --package twinconsent --test generated --test conditions_doc --test answers_doc --test lists_doc --test notifications_doc --test gitops_files
	TWINCONSENT_GENERATE=1 cargo test --locked --package twinconsent-core --lib recorded_events
	TWINCONSENT_GENERATE=1 cargo test --locked --package twinconsent --test chart -- --test-threads=1 \
		generated::the_charts_readme generated::the_definitions generated::the_static_manifests rights::the_page

generate-objects: ## Record what the operator writes in every situation (4 minutes), then do what `generate` does
	TWINCONSENT_GENERATE=1 cargo test --locked --package twinconsent --test e2e -- after_two_polls rows_
	@$(MAKE) generate

pictures: ## Make the pictures of the documents anew: docs/pictures/
	TWINCONSENT_GENERATE=1 cargo test --locked --workspace --test browser -- pictures

image: ## Build the images of the operator and the simulator into dist/, with docker, podman or buildah (variables: docs/images.md)
	@hack/image.sh

image-push: ## Push the images that `make image` has left in dist/ to a registry (REGISTRY=registry.example.com/team)
	@hack/image-push.sh '$(REGISTRY)'

image-check: ## Build the images twice, compare, and check what is in them; as root, in about 10 minutes
	@hack/image-check.sh

image-arm64: ## Cross-compile the programs of the arm64 images, and run them in an emulator
	@hack/image-arm64.sh

bench: ## Measure one consent after the other: latency, start, writes (TWINCONSENT_BENCH_CONSENTS=500)
	cargo bench --locked --package twinconsent --bench figures

bench-scale: ## Measure many at once, in about 15 minutes (TWINCONSENT_BENCH_OBJECTS=10000, up to 100000; more variables: docs/performance.md)
	cargo bench --locked --package twinconsent --bench scale
