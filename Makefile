# The index of habits. `make` alone prints it.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
INSTALLED := .venv/.installed
STATE := .salonos

.DEFAULT_GOAL := help
.PHONY: help run test check format format-check lint types imports schema schema-check migration-check prove lock browser clients bench clean

help:  ## print this index
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "SalonOS needs Python 3.11."; exit 1; }
	@test -x $(BIN)/python || { echo "Making .venv"; $(PYTHON) -m venv .venv; }
	@echo "Installing what requirements.lock names"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q salonos worker migrations
	@touch $@

run: $(INSTALLED)  ## install and run the salon with demo data: API, worker, embedded servers
	@SALONOS_DEMO=$${SALONOS_DEMO:-1} exec $(BIN)/salonos up

# A test that hangs says where it hangs; a fault that fails all is told before it has failed all.
test: $(INSTALLED)  ## install and run the tests, on servers of their own
	@$(BIN)/pytest -n 2 --timeout=300 --maxfail=20

check: format-check lint types imports schema-check migration-check test  ## everything that a change has to pass

format: $(INSTALLED)  ## format the code
	@$(BIN)/ruff format . && $(BIN)/ruff check --select I --fix .

format-check: $(INSTALLED)  ## is everything formatted?
	@$(BIN)/ruff format --check .

lint: $(INSTALLED)  ## is everything clean?
	@$(BIN)/ruff check .

types: $(INSTALLED)  ## do the types hold?
	@$(BIN)/mypy salonos worker

imports: $(INSTALLED)  ## does everybody import only what stands below?
	@$(BIN)/lint-imports --no-cache

schema: $(INSTALLED)  ## write schema.graphql
	@$(BIN)/salonos schema > schema.graphql.new && mv schema.graphql.new schema.graphql

schema-check: $(INSTALLED)  ## is schema.graphql what the code says, without a breaking change that the changelog does not name?
	@$(BIN)/python -m tests.schema_check

migration-check: $(INSTALLED)  ## do the migrations make what the mapped classes say, up and down?
	@$(BIN)/pytest -n 0 -q tests/test_migrations.py

prove: $(INSTALLED)  ## the guarantees at their full numbers: takes long
	@SALONOS_PROVE=1 $(BIN)/pytest -n 2

browser: $(INSTALLED)  ## the playground in headless Chromium; brings Node packages and Chromium itself
	@tests/browser/run.sh

clients: $(INSTALLED)  ## public GraphQL clients on the real salon, and the example till; brings Node packages, gql and Chromium itself
	@tests/clients/run.sh

bench: $(INSTALLED)  ## SalonOS beside a hand-written server and others; brings wrk and Node packages itself
	@bench/install.sh
	@$(BIN)/python -m bench.run $(ONLY)

lock:  ## write requirements.lock anew
	@$(BIN)/uv pip compile --universal --generate-hashes --no-emit-index-url --python-version 3.11 --group dev pyproject.toml -o requirements.lock --quiet
	@$(BIN)/uv pip compile --universal --generate-hashes --no-emit-index-url --python-version 3.11 tests/clients/gql.in -o tests/clients/gql.lock --quiet

clean:  ## remove what was installed and the salon's local state
	@rm -rf .venv $(STATE)
