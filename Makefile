# `make help` lists the targets. Everything is installed into .venv, once; nothing outside it is touched except that
# `make test` as root adds Debian's Chromium, Node.js and Fashion-MNIST where there are none.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Packages that check the explorers' JavaScript; adviz itself needs none.
NODE := tests/javascript/node_modules
ARGS ?=

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

.DEFAULT_GOAL := help
.PHONY: help lab demo test check docs coverage soak notebooks dist smoke constraints clean javascript browser node datasets

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

lab: $(VENV)/.installed-lab  ## open the notebooks in JupyterLab (ARGS="--port 9000 --no-browser")
	$(BIN)/adviz lab notebooks $(ARGS)

demo: $(VENV)/.installed-lab  ## run the quickstart without a browser, print its table, write quickstart.html
	$(BIN)/adviz demo --html quickstart.html

test: $(VENV)/.installed-test browser node datasets  ## install what the tests need, then run all of them
	$(MAKE) --no-print-directory check

# Tests and stored notebooks use a cache of this checkout and print no progress bars.
check docs coverage soak notebooks: export ADVIZ_CACHE ?= $(CURDIR)/.cache/adviz
check docs coverage soak notebooks: export ADVIZ_PROGRESS := 0
# Threads that wait without spinning: several times faster where the two cores are shared with other work.
check docs coverage soak notebooks: export OMP_WAIT_POLICY ?= passive
# Modules are compiled once, not anew in every kernel and process, also where the environment asks for that.
check docs coverage soak notebooks: export PYTHONDONTWRITEBYTECODE :=
# Several processes with a thread each do more than one with two threads, which wait for each other after every small product.
check docs coverage soak: export OMP_NUM_THREADS ?= 1

# Without Fashion-MNIST its notebook has nothing to run on.
NEEDS_DATA = $(if $(wildcard /usr/share/datasets/fashion-mnist $(ADVIZ_DATA)/FashionMNIST/raw),,--ignore=notebooks/05_one_class.ipynb)

# Three processes on two cores: a test in the browser mostly waits, and another goes on (tests/conftest.py).
check: $(VENV)/.installed-test  ## ruff, mypy, tsc, eslint, nbval, the site, pytest and the browser tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(MAKE) --no-print-directory javascript
	rm -rf .cache/results
	env $$($(BIN)/python docs/site/build.py --environment) ADVIZ_RESULTS=$(CURDIR)/.cache/results $(BIN)/pytest --nbval --nbval-current-env --nbval-sanitize-with=tests/sanitize.cfg --nbval-cell-timeout=300 $(NEEDS_DATA) -n 2 --dist loadfile notebooks/
	$(BIN)/python docs/site/build.py
	$(BIN)/pytest -p no:nbval --durations=8 -n 3 --dist loadfile --no-loadscope-reorder

# The tests of the site open it where it lies.
docs: $(VENV)/.installed-test  ## build the documentation site, with live explorers, into site/
	$(BIN)/python docs/site/build.py

# pytest runs the tests in node. Without the packages nothing is checked here, which fails where CI=true.
javascript:  ## tsc and eslint over the explorers' JavaScript
	@if [ -x $(NODE)/.bin/tsc ]; then $(NODE)/.bin/tsc -p tests/javascript \
	  && $(NODE)/.bin/eslint -c tests/javascript/eslint.config.mjs adviz/explore/js tests/javascript; \
	else echo "The explorers' JavaScript is not checked: \`make node\` installs tsc and eslint."; [ "$$CI" != true ]; fi

# The soak test measures memory, of which tracing takes some.
coverage: $(VENV)/.installed-test  ## which lines of adviz/ the unit tests reach (docs/development.md explains the others)
	$(BIN)/pytest -p no:nbval --ignore=tests/browser --ignore=tests/soak -n 2 --dist loadfile --no-loadscope-reorder --cov=adviz --cov-report=term-missing:skip-covered --cov-fail-under=95

soak: $(VENV)/.installed-test  ## hours: the tests that take too long for every run, properties with many examples, seeded faults
	$(BIN)/pytest -p no:nbval -m soak
	$(BIN)/python -m tests.mutation --seed 0 1 --per-module 60

# Rows that are there are not made again, and so could be those of older code.
notebooks: $(VENV)/.installed-lab  ## run all notebooks again and store their outputs
	@if [ -e notebooks/results ]; then echo "Move notebooks/results away first: its rows may be those of older code."; exit 1; fi
	for notebook in notebooks/*.ipynb; do $(BIN)/adviz run --in-place $$notebook || exit 1; done

dist: $(VENV)/.installed-test  ## build the wheel and the source distribution into dist/, print their sizes
	rm -rf dist
	$(BIN)/python -m hatchling build -d dist
	@wc -c dist/*

smoke:  ## minutes, 6 GB: install the wheel into a new environment and run the README's five lines (EXTRA=lab)
	packaging/smoke.sh $(EXTRA)

constraints: $(VENV)/.installed-test  ## write the versions in .venv to constraints.txt; after `make check` has passed
	$(BIN)/python packaging/constraints.py

clean:  ## remove what was generated, except .venv (rm -rf .venv removes that) and the rows of sweeps in notebooks/results
	rm -rf site .cache .mypy_cache .pytest_cache .ruff_cache build dist screenshots quickstart.html
	find adviz tests notebooks benchmarks -name __pycache__ -prune -exec rm -rf {} +
	find notebooks -name .ipynb_checkpoints -prune -exec rm -rf {} +

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' && $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "adviz needs Python 3.11 or newer with venv (Debian: apt-get install python3-venv); choose one with PYTHON=..."; \
	  exit 1; }

$(VENV)/.installed-lab: pyproject.toml | $(BIN)/python
	@echo "installing about 6 GB into $(VENV), once: this takes some minutes"
	$(BIN)/python -m pip install --quiet --no-compile --editable '.[cpu,lab]'
	touch $@

$(VENV)/.installed-test: pyproject.toml | $(BIN)/python
	@echo "installing about 6 GB into $(VENV), once: this takes some minutes"
	$(BIN)/python -m pip install --quiet --no-compile --editable '.[cpu,test]'
	touch $@ $(VENV)/.installed-lab

# Without Chromium the browser tests say so and are skipped, or fail where CI=true.
browser:
	@if [ -n "$$ADVIZ_CHROMIUM" ] || command -v chromium || command -v chromium-browser || command -v google-chrome; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core; \
	else echo "No Chromium found: the browser tests cannot run. Install it (Debian: sudo apt-get install chromium) or set ADVIZ_CHROMIUM."; fi

# Without Node.js the tests of the explorers' JavaScript say so and are skipped, or fail where CI=true.
node:
	@if command -v node && command -v npm; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm; \
	else echo "No Node.js found: the explorers' JavaScript cannot be tested. Install it (Debian: sudo apt-get install nodejs npm)."; fi
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory $(NODE)/.installed; fi

$(NODE)/.installed: tests/javascript/package.json
	@if npm install --prefix tests/javascript --no-package-lock --no-audit --no-fund; then touch $@; \
	else echo "npm could not install tsc and eslint: the explorers' JavaScript is tested, but not checked."; fi

# Without Fashion-MNIST the tests of the real data and its notebook are skipped; older Debians do not have the package.
datasets:
	@if [ -d /usr/share/datasets/fashion-mnist ]; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq \
	  && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends dataset-fashion-mnist; then :; \
	else echo "No Fashion-MNIST found: its tests and its notebook are skipped. Install it (Debian: sudo apt-get install dataset-fashion-mnist)."; fi
