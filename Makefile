# `make speedrun`: from an empty checkout to a trained model that answers.   `make test`: the tests.   Both install first.
PYTHON ?= python3
CONFIG ?= configs/cpu.toml
BIN := .venv/bin

.PHONY: help install speedrun test lint docs clean
help:
	@echo "make speedrun   build .venv, then tokenizer, data, base, mid, sft, rl, evaluation, report (<= 10 minutes on 2 cores)"
	@echo "                another pipeline: make speedrun CONFIG=configs/other.toml"
	@echo "make test       build .venv, then the tests (<= 10 minutes, no network)"
	@echo "make install    build .venv only; another Python: make install PYTHON=python3.12"
	@echo "make lint       ruff          make docs   docs/cli.md from --help          make clean   remove .venv"

install: .venv/.installed

# The stamp is written last, so an installation that was cut off is done again, and a finished one costs nothing. It holds
# the path of this checkout, as .venv does: where the checkout was copied or moved, the installation is done again too.
ifneq ($(shell cat .venv/.installed 2>/dev/null),$(CURDIR))
.PHONY: .venv/.installed
endif
.venv/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "acorn needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make install PYTHON=python3.12")'
	@echo "installing into .venv: once, a few minutes"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[iac,export,dev]'
	@echo '$(CURDIR)' > $@

speedrun: install
	@$(BIN)/acorn speedrun $(CONFIG)

test: install
	@$(BIN)/python -m pytest

lint: install
	@$(BIN)/ruff check .

docs: install
	@$(BIN)/python docs/make_cli.py

clean:
	rm -rf .venv
