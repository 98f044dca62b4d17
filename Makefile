# `make` alone prints this list; every target builds what it needs.
.DEFAULT_GOAL := help
.PHONY: help setup train test torture bench compare check ablation plot clean \
	image docker-train image-check
.DELETE_ON_ERROR:

PYTHON ?= python3
VARIANT ?=
RECIPE ?=
ARGS ?=
SEEDS ?= 0 1 2
JOBS ?= 1
NAME ?=
DOCKER ?= docker
IMAGE ?= counterargument-biencoder
BASE_IMAGE ?=
BASE ?= HEAD~1
GPUS ?= all
DATA ?=
# The processes that share a run: one a GPU, where GPUS is a number above one. They meet at
# localhost, because not every machine's own name leads to itself.
SHARED = $(filter-out all 1,$(GPUS))
TORCHRUN = torchrun --standalone --local-addr=localhost --nproc-per-node=$(SHARED)

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

train: $(READY) ## train once: make train VARIANT=without_relu ARGS="--epochs=3 --seed=1" GPUS=2
	$(if $(SHARED),$(BIN)/$(TORCHRUN) train.py,$(BIN)/train) \
		$(if $(VARIANT),--variant=$(VARIANT)) $(ARGS)

# One worker a core, each of one thread: workers of several threads would wait for each other.
# Compiled files are kept, even where the environment says otherwise: the tests start hundreds of
# processes, and each would compile the project anew.
test: $(READY) ## run the tests
	PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses=auto --maxprocesses=4 --dist=worksteal

torture: $(READY) ## kill a run fifty times and at every file operation, and compare with one left in peace
	TORTURE_KILLS=50 $(BIN)/python -m pytest -s tests/test_torture.py

# The training benchmark runs a peer's trainer, which needs packages that nothing else does.
bench: $(READY) ## measure speed beside the peers': ten minutes, on a corpus by DATA=folder
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	$(BIN)/python tests/benchmarks/bench_startup.py
	$(BIN)/python tests/benchmarks/bench_search.py
	$(BIN)/python tests/benchmarks/bench_analysis_read.py 100
	$(BIN)/python tests/benchmarks/bench_device.py
	$(BIN)/python tests/benchmarks/bench_memory.py
	$(BIN)/python tests/benchmarks/bench_training.py --max_length=256 $(if $(DATA),--data_dir=$(DATA))
	$(BIN)/python tests/benchmarks/bench_epoch.py --recipe=documented $(if $(DATA),--data_dir=$(DATA) --epochs=1)

compare: $(READY) ## train tiny jobs at two commits and compare what they leave: BASE=main~1
	$(BIN)/python tests/benchmarks/compare_commits.py $(BASE)

check: $(READY) ## lint, format and types, as CI runs them
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# ARGS as a variable of the shell, so that quotes in it stay as they are.
ablation: export ABLATION_ARGS = $(value ARGS)
ablation: $(READY) ## train the four configurations, go on where it was: RECIPE=documented SEEDS="0 1 2" JOBS=2
	@$(BIN)/python ablation.py --seeds="$(SEEDS)" --jobs=$(JOBS) \
		$(if $(ABLATION_ARGS),--args="$$ABLATION_ARGS") $(if $(NAME),--name="$(NAME)") $(if $(RECIPE),--recipe="$(RECIPE)")

plot: $(READY) ## compare every run in logs/: pictures in logs/plots, a summary here
	$(BIN)/python -m analysis.plot logs/

image: ## build the container image; BASE_IMAGE=debian:bookworm-slim takes another base
	$(DOCKER) build -t $(IMAGE) $(if $(BASE_IMAGE),--build-arg BASE_IMAGE=$(BASE_IMAGE)) \
		--build-arg REVISION=$$(git describe --always --abbrev=40 --exclude='*' --dirty 2>/dev/null || echo unknown) .

# As the caller, to whom the files then belong; the folders are made first, or root would own them.
docker-train: ## train in the image: make docker-train VARIANT=without_relu GPUS=all DATA=corpus
	mkdir -p logs checkpoints
	$(DOCKER) run --rm --init --stop-timeout=120 --user="$$(id -u):$$(id -g)" \
		$(if $(GPUS),--gpus=$(GPUS)) \
		-v "$(CURDIR)/logs:/app/logs" -v "$(CURDIR)/checkpoints:/app/checkpoints" \
		$(if $(DATA),-v "$$(realpath -e "$(DATA)"):/data:ro") \
		$(if $(SHARED),--ipc=host) $(IMAGE) \
		$(if $(SHARED),$(TORCHRUN) --no-python) train \
		$(if $(DATA),--data_dir=/data) $(if $(VARIANT),--variant=$(VARIANT)) $(ARGS)

image-check: $(READY) ## build and try the image without a Docker engine: root, Debian or Ubuntu
	PYTHON=$(BIN)/python tests/image/check.sh

clean: ## remove the virtual environment and caches; logs and checkpoints stay
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find analysis biencoder tests -name __pycache__ -type d -exec rm -rf {} +
