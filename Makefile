# `make help` lists the targets that are meant for people: those with a ## comment.

IMAGE        ?= ringkv/ringkv:dev
KUBECONFIG   ?= $(kind_config)
E2E_TIMEOUT  ?= 60m
E2E_ARGS     ?=
BENCH        ?= .
CHAOS_ARGS   ?=
TIME         ?= 10m
ROUNDS       ?= 3
RUN          ?=

# The kind cluster's own file: nobody's kubeconfig is touched, whatever KUBECONFIG says outside.
kind_config := $(CURDIR)/build/kubeconfig
go_build    := CGO_ENABLED=0 go build -trimpath -ldflags '-s -w'
packages    := go list ./... | grep -v -e /test/e2e -e /test/compat

.DEFAULT_GOAL := help
.PHONY: help build demo test compat compat-packages sim chaos soak fuzz mutate test-race lint fmt bench bench-peers generate golden image e2e docker-engine kind-up kind-down kind-load install uninstall clean

help: ## Show this list
	@awk -F ':.*## ' '/^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Without Docker and Kubernetes

build: ## Build kvnode, manager and kvctl into bin/
	@mkdir -p bin
	$(go_build) -o bin/ ./cmd/kvnode ./cmd/manager ./cmd/kvctl

demo: build ## Run a local cluster through growth, a crash and shrinking, under load (about 1 minute)
	bin/kvctl demo

test: ## Run the unit, crash, property and envtest suites (the first run also builds an API server: +8 minutes)
	@assets=$$(hack/envtest) && export KUBEBUILDER_ASSETS="$$assets" && go test -timeout 20m $$($(packages))

sim: ## Run new seeds of the cluster simulation for TIME, such as TIME=8h; fails with a seed and a short schedule
	go test ./test/sim -count=1 -timeout 0 -run Promises -v -budget '$(TIME)'

fuzz: ## Fuzz every target for TIME, such as TIME=1m; what fails is kept beside the test
	@grep -rnoE --include='*_test.go' '^func Fuzz[A-Za-z]+' internal | sed -E 's|^(.*)/[^/]+:[0-9]+:func (.*)|\1 \2|' | while read -r dir name; do \
	  echo "$$dir $$name" && go test "./$$dir" -run '^$$' -fuzz "^$$name\$$" -fuzztime '$(TIME)' -fuzzminimizetime 1s || exit 1; done

mutate: ## Break the product in named ways, one at a time, and see that a test fails for each; RUN=regexp chooses some
	go run ./hack/mutate -run '$(RUN)' $(if $(RUN),,-doc docs/testing.md)

chaos: ## Break what is around real processes for TIME: kills, cuts, power loss (Linux; best as root)
	go test ./test/chaos -count=1 -timeout 0 -run Promises -v -budget '$(TIME)' $(CHAOS_ARGS)

soak: ## Run a cluster under load, faults and scale events for TIME, such as TIME=30m, and see that nothing grows
	go test ./test/chaos -count=1 -timeout 0 -run Grows -v -budget '$(TIME)' $(CHAOS_ARGS)

compat: compat-packages ## Run the tests with redis-cli and client libraries of Go, Python, JavaScript and C (1 minute)
	go test ./test/compat -count=1 -v

compat-packages:
	@mkdir -p build/compat && cmp -s test/compat/js/package-lock.json build/compat/package-lock.json || { \
	  cp test/compat/js/package*.json build/compat/ && \
	  npm ci --prefix build/compat --no-audit --no-fund --ignore-scripts || { rm -f build/compat/package-lock.json; exit 1; }; }

test-race: ## Run the data path's tests under the race detector, the long ones shortened
	go test -race -short -timeout 20m ./internal/kv/... ./internal/load/...

lint: ## Check style, common mistakes and the allowed import directions
	@linter=$$(hack/tool golangci-lint) && "$$linter" run
	go -C test/bench/etcd vet ./...
	@buf=$$(hack/tool buf) && cd api && "$$buf" lint && "$$buf" format --diff --exit-code

bench: ## Run the benchmarks; BENCH=pattern chooses some of them
	go test -run='^$$' -bench='$(BENCH)' -benchmem ./internal/...

