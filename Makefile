# The one list of commands. Each sets up what it needs; `make setup` does it ahead.
PYTHON ?= python3
BIN := .venv/bin
export PYTHONDONTWRITEBYTECODE := 1

.PHONY: setup demo serve-demo test mutants notebooks browser lint types bench docs docs-refresh clean

.venv/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit("sbh-jobkit needs Python 3.11 or newer; try: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt pip

.venv/runtime: pyproject.toml constraints.txt | .venv/bin/pip
	@$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	@touch $@

.venv/serve: .venv/runtime
	@$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[serve]'
	@touch $@

.venv/dev: .venv/runtime
	@$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[all]' --group dev
	@touch $@

setup: .venv/dev

demo: .venv/runtime
	@$(BIN)/sbh-jobkit simulate examples/hub_ops --for 30d --html build/report.html

# A day of the example's schedules in a minute, on real services of this machine.
serve-demo: .venv/serve
	@$(BIN)/python examples/serve_demo/demo.py

test: .venv/dev
	@$(BIN)/pytest -n auto --dist worksteal --cov --cov-report=term:skip-covered

# Small changes of the modules that decide, each of which must make a test fail; it takes a while, and CI leaves it out.
mutants: .venv/dev
	@$(BIN)/python tests/mutation/mutate.py

# pytest shortens its lines for people but not on CI, and the notebooks show it as people see it.
notebooks: .venv/dev
	@env -u CI -u BUILD_NUMBER $(BIN)/python tests/notebooks.py --check
	@env -u CI -u BUILD_NUMBER $(BIN)/pytest -p nbval --nbval --nbval-sanitize-with sbh_jobkit/notebook/nbval.cfg notebooks

# A JupyterLab and the manual in a Chromium, which must be there; pictures of what was seen are kept in build/browser.
browser: .venv/dev .venv/docs
	@$(BIN)/pip install --quiet --constraint constraints.txt --group browser
	@$(BIN)/pytest -p no:xdist tests/browser

lint: .venv/dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

types: .venv/dev
	@$(BIN)/mypy

bench: .venv/dev
	@$(BIN)/pip install --quiet --constraint constraints.txt --group bench
	@$(BIN)/python bench/bench.py

.venv/docs: .venv/runtime
	@$(BIN)/pip install --quiet --constraint constraints.txt --group docs
	@touch $@

# A warning is an error, so every link and anchor inside the manual leads somewhere. Nothing is requested.
docs: .venv/docs
	@$(BIN)/sphinx-build --fail-on-warning --keep-going --nitpicky --fresh-env --quiet docs build/docs
	@echo "the manual: build/docs/index.html"

# What the manual's commands print, and its tables; `make test` says when they are stale.
docs-refresh: .venv/dev
	@$(BIN)/python tests/docs/manual.py

clean:
	@rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage
