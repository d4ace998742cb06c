# `make speedrun`: from an empty checkout to a trained model that answers.   `make test`: the tests.   Both install first.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help install speedrun test lint clean
help:
	@echo "make speedrun   build .venv, then data -> tokenizer -> base -> sft -> evaluation -> report (<= 10 minutes on 2 cores)"
	@echo "make test       build .venv, then the tests (<= 10 minutes, no network)"
	@echo "make install    build .venv only          make lint    ruff          make clean    forget .venv"

install: .venv/.installed

# The stamp is touched last: an installation that was cut off is done again, a finished one costs nothing.
.venv/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "acorn needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 install")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[iac,plot,dev]'
	@touch $@

speedrun: install
	$(BIN)/acorn speedrun configs/cpu.toml

test: install
	$(BIN)/python -m pytest

lint: install
	$(BIN)/ruff check .

clean:
	rm -rf .venv
