# Everything a person does with this checkout. Needs Python 3.11 to 3.13 and a package index, nothing else.
PORT ?= 8000
VENV ?= .venv
WORKERS ?= 2
PYTHONS ?= python3.13 python3.12 python3.11 python3
BIN = $(VENV)/bin
# The version must fit and venv must be complete: Debian packs ensurepip separately.
USABLE = import ensurepip, sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
FITS = import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))

.DELETE_ON_ERROR:
.PHONY: run test lint soak bench pictures browser clean

run: $(VENV)/.installed  ## a demo venue on http://127.0.0.1:$(PORT)
	$(BIN)/trackd demo --port $(PORT)

test: $(VENV)/.dev browser  ## all tests but the long ones
	$(BIN)/python -m pytest -n $(WORKERS)

lint: $(VENV)/.dev  ## style, types, layers
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

soak: $(VENV)/.dev  ## the long tests
	$(BIN)/python -m pytest -m soak

bench: $(VENV)/.dev  ## the performance table of the README, measured here
	$(BIN)/trackd bench

pictures: $(VENV)/.dev browser  ## the manual's pictures, taken anew by its tests
	TRACKD_PICTURES=1 $(BIN)/python -m pytest -n 0 tests/browser/test_manual.py

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find trackd tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@for python in $(PYTHONS); do \
	  if $$python -c '$(USABLE)' 2>/dev/null; then exec $$python -m venv $(VENV); fi; \
	done; \
	for python in $(PYTHONS); do \
	  if $$python -c '$(FITS)' 2>/dev/null; then \
	    version=$$($$python -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
	    echo "Python's venv is incomplete here. Run: sudo apt install python$$version-venv" >&2; exit 1; fi; \
	done; \
	echo "trackd needs Python 3.11, 3.12 or 3.13. Run: sudo apt install python3 python3-venv" >&2; exit 1

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@ $(VENV)/.installed

# Browser tests drive the system's chromium and are skipped where there is none.
browser:
	@have() { command -v chromium || command -v chromium-browser || command -v google-chrome; } >/dev/null; \
	if have; then exit 0; fi; \
	sudo=; if [ "$$(id -u)" != 0 ]; then sudo="sudo -n"; fi; \
	if command -v apt-get >/dev/null && $$sudo true 2>/dev/null; then \
	  install="$$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y chromium fonts-dejavu-core"; \
	  $$install >/dev/null 2>&1 || { $$sudo apt-get update >/dev/null 2>&1 && $$install >/dev/null 2>&1; } || true; \
	fi; \
	have || echo "No chromium here: browser tests will be skipped." \
	  "To run them: sudo apt install chromium fonts-dejavu-core"