bench-peers: build ## Measure beside Redis and etcd, into docs/performance.md; ONLY=group,... ROUNDS=n TIME=2s (15 minutes; redis-server must be there)
	@mkdir -p build/bench
	go -C test/bench/etcd build -o '$(CURDIR)/build/bench/etcd-load' .
	go build -o build/bench/bench ./test/bench
	@etcd=$$(hack/tool etcd) && build/bench/bench -etcd "$$etcd" -etcd-load build/bench/etcd-load -only '$(ONLY)' -rounds '$(ROUNDS)' \
	  $(if $(filter command environment,$(origin TIME)),-time '$(TIME)') $(BENCH_ARGS)

##@ When the code changes

fmt: ## Format the Go code
	@linter=$$(hack/tool golangci-lint) && "$$linter" fmt

generate: ## Renew the generated code, the CRD, the manager's role, the OpenAPI description and docs/commands.md
	@plugins=$$(hack/tool protoc-gen-go protoc-gen-connect-go) && buf=$$(hack/tool buf) && cd api && \
	PATH="$$(dirname $$plugins | uniq):$$PATH" "$$buf" generate
	@generator=$$(hack/tool controller-gen) && \
	"$$generator" object paths=./api/... && \
	"$$generator" crd paths=./api/... output:crd:artifacts:config=config/crd/bases && \
	"$$generator" rbac:roleName=ringkv-manager paths=./internal/controller/... output:rbac:artifacts:config=config/rbac
	@mkdir -p charts/ringkv/crds charts/ringkv/files && cp config/crd/bases/*.yaml charts/ringkv/crds/ && cp config/rbac/role.yaml charts/ringkv/files/
	go run ./hack/commands > docs/commands.md

golden: ## Write the golden files of a new format with this build: GENERATION=4
	go test $$(git ls-files '*/golden_test.go' | grep ^internal/kv/ | xargs dirname | sed 's|^|./|') -count=1 -run 'OfAll|OfThisProtocol|NoField' -args -golden '$(GENERATION)'

clean: ## Delete what was built here; the machine's cache of tools stays
	rm -rf bin build

##@ With Docker: a real Kubernetes on this machine

docker-engine: ## Install and start a Docker engine (Debian, as root); one that answers is left alone
	hack/kind/engine up

kind-up: ## Start a kind cluster with three workers in three zones, or reuse it
	@hack/kind/up

kind-down: ## Delete the kind cluster
	@hack/kind/down

image: build ## Build the container image; IMAGE names it
	docker build --tag '$(IMAGE)' .

kind-load: kind-up image ## Build the image and give it to the kind cluster's nodes
	hack/kind/load '$(IMAGE)'

e2e: kind-load ## Run the end-to-end suite on the kind cluster; E2E_ARGS go to ginkgo
	@helm=$$(hack/tool helm) && kubectl=$$(hack/tool kubectl) && kind=$$(hack/tool kind) && previous=$$(hack/kind/previous '$(IMAGE)') && \
	KUBECONFIG='$(kind_config)' HELM="$$helm" KUBECTL="$$kubectl" KIND="$$kind" RINGKV_IMAGE='$(IMAGE)' RINGKV_PREVIOUS_IMAGE="$$previous" \
	go test ./test/e2e -count=1 -timeout '$(E2E_TIMEOUT)' -v -ginkgo.v $(E2E_ARGS)

##@ On the cluster that KUBECONFIG names

install: ## Install or upgrade the operator with helm
	@helm=$$(hack/tool helm) && KUBECONFIG='$(KUBECONFIG)' "$$helm" upgrade --install ringkv charts/ringkv \
	  --namespace ringkv-system --create-namespace --set image.repository='$(firstword $(subst :, ,$(IMAGE)))' \
	  --set image.tag='$(lastword $(subst :, ,$(IMAGE)))' --wait --timeout 2m

uninstall: ## Remove the operator; KVClusters and their definition stay
	@helm=$$(hack/tool helm) && KUBECONFIG='$(KUBECONFIG)' "$$helm" uninstall ringkv --namespace ringkv-system
