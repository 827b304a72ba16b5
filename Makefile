# The whole set-up: `make run` and `make test` work on a fresh machine with Python 3.11+ and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: setup run test lint fault bench containers lock secrets tools manifests monitoring sbom clean

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Touchback needs Python 3.11 or newer; set PYTHON=…")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

run: setup
	$(BIN)/touchback demo

# A process a core, four at most, each with its Kafka and PostgreSQL; a file's tests stay together.
test: setup
	$(BIN)/python -m pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile $(ARGS)

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

fault: setup
	$(BIN)/python -m pytest tests/fault $(ARGS)

bench: setup
	$(BIN)/python -m tests.bench $(ARGS)

# Versions and hashes only: the locks name no address. The image's two are parts of the first: what
# runs in it, and what builds the wheel.
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate
lock:
	$(COMPILE) --all-extras --output-file requirements.lock pyproject.toml
	$(COMPILE) --extra otel --constraint requirements.lock --output-file deploy/requirements-runtime.lock pyproject.toml
	printf 'hatchling\ncyclonedx-bom\n' | $(COMPILE) --constraint requirements.lock --output-file deploy/requirements-build.lock -
	$(COMPILE) --output-file tests/deploy/tools.lock tests/deploy/tools.in

# What docker-compose.yml mounts as secrets: made once, never replaced, in a folder of your own.
secrets:
	@sh deploy/secrets.sh secrets

# The programs that tests/deploy looks at deploy/ with: 0.7 GB, so in a place of their own.
TOOLS := .cache/tools
tools: $(TOOLS)/.installed

$(TOOLS)/.installed: tests/deploy/tools.lock | $(STAMP)
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(TOOLS)
	$(BIN)/uv pip install --quiet --python $(TOOLS)/bin/python --require-hashes -r tests/deploy/tools.lock
	@touch $@

# The Kustomize base is the chart as it comes, rendered.
manifests: $(TOOLS)/.installed
	$(TOOLS)/bin/python tests/deploy/render.py --write deploy/kustomize/base

# The rules, who hears of them, and the dashboards, from their tables and the example catalog.
monitoring: setup
	$(BIN)/python -m deploy.prometheus.generate
	$(BIN)/python -m deploy.alertmanager.generate
	$(BIN)/python -m deploy.grafana.generate

# What the image holds, by name, version, licence and who needs whom, as CycloneDX; the image has
# the same in /opt/touchback.
sbom: setup
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .cache/runtime
	$(BIN)/uv pip install --quiet --python .cache/runtime/bin/python --require-hashes -r deploy/requirements-runtime.lock
	mkdir -p dist
	$(BIN)/cyclonedx-py environment --pyproject pyproject.toml --mc-type application --output-reproducible \
		--output-file dist/touchback.cdx.json .cache/runtime/bin/python

# The image and the compose file for real, with podman: minutes, and only where the tools are.
containers: setup
	$(BIN)/python -m pytest tests/containers -s -x $(ARGS)

clean:
	rm -rf $(VENV) .touchback .cache
