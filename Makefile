# Everything that a person or a build machine does with this repository. `make help` lists it.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

# The tests ask for nothing, so nothing may wait for an answer.
CARGO := </dev/null cargo

# Says before anything is built that a program is missing, and where it is.
needs = @command -v $(1) >/dev/null || { echo '$(1) is missing: $(2)' >&2; exit 1; }

.PHONY: help
help: ## Says what can be made
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 12

.PHONY: test
test: peers ## Everything: formatting, lints, and every test against real servers
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets --locked -- -D warnings
	$(CARGO) test --locked --doc
	$(CARGO) test --locked --lib --bins
	$(CARGO) test --locked --test all

.PHONY: peers
peers: ## Installs the programs that the tests run, where apt-get exists
	@scripts/peers

.PHONY: fmt
fmt: ## Formats the source
	$(CARGO) fmt

.PHONY: generate
generate: ## Refreshes what is generated and checked in: from examples/, for the compose file, and the references in docs/
	$(CARGO) run --quiet --locked -- generate examples --output . --only rules,prometheus,alertmanager,grafana --prune \
	  --grafana.prometheus-url http://prometheus:9090
	cp examples/quickstart.yaml deploy/kubernetes/overlays/example/slos/my-app.yaml
	$(CARGO) run --quiet --locked -- generate deploy/kubernetes/overlays/example/slos --output deploy/kubernetes/overlays/example --format operator --only rules,grafana --operator.label release=prometheus --prune
	$(CARGO) run --quiet --locked -- generate deploy/compose/slos --output deploy/compose/generated \
	  --only rules,prometheus,alertmanager,grafana --prune --grafana.prometheus-url http://prometheus:9090
	BURNDOWN_DOCS=1 $(CARGO) test --quiet --locked --test all -- docs::reference:: docs::schema::

.PHONY: pictures
pictures: peers ## Takes the pictures of the board in docs/ anew
	BURNDOWN_PICTURES=docs $(CARGO) test --quiet --locked --test all -- board::pictures

# Where another libc can be linked statically, TARGET may name it: x86_64-unknown-linux-gnu.
TARGET ?= x86_64-unknown-linux-musl

.PHONY: static
static: ## Builds the static program and runs it with nothing but itself (needs root or sudo)
	RUSTFLAGS="-C target-feature=+crt-static" $(CARGO) build --release --locked --target $(TARGET)
	scripts/check-static target/$(TARGET)/release/burndown

.PHONY: sbom
sbom: ## Says as a CycloneDX document of what the program is made (needs cargo-cyclonedx and jq)
	$(call needs,cargo-cyclonedx,cargo install --locked cargo-cyclonedx)
	$(call needs,jq,apt-get install jq)
	scripts/sbom $(TARGET) target/burndown.cdx.json

.PHONY: deb
deb: ## Builds the Debian package, has lintian read it, and installs it in a directory (needs cargo-deb and lintian)
	$(call needs,cargo-deb,cargo install --locked cargo-deb)
	$(call needs,lintian,apt-get install lintian)
	$(CARGO) build --release --locked
	scripts/package-files target/release/burndown target/package
	rm -f target/debian/*.deb
	SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct)} $(CARGO) deb --no-build --locked
	scripts/check-deb target/debian/*.deb

.PHONY: unit
unit: ## Boots a Debian with the package of `make deb` under systemd, and tries the service (needs root or sudo)
	$(call needs,debootstrap,apt-get install debootstrap)
	$(call needs,systemd-nspawn,apt-get install systemd-container)
	scripts/check-unit target/debian/*.deb

.PHONY: deny
deny: ## Licenses, advisories, bans and sources of every dependency (needs cargo-deny)
	$(call needs,cargo-deny,cargo install --locked cargo-deny)
	$(CARGO) deny --locked check

# What evaluates, records or reads something in a Prometheus.
ON_PROMETHEUS := exact:: kinds:: differential:: states:: robust:: generate:: backfill:: operator:: ask:: standing:: gate:: end_to_end

.PHONY: prometheus3
prometheus3: peers ## The tests of the rules on Prometheus 3, which it builds (needs Go); Debian's packages have a Prometheus 2
	$(call needs,go,install Go 1.25 or newer)
	go -C tests/prometheus3 build -tags remove_all_sd,netgo -o ../../target/prometheus3/ tool </dev/null
	PATH="$$PWD/target/prometheus3:$$PATH" $(CARGO) test --locked --test all -- $(ON_PROMETHEUS)

.PHONY: bench
bench: peers ## The figures that the README quotes, against their limits
	$(CARGO) bench --locked --benches
