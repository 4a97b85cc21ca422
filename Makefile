# Every command a person needs. `make book` and `make test` set up .venv by themselves.
PYTHON ?= python3
BIN := .venv/bin
PORT ?= 8000

.PHONY: book test site-test serve lab bench house clean
.DEFAULT_GOAL := book

book: .venv/installed  ## execute every chapter and build the site
	$(BIN)/python book/build.py

test: .venv/installed  ## ruff, mypy, then pytest
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest

serve:  ## the built site in a browser, the playground alive; from disk it shows frames alone
	@echo "Open http://localhost:$(PORT)/index.html; Ctrl-C ends it"
	@$(PYTHON) -m http.server $(PORT) --bind 127.0.0.1 --directory _build/html

site-test: .venv/installed  ## the built site in a real browser; SITE_MATRIX=full also at 768 px, and all of it in the dark
	$(BIN)/python tests/book/browsing.py
	$(BIN)/pytest -m site

lab: .venv/installed  ## JupyterLab on the chapters
	$(BIN)/jupyter lab --notebook-dir=book

bench: .venv/installed  ## speed and memory on this machine, against what others would use
	$(BIN)/python benchmarks/all.py

house:  ## how long the library is, and which of its house rules are broken
	$(PYTHON) tests/house.py

clean:  ## remove what was built, but neither .venv nor runs/
	rm -rf _build book/_build .pytest_cache .ruff_cache .mypy_cache

.venv/installed: pyproject.toml constraints.txt book/lab.json
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version.split()[0] + "; try: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(if $(wildcard .venv/installing),--clear) .venv  # pip cannot go on where it was interrupted
	touch .venv/installing
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[book,test]'
	mkdir -p .venv/etc/jupyter/labconfig
	cp book/lab.json .venv/etc/jupyter/labconfig/default_setting_overrides.json
	mv .venv/installing $@ && touch $@
