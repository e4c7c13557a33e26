# Nightjar. `make` shows what there is.
# PYTHON=… chooses an interpreter, PORT=8001 another port, DEMO=no leaves the demonstration out.

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
NEEDED = $(if $(PYTHON),$(PYTHON),$(error Nightjar needs Python 3.11 or newer, and none was found. Name one: make run PYTHON=/path/to/python3))
PY := .venv/bin/python
WITH := $(PY) -m config.local with $(PY)
TEMPLATES := $(wildcard templates */templates)

.DEFAULT_GOAL := help
.PHONY: help run test check fix bench endure reset status installed installed-dev

help: ## Show this
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 16

run: installed ## Start Nightjar on this machine; Ctrl-C stops it
	@exec $(PY) -m config.local up

# The tests that look at all of Nightjar running have a database to themselves, so they run by themselves, at the end.
test: installed-dev ## Run all tests; ARGS="-k desk" runs some
ifdef ARGS
	@exec $(PY) -m pytest -n 2 $(ARGS)
else
	$(PY) -m pytest -n 2 -m "not running"
	$(PY) -m pytest -m running
endif

check: installed-dev ## Style, types, the floor plan, migrations
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(WITH) -m mypy .
	.venv/bin/lint-imports
	$(if $(TEMPLATES),$(PY) -m djhtml --check --tabwidth 2 $(TEMPLATES))
	$(if $(TEMPLATES),$(PY) -m djlint --lint --quiet $(TEMPLATES))
	$(WITH) manage.py makemigrations --check --dry-run

fix: installed-dev ## Put style right
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .
	$(if $(TEMPLATES),$(PY) -m djhtml --tabwidth 2 $(TEMPLATES))

bench: installed ## Measure all, or one: NAME=ingest_batch
	@exec $(PY) -m config.local bench $(NAME)

endure: installed-dev ## An outage is played while parts are killed, and the books compared: MINUTES=30 SPEED=10
	@exec $(PY) -m tests.channel.endurance --minutes $(or $(MINUTES),30) --speed $(or $(SPEED),10)

reset: installed ## Throw all data away, after asking
	@exec $(PY) -m config.local reset

status: installed ## Say whether Nightjar runs, and where
	@exec $(PY) -m config.local status

installed:
	@$(NEEDED) config/local/install.py requirements.txt

installed-dev:
	@$(NEEDED) config/local/install.py requirements-dev.txt
