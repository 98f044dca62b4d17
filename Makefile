# `make` alone prints this list; every target builds what it needs.
.DEFAULT_GOAL := help
.PHONY: help setup train test torture check ablation plot clean
.DELETE_ON_ERROR:

PYTHON ?= python3
VARIANT ?=
ARGS ?=
SEEDS ?= 0 1 2
VARIANTS := with_layernorm_relu with_layernorm with_relu without_layernorm_relu

BIN := .venv/bin
# Written once everything is installed, so that an interrupted set-up is taken up again.
READY := .venv/.ready

help: ## print this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

setup: $(READY) ## build .venv with the pinned versions; does nothing when nothing changed

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 setup")'
	@echo "setting up .venv: a few minutes the first time"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

train: $(READY) ## train once: make train VARIANT=without_relu ARGS="--epochs=3 --seed=1"
	$(BIN)/train $(if $(VARIANT),--variant=$(VARIANT)) $(ARGS)

test: $(READY) ## run the tests
	$(BIN)/python -m pytest

torture: $(READY) ## kill a run fifty times and compare with one left in peace: some minutes
	TORTURE_KILLS=50 $(BIN)/python -m pytest -s tests/test_torture.py

check: $(READY) ## lint, format and types, as CI runs them
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

ablation: $(READY) ## train the four configurations, each with every seed of SEEDS="0 1 2"
	@failed=; \
	for seed in $(SEEDS); do for variant in $(VARIANTS); do \
		echo "== $$variant, seed $$seed"; \
		$(BIN)/train --variant=$$variant --seed=$$seed $(ARGS) || { \
			status=$$?; \
			if [ $$status -ge 128 ]; then exit $$status; fi; \
			failed="$$failed $$variant/seed=$$seed"; }; \
	done; done; \
	if [ -n "$$failed" ]; then echo "failed:$$failed" >&2; exit 1; fi

plot: $(READY) ## compare every run in logs/: pictures in logs/plots, a summary here
	$(BIN)/python -m analysis.plot logs/

clean: ## remove the virtual environment and caches; logs and checkpoints stay
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find analysis biencoder tests -name __pycache__ -type d -exec rm -rf {} +
