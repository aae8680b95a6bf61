# `make demo` and `make test` need nothing but Python 3.11 and make. ARGS goes to the command: make demo ARGS="--days 4"

SHELL := /bin/bash
.DELETE_ON_ERROR:
.PHONY: help setup demo chaos test test-long mutation check format bench docs tone-model tone-characters lock clean
.DEFAULT_GOAL := help

BIN := .venv/bin
STAMP := .venv/.installed
ARGS ?=

help:
	@echo 'make demo    run due days on a bundled book against a sandbox provider; ARGS="--loans 500 --days 4" is short'
	@echo 'make chaos   kill at every marked point, break everything, compare the books; ARGS="--seed 2 --minutes 3" is a storm'
	@echo 'make test    all tests but the long ones, on a Postgres and a Redis of its own; ARGS="tests/unit -k window" is a part'
	@echo 'make test-long  the slow ones: restarts, faults at every moment, brown-outs, silent networks, the bench'
	@echo 'make mutation  change what decides in thousands of ways and count what a test notices; ARGS="duecourse.policy.caps*"'
	@echo 'make check   linters, types, layers and generated pages, as CI runs them'
	@echo 'make setup   only .venv, from requirements.lock'
	@echo 'make format  put the code in the one layout'
	@echo 'make bench   every measurement in one run; ARGS="--only planning --books 100k,1m" is a part, --json for programs'
	@echo 'make docs    write the generated pages: docs/cli.md, docs/providers.md, docs/jurisdictions.md'
	@echo 'make tone-model  train the tone guard anew: after every change of its words, rules or training texts'
	@echo 'make lock    resolve requirements.lock anew; ARGS="--upgrade" or ARGS="--upgrade-package redis" moves versions'
	@echo 'make clean   remove .venv and caches; var/, where embedded data lives, stays'

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml scripts/make-venv
	@echo 'setup: installing into .venv (once; again when requirements.lock or pyproject.toml changes)'
	@scripts/make-venv
	@touch $@

demo: setup
	@$(BIN)/duecourse demo $(ARGS)

chaos: setup
ifeq ($(ARGS),)
	@$(BIN)/duecourse chaos --points
endif
	@$(BIN)/duecourse chaos $(or $(ARGS),--minutes 15 --contacts 60000)

test: setup
	@$(BIN)/python -m pytest $(ARGS)

test-long: setup
	@$(BIN)/python -m pytest -m long $(ARGS)

# One at a time in the background: it takes hours, and nobody waits for it. What was tried once is not tried again.
mutation: setup
	@$(BIN)/python -c 'import mutmut' 2>/dev/null || \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --editable '.[mutation]'
	@CI=1 nice -n 19 $(BIN)/mutmut run --max-children 1 $(ARGS)
	@$(BIN)/python bench/mutation.py

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m duecourse.cli.reference --check

format: setup
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

bench: setup
	@$(BIN)/python -c 'import celery' 2>/dev/null || \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --editable '.[bench]' || \
		echo 'bench: Celery could not be installed: it is left out' >&2
	@$(BIN)/duecourse bench $(ARGS)

docs: setup
	@$(BIN)/python -m duecourse.cli.reference

tone-model tone-characters: setup
	@$(BIN)/python -c 'import sklearn, pypinyin, opencc' 2>/dev/null || \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --editable '.[training]'
	@OMP_NUM_THREADS=1 $(BIN)/python -m training.tone.$(if $(filter tone-model,$@),train,characters)

# No index, link folder or command line is written: the lock names packages, not where this machine gets them.
lock: setup
	$(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe \
		--no-header --no-emit-options --no-emit-index-url --no-emit-trusted-host --no-emit-find-links \
		--extra embedded --extra sandbox --extra rabbitmq --extra dev --build-deps-for editable --build-deps-for wheel \
		$(ARGS) --output-file requirements.lock pyproject.toml
	@{ printf '# Exact versions and hashes of what `make setup` installs, from whatever index pip is set up for.\n'; \
		printf '# Made from pyproject.toml by `make lock`; do not edit.\n'; \
		sed '/^# /d' requirements.lock; } > requirements.lock.new && mv requirements.lock.new requirements.lock

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
