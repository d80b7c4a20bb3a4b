# `make help` lists what there is. Needs Python 3.10 or newer, make, and at the first run the network for packages.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
# Optional: another index for torch and torchvision, such as https://download.pytorch.org/whl/cpu (smaller, no CUDA).
TORCH_INDEX ?=
# Optional: which chapters or checkpoints `make execute`, `make mutants`, `make prose` and `make train` work on.
NAME ?=
# Optional: more arguments for `make prose`, such as ARGS=--all.
ARGS ?=
# Optional: more arguments for pytest, such as PYTEST="-k fgsm".
PYTEST ?=
# Optional: how many processes run tests side by side; auto is one a core, at most four. JOBS=0 runs all in one.
JOBS ?= auto
SIDE_BY_SIDE := -n $(JOBS) --dist loadfile --no-loadscope-reorder --durations=10 --durations-min=1

# Compiled code is kept: each of the many processes that run tests starts two seconds sooner.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup lab test test-all test-fast test-real mutants execute prose slides train bench clean

help: ## list these commands
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

setup: $(STAMP) ## create .venv and install the packages (the other commands do it by themselves)
	@:

$(STAMP): requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || { \
		echo "Python 3.10 or newer is needed; '$(PYTHON)' is $$($(PYTHON) --version 2>&1)."; \
		echo "Name another one: make lab PYTHON=python3.12"; exit 1; }
	@echo "Setting up $(VENV): some minutes, and some gigabytes for PyTorch. The log is $(VENV)/install.log."
	@start=$$(date +%s); \
	$(PYTHON) -m venv $(VENV) || { \
		echo "No virtual environment could be made. On Debian and Ubuntu: apt install python3-venv"; exit 1; }; \
	pip="$(PY) -m pip install --disable-pip-version-check --no-input --progress-bar off"; \
	{ { [ -z "$(TORCH_INDEX)" ] || $$pip --index-url "$(TORCH_INDEX)" torch torchvision; } \
		&& $$pip -r requirements.txt; } > $(VENV)/install.log 2>&1 || { \
		grep -v "is ignored: it is neither a file nor a directory" $(VENV)/install.log | tail -n 20; \
		echo "The packages could not be installed (above; all of it in $(VENV)/install.log)."; exit 1; }; \
	$(PY) -c 'import torch, torchvision' || { \
		echo "torch and torchvision do not work together here. Remove $(VENV) (make clean) and try again;"; \
		echo "both must come from the same index (TORCH_INDEX=... sets it for both)."; exit 1; }; \
	echo "Installed in $$(( $$(date +%s) - start )) s."
	@touch $(STAMP)

lab: setup ## open the course in JupyterLab
	@$(PY) -m course_utils.lab

test: ## set up, then the tests: units, every chapter as the student gets it, one chapter in a browser
	@start=$$(date +%s); $(MAKE) --no-print-directory setup && echo "Set-up: $$(( $$(date +%s) - start )) s."
	@$(PY) -m pytest $(SIDE_BY_SIDE) --ignore notebooks/solutions $(PYTEST)

test-all: setup ## the same, every chapter as its authors edit it, all panels in the browser, the mutants of all right answers
	@COURSE_TESTS=all $(PY) -m pytest $(SIDE_BY_SIDE) $(PYTEST)

test-fast: setup ## only the unit tests: no notebook is run, no browser
	@$(PY) -m pytest $(SIDE_BY_SIDE) tests --ignore tests/test_browser.py $(PYTEST)

test-real: setup ## every chapter on real data (COURSE_DATA_DIR, TORCH_HOME say where it lies; else it is fetched)
	@COURSE_DATA=real COURSE_NOTEBOOK_SECONDS=$${COURSE_NOTEBOOK_SECONDS:-600} $(PY) -m pytest $(SIDE_BY_SIDE) --nbval-lax \
		notebooks --ignore notebooks/solutions $(PYTEST)

execute: setup ## authors: execute and normalise the chapters (NAME=09_fgsm), generate the student's
	@$(PY) -m course_utils.notebooks $(NAME)

prose: setup ## authors: the sentences about a network's behaviour that no claim follows (NAME=09_fgsm)
	@$(PY) -m course_utils.notebooks.prose $(NAME) $(ARGS)

mutants: setup ## authors: change the right answers in every way (NAME=09_fgsm): what do the checkers still accept?
	@$(PY) -m tests.mutation $(NAME)

slides: setup ## write chapters as slides for a browser (NAME=09_fgsm) to build/slides
	@$(PY) -m course_utils.notebooks.slides $(NAME)

train: setup ## train the checkpoints again (NAME=lenet-digits; without NAME it lists them)
	@$(PY) -m experiments.train $(NAME)

bench: setup ## speed against the bare limit (benchmarks/)
	@for file in $$(grep -l __main__ benchmarks/*.py); do echo "== $$file"; $(PY) -m benchmarks.$$(basename $$file .py) || exit 1; done

clean: ## remove .venv and what the tools leave behind; downloaded data stays
	rm -rf $(VENV) .pytest_cache .hypothesis build dist *.egg-info
	find . -name __pycache__ -prune -exec rm -rf {} +
	find . -name .ipynb_checkpoints -prune -exec rm -rf {} +
