.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

KINDS := $(notdir $(patsubst %/,%,$(dir $(wildcard components/*/component.toml))))
# Components that attack: one that every test site has, and those that a test asks for.
HOSTILE := hostile $(notdir $(patsubst %/,%,$(dir $(wildcard tests/hostile/*/component.toml))))
WASM := target/wasm32-wasip2/component
CAMPANILE := target/release/campanile --config packaging/dev.toml

# What is built here needs no approval: the SHA-256 of the code's SHA-256 and the manifest, for each.
lock = cd $(1) && for kind in $(2); do \
		hash=$$({ sha256sum < $$kind/component.wasm | cut -c 1-64 | tr -d '\n'; \
			cat $$kind/component.toml; } | sha256sum | cut -c 1-64); \
		echo "$$hash  $$kind"; \
	done > builtin.lock.new && mv builtin.lock.new builtin.lock

.PHONY: help run demo test bench gallery build components lint audit setup clean

help: ## List the tasks.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## Set up what is missing, build, and start the engine on 127.0.0.1:7700.
	$(CAMPANILE) serve --show-tokens

demo: build ## Send six sample alerts through the engine that `make run` started, and show them arriving.
	@$(CAMPANILE) apply --set demo packaging/demo.toml
	@target/release/campanile-capture --listen 127.0.0.1:7979 --count 6 --timeout-s 60 \
		--since "$$(date -u +%Y-%m-%dT%H:%M:%S.000Z)" & \
	capture=$$!; \
	sed "s/\"tstamp\": *[0-9]*/\"tstamp\":$$(date +%s)/" tests/data/ntopng.ndjson | \
		$(CAMPANILE) send - || { kill $$capture; exit 1; }; \
	wait $$capture

test: setup-test lint build hostile ## Set up what is missing, and run everything that CI runs.
	@rm -f target/skipped
	cargo test --release --workspace
	@if [ -s target/skipped ]; then echo "$$(wc -l < target/skipped) tests were skipped:"; cat target/skipped; fi

bench: build ## Measure; docs/benchmarks.md tells what the figures mean.
	cargo bench

gallery: build ## Draw what each kind sends into docs/gallery, by npm and Chromium (not part of `make test`).
	@.ci/setup gallery
	@mkdir -p .tools/gallery
	cp -R docs/gallery/render/. .tools/gallery
	npm ci --prefix .tools/gallery --no-audit --no-fund
	node .tools/gallery/gallery.mjs docs/gallery --campanile target/release/campanile --components target/components

build: setup components ## Build the engine, the components, and the tools of the demo.
	cargo build --release

components: setup ## Build every folder under components/ to Wasm, into target/components.
	cargo build --profile component --target wasm32-wasip2 $(addprefix --package=,$(KINDS))
	@for kind in $(KINDS); do \
		install -D -m 644 $(WASM)/$${kind//-/_}.wasm target/components/$$kind/component.wasm; \
		install -m 644 components/$$kind/component.toml target/components/$$kind/component.toml; \
	done
	@$(call lock,target/components,$(KINDS))

hostile: setup
	cargo build --profile component --target wasm32-wasip2 $(addprefix --package=campanile-,$(HOSTILE))
	@for kind in $(HOSTILE); do \
		case $$kind in hostile) from=tests/hostile; to=test-components;; *) from=tests/hostile/$$kind; to=hostile-components;; esac; \
		install -D -m 644 $(WASM)/campanile_$${kind//-/_}.wasm target/$$to/$$kind/component.wasm; \
		install -m 644 $$from/component.toml target/$$to/$$kind/component.toml; \
	done
	@$(call lock,target/test-components,hostile)

lint: setup-test ## Format, lints, licenses.
	cargo fmt --all --check
	cargo clippy --release --all-targets -- -D warnings
	cargo clippy --profile component --target wasm32-wasip2 $(addprefix --package=,$(KINDS)) $(addprefix --package=campanile-,$(HOSTILE)) -- -D warnings
	.tools/bin/cargo-deny --log-level error check bans licenses sources

audit: ## Look for known vulnerabilities in the dependencies (not part of `make test`).
	@command -v cargo-audit >/dev/null || cargo install --locked --root .tools cargo-audit
	PATH="$$PWD/.tools/bin:$$PATH" cargo audit $(if $(wildcard ../shared/data/advisory-db),--db ../shared/data/advisory-db --no-fetch)

setup:
	@.ci/setup build

setup-test:
	@.ci/setup test

clean: ## Remove what was built. The data folder stays.
	cargo clean
