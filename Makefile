# Each target works alone on a fresh clone, with a C compiler or without one. Needs Python 3.11 or later with venv and pip.
#
#   make demo    set up, then the main job on pcaps/office/morning.pcapng: summary here, logs in demo-out/
#   make test    set up, then lint, types, and all tests, compiled and uncompiled
#   make check   lint and types only
#   make golden  write the golden logs anew (read the diff before you commit it)
#   make bench   measure against tshark, tcpdump, scapy and Zeek; writes tests/bench/README.md
#   make benchlive  measure what live loses of a flood, beside tcpdump (as root); writes there, too
#   make fuzz    every parser under atheris, FUZZ seconds each (120); writes tests/fuzz/README.md
#   make clean   everything that was made

.DELETE_ON_ERROR:
.PHONY: demo test check bench benchlive golden fuzz clean
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# An editable install compiles in place; it is made anew when one of these is newer than it.
COMPILED := $(wildcard sensor/*.pxd sensor/*/*.pxd sensor/*/*/*.pxd)
SOURCES := pyproject.toml setup.py $(COMPILED) $(wildcard $(COMPILED:.pxd=.py))

PYTEST ?= --numprocesses auto --durations 25

DEMO := demo-out
CAPTURE := pcaps/office/morning.pcapng

demo: $(VENV)/.installed
	@rm -rf $(DEMO) && mkdir -p $(DEMO)
	@$(BIN)/ocspwatch ct import --ct $(DEMO)/ct.sqlite pcaps/office/certs/
	@$(BIN)/ocspwatch replay $(CAPTURE) --ct $(DEMO)/ct.sqlite -o $(DEMO)/
	@echo "Logs: $$(cd $(DEMO) && echo *.log), in $(DEMO)/"

test: check
	@$(BIN)/python -c "import sensor; print('tests:', sensor.build_mode())"
	@if [ "$$($(BIN)/python -c 'import sensor; print(sensor.build_mode())')" = uncompiled ]; \
	 then echo 'tests: nothing is compiled here (no C compiler), so they run once'; \
	 else $(BIN)/python -m pytest $(PYTEST); fi
	@echo 'tests: uncompiled'
	@OCSPWATCH_PURE=1 $(BIN)/python -m pytest $(PYTEST)

check: $(VENV)/.tested
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy --strict

bench: $(VENV)/.tested
	@$(BIN)/python tests/bench/bench.py $(BENCH)

benchlive: $(VENV)/.tested
	@$(BIN)/python tests/bench/live.py $(BENCH)

FUZZ ?= 120

fuzz: $(VENV)/.tested
	@$(BIN)/python -m tests.fuzz.run --seconds $(FUZZ) $(TARGETS)

golden: $(VENV)/.tested
	@$(BIN)/python -m pytest tests/golden --update-golden

clean:
	rm -rf $(VENV) $(DEMO) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find sensor -name '*.so' -delete -o -name '*.c' -delete
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ocspwatch needs Python 3.11 or later: make PYTHON=...")'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(SOURCES) | $(BIN)/python
	@echo 'Installing into $(VENV) ...'
	@$(BIN)/python -m pip install -qq --editable .
	@touch $@

$(VENV)/.tested: $(SOURCES) | $(BIN)/python
	@echo 'Installing into $(VENV), with what the tests need ...'
	@$(BIN)/python -m pip install -qq --editable '.[test]'
	@touch $@ $(VENV)/.installed
