# make build    bin/solti-host and bin/plugins/solti-runner-NAME
# make demo     build, then run examples/specs/hello.yaml through a real plugin process
# make examples modules for the wasm runner, in the languages whose toolchain is there, and tasks that run them
# make test     all tests of all modules, with the race detector; 20 kills of a host under load
# make check    format, vet, linters, drift, cross-builds, and the tests
# make chaos    200 kills of a host under load; what CI runs beside check
# make soak     the long forms of all tests; hours
# make bench    the benchmarks
# make wasm-spec  the suites of the WebAssembly specification; when the version of wazero changes
# make proto    regenerate shared/proto

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS   += --no-print-directory
.DELETE_ON_ERROR:

GO      ?= go
TOOLS   := $(CURDIR)/.tools
# The last release, or what comes before the first.
VERSION := $(shell git describe --tags --dirty 2>/dev/null || echo v0.0.0-dev+$$(git describe --always --dirty 2>/dev/null || echo unknown))
LDFLAGS := -X main.version=$(VERSION)
BUILD   := CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)'

# A first-party plugin is a directory below plugins with a main.go.
PLUGINS := $(patsubst plugins/%/main.go,%,$(wildcard plugins/*/main.go))
# Modules that build on their own, outside the tree as well.
NESTED  := $(patsubst %/go.mod,%,$(wildcard examples/*/go.mod))
# What darwin has: all but the runners that need Linux.
DARWIN  := $(addsuffix /...,$(wildcard ./cmd ./host ./sdk ./plugins/subprocess))

# Results are never taken from the cache: it does not see the binaries that tests start.
TESTFLAGS ?= -race -count=1 -timeout=10m

.PHONY: build
build: host-binary $(addprefix plugin-,$(PLUGINS))

.PHONY: host-binary
host-binary:
	@$(BUILD) -o bin/solti-host ./cmd/solti-host

.PHONY: plugin-%
plugin-%:
	@$(BUILD) -o bin/plugins/solti-runner-$* ./plugins/$*

# The plugin for WebAssembly has the binary of its workers inside, built before, in the place of an empty file.
WORKERBIN := plugins/wasm/internal/workerbin
.PHONY: plugin-wasm
plugin-wasm:
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o bin/embed/wasm-worker ./$(WORKERBIN)/cmd
	@echo '{"Replace": {"$(WORKERBIN)/worker": "bin/embed/wasm-worker"}}' >bin/embed/wasm.json
	@$(BUILD) -overlay bin/embed/wasm.json -o bin/plugins/solti-runner-wasm ./plugins/wasm

.PHONY: demo
demo: build
	bin/solti-host run examples/specs/hello.yaml

.PHONY: examples
examples:
	@GO='$(GO)' examples/wasm/build.sh bin/examples

# The hosts that chaos kills are built for release, so the race detector would see only the killer.
.PHONY: test
test:
	@echo '== test: go test $(TESTFLAGS)'
	@{ rc=0; \
	   $(GO) test -json $(TESTFLAGS) $$($(GO) list ./... | grep -v '/chaos$$') || rc=1; \
	   for m in $(NESTED); do $(GO) -C $$m test -json $(TESTFLAGS) ./... || rc=1; done; \
	   $(GO) test -json -count=1 -short ./chaos || rc=1; \
	   exit $$rc; \
	 } | $(GO) run ./internal/testsum

.PHONY: chaos
chaos:
	@echo '== chaos: 200 kills'
	@$(GO) test -json -count=1 -timeout=30m ./chaos | $(GO) run ./internal/testsum

.PHONY: soak
soak:
	SOLTI_LONG=1 $(GO) test -count=1 -timeout=6h ./...

.PHONY: check
check: fmt-check tidy-check vet staticcheck lint proto-check cross test

.PHONY: fmt-check
fmt-check:
	@echo '== gofmt'
	@bad=$$(git ls-files -co --exclude-standard '*.go' | xargs gofmt -l); \
	 if [ -n "$$bad" ]; then echo "run gofmt -w on:"; echo "$$bad"; exit 1; fi

