# `make help` lists the targets. Each does its own set-up, once: VENV (.venv) with Python 3.11 to 3.13 and requirements.lock.
SHELL := /bin/bash
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DOCS_STAMP := $(VENV)-docs/.installed

# The first candidate that runs, has a version we support and can make virtual environments. A name on the PATH is not
# enough: pyenv's shims are there for versions that aren't.
USABLE := import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for p in python3.12 python3.11 python3.13 python3 python; do \
	"$$p" -c '$(USABLE)' >/dev/null 2>&1 && echo "$$p" && break; done)

export TF_CPP_MIN_LOG_LEVEL ?= 3

.DEFAULT_GOAL := help
.PHONY: help setup demo test models docs tutorial soak soak-server test-browser vendor lint format clean

help:  ## Show this list
	@grep -E '^[a-z-]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

setup: $(STAMP)  ## Make the virtual environment (the other targets do so themselves)

$(STAMP): requirements.lock setup.py
	@python="$(PYTHON)"; \
	if [ -z "$$python" ] || ! "$$python" -c '$(USABLE)' >/dev/null 2>&1; then \
		echo "make: no usable Python 3.11, 3.12 or 3.13: tried $${python:-python3.12, python3.11, python3.13, python3, python}." >&2; \
		echo "make: there is no TensorFlow for Python 3.14 yet." >&2; \
		echo "make: install one, with its venv module (Debian and Ubuntu: apt install python3.12-venv)," >&2; \
		echo "make: or name yours: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; \
		exit 1; \
	fi; \
	echo "Setting up $(VENV) with $$("$$python" --version); this happens once and takes a few minutes."; \
	[ -x $(BIN)/python ] || "$$python" -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@if [ -z "$(NO_GPU)" ] && nvidia-smi -L 2>/dev/null | grep -q "^GPU"; then \
		echo "Here is an NVIDIA GPU: installing CUDA and cuDNN for it, some gigabytes (NO_GPU=1 leaves them out)."; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock 'tensorflow[and-cuda]' || exit 1; \
	fi
	@touch $@

demo: $(STAMP)  ## Prepare simulated cells, train all phases small, evaluate: table, pictures, runs/demo/metrics.json
	$(BIN)/python train/reference.py --preset=demo
	$(BIN)/python train/conditional.py --preset=demo
	$(BIN)/python train/sampler.py --preset=demo
	$(BIN)/python train/evaluate.py --model=runs/demo-sampler --draws=16 --detector_steps=200 --output=runs/demo

# Resumes what was interrupted. The scores are compared with the intervals of those that ship: as shipped, or ask why.
models: $(STAMP)  ## Make the models that ship anew from nothing, in hours, and put them into icell_tf/shipped
	$(BIN)/python train/reference.py --preset=small
	$(BIN)/python train/conditional.py --preset=small
	$(BIN)/python train/sampler.py --preset=small
	$(BIN)/python train/evaluate.py --model=runs/small-sampler
	$(BIN)/python -m icell_tf.export.shipping

# No GPU: the tests say what the code computes, and that must not depend on the machine. Two processes share the tests;
# more would take longer, because each trains the small models that its tests need.
test: $(STAMP)  ## Run all tests, on the CPU
	CUDA_VISIBLE_DEVICES=-1 $(BIN)/python -m pytest -n 2 --dist worksteal --durations=10

# What builds the site stands in an environment of its own, which sees all of $(VENV): docstrings are read by import.
$(DOCS_STAMP): requirements-docs.lock $(STAMP)
	$(BIN)/python -m venv $(VENV)-docs
	$(BIN)/python -c 'import sysconfig; print("import site; site.addsitedir(%r)" % sysconfig.get_path("purelib"))' \
		> "$$($(VENV)-docs/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/icell_tf.pth"
	$(VENV)-docs/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-docs.lock
	@touch $@

docs: $(DOCS_STAMP)  ## Build the site, in build/docs; a warning fails it
	$(VENV)-docs/bin/python -m sphinx -q -W --keep-going -n -b html docs build/docs
	@echo "The site: build/docs/index.html"

tutorial: $(STAMP)  ## Run the commands of docs/tutorial.md, as they stand, in an empty folder; takes minutes
	PATH="$(abspath $(BIN)):$$PATH" CUDA_VISIBLE_DEVICES=-1 python .ci/tutorial

soak: $(STAMP)  ## Kill, terminate and starve training processes, and check that nothing is lost; takes minutes
	CUDA_VISIBLE_DEVICES=-1 $(BIN)/python -m pytest -m soak -s

# SOAK_SECONDS=5 makes its three parts under load shorter, SOAK_SEED=1 its requests others.
soak-server: $(STAMP)  ## Ask a server too much, in the wrong way and too slowly, kill clients and server; takes minutes
	CUDA_VISIBLE_DEVICES=-1 $(BIN)/python -m pytest -m soak_server -s

test-browser: $(STAMP)  ## Test the explorer in a real browser, Chromium; screenshots go to build/browser
	[ -e icell_tf/serve/page/vendor ] || $(MAKE) vendor
	CUDA_VISIBLE_DEVICES=-1 $(BIN)/python -m pytest -m browser tests/browser --durations=5

# No other than the files in icell_tf/serve/vendor.json are taken, by their hashes.
vendor: $(STAMP)  ## Fetch onnxruntime-web from npm, by which a model runs in a browser; `icell explorer` needs it
	@work=$$(mktemp -d); trap 'rm -rf "$$work"' EXIT; \
	package=$$($(BIN)/python -c 'import json; r = json.load(open("icell_tf/serve/vendor.json")); print("%(name)s@%(version)s" % r)'); \
	npm pack --silent --pack-destination "$$work" "$$package" >/dev/null && \
	$(BIN)/python -m icell_tf.serve.runtime "$$work"/*.tgz && echo "$$package: icell_tf/serve/page/vendor"

lint: $(STAMP)  ## Check style and formatting with ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(STAMP)  ## Fix what ruff can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## Remove caches and build products; runs, data, exports and the virtual environment stay
	rm -rf build dist *.egg-info .pytest_cache .ruff_cache
	find . -name .git -prune -o -path './.venv*' -prune -o -path './$(VENV)' -prune -o -name __pycache__ -type d -print0 | xargs -0 rm -rf
	@echo "Kept: runs/, data, saved_models/ and $(VENV)."
