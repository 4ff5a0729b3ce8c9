# The static binary, and the root of the container image. docker/Dockerfile runs `make image-root` and copies
# what that makes; nothing else is in the image.

# glibc linked in, for whichever processor this is. The target is named so that build scripts and macros,
# which run here, are linked as usual.
STATIC_TARGET ?= $(shell uname -m)-unknown-linux-gnu
STATIC_BINARY := $(TARGET)/$(STATIC_TARGET)/release/nearside
IMAGE_ROOT ?= $(TARGET)/image
# Whom TLS upstreams are signed by, where no REDIS_SSL_CA_CERTS says so.
CA_CERTIFICATES ?= /etc/ssl/certs/ca-certificates.crt

.PHONY: static image-root image test-static

static: rust
	@version="$$(getconf GNU_LIBC_VERSION 2>/dev/null | sed 's/.* //')"; \
	[ "$$(printf '%s\n2.34\n' "$${version:-0}" | sort -V | head -n 1)" = 2.34 ] || { \
		echo "static: this needs glibc 2.34 (here: $${version:-none}): an earlier one resolves names with" \
			"shared libraries only, which an empty root has not"; exit 1; }
	RUSTFLAGS="$$RUSTFLAGS -C target-feature=+crt-static" \
		cargo build --release --locked --bin nearside --target $(STATIC_TARGET)
	@ls -l $(STATIC_BINARY)

image-root: static
	rm -rf $(IMAGE_ROOT)
	install -D -m 755 $(STATIC_BINARY) $(IMAGE_ROOT)/nearside
	install -D -m 644 $(CA_CERTIFICATES) $(IMAGE_ROOT)/etc/ssl/certs/ca-certificates.crt

IMAGE ?= nearside

image:
	docker build --file docker/Dockerfile --tag $(IMAGE) .

# What `docker build` does, without docker: what .dockerignore lets through is copied, the image's root is made
# there, and the tests run the binary with that as its root. Minutes: everything is built once more.
STATIC_CONTEXT := $(abspath $(TARGET))/context

test-static: debian-test
	rm -rf $(STATIC_CONTEXT)
	mkdir -p $(STATIC_CONTEXT)
	sed -n 's/^!//p' .dockerignore | xargs cp -R --parents -t $(STATIC_CONTEXT)
	CARGO_TARGET_DIR=$(abspath $(TARGET)) $(MAKE) -C $(STATIC_CONTEXT) image-root
	NEARSIDE_IMAGE_ROOT=$(abspath $(IMAGE_ROOT)) cargo test --locked --test static -- --nocapture --test-threads 1