.PHONY: tidy-check
tidy-check:
	@echo '== go mod tidy'
	@for m in . $(NESTED); do $(GO) -C $$m mod tidy -diff; done

.PHONY: vet
vet:
	@echo '== go vet'
	@for m in . $(NESTED); do $(GO) -C $$m vet ./...; done

.PHONY: staticcheck
staticcheck: $(TOOLS)/staticcheck
	@echo '== staticcheck'
	@for m in . $(NESTED); do (cd $$m && $(TOOLS)/staticcheck ./...); done

.PHONY: lint
lint: $(TOOLS)/golangci-lint
	@echo '== golangci-lint'
	@for m in . $(NESTED); do (cd $$m && $(TOOLS)/golangci-lint run --config $(CURDIR)/.golangci.yml ./...); done

# Lint and format of the contract, and generated code that is what the sources say.
.PHONY: proto-check
proto-check: $(TOOLS)/buf $(TOOLS)/protoc-gen-go $(TOOLS)/protoc-gen-go-grpc
	@echo '== buf lint, format, drift of generated code'
	@$(TOOLS)/buf lint
	@$(TOOLS)/buf format --diff --exit-code
	@fresh=$$(mktemp -d); trap 'rm -rf "$$fresh"' EXIT; \
	 PATH="$(TOOLS):$$PATH" $(TOOLS)/buf generate -o "$$fresh"; \
	 diff -r -x '*.proto' "$$fresh/shared/proto" shared/proto || { echo 'run make proto'; exit 1; }

.PHONY: proto
proto: $(TOOLS)/buf $(TOOLS)/protoc-gen-go $(TOOLS)/protoc-gen-go-grpc
	$(TOOLS)/buf format -w
	PATH="$(TOOLS):$$PATH" $(TOOLS)/buf generate

.PHONY: cross
cross:
	@for t in linux/amd64 linux/arm64; do \
	   echo "== build $$t"; CGO_ENABLED=0 GOOS=$${t%/*} GOARCH=$${t#*/} $(GO) build ./...; done
	@echo '== vet darwin/arm64'
	@CGO_ENABLED=0 GOOS=darwin GOARCH=arm64 $(GO) vet $(DARWIN)

# The suites of the WebAssembly specification, as wazero brings them along. A test asks for it when go.mod has another version.
.PHONY: wasm-spec
wasm-spec:
	@GO='$(GO)' plugins/wasm/internal/guest/spec/run.sh

.PHONY: bench
bench: build
	@$(GO) run ./bench $(BENCH)

.PHONY: clean
clean:
	rm -rf bin

# Tools, at fixed versions, in the tree. A changed version is another stamp.
PROTOC_GEN_GO      := google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12
PROTOC_GEN_GO_GRPC := google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2
BUF                := github.com/bufbuild/buf/cmd/buf@v1.75.0
STATICCHECK        := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOLANGCI_LINT      := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

.PHONY: tools
tools: $(addprefix $(TOOLS)/,protoc-gen-go protoc-gen-go-grpc buf staticcheck golangci-lint)

$(TOOLS)/protoc-gen-go:      $(TOOLS)/.stamp/$(notdir $(PROTOC_GEN_GO))
$(TOOLS)/protoc-gen-go-grpc: $(TOOLS)/.stamp/$(notdir $(PROTOC_GEN_GO_GRPC))
$(TOOLS)/buf:                $(TOOLS)/.stamp/$(notdir $(BUF))
$(TOOLS)/staticcheck:        $(TOOLS)/.stamp/$(notdir $(STATICCHECK))
$(TOOLS)/golangci-lint:      $(TOOLS)/.stamp/$(notdir $(GOLANGCI_LINT))

define tool
$(TOOLS)/.stamp/$(notdir $(1)):
	@echo '== install $(1)'
	@GOBIN=$(TOOLS) $(GO) install $(1)
	@mkdir -p $$(@D) && touch $$@
endef
$(foreach t,$(PROTOC_GEN_GO) $(PROTOC_GEN_GO_GRPC) $(BUF) $(STATICCHECK) $(GOLANGCI_LINT),$(eval $(call tool,$(t))))
