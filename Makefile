# One command for each thing; each sets up what it needs. `make dev`, `make demo`, `make test`, `make lint`, `make bench`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Compiled at install: a process that has to compile what it imports starts seconds later.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo dev test test-sql test-nightly lint format bench bench-scale storm units settings-page application-page metrics-page texts-page lock audit pictures clean

# Whose tables the embedded database has: APPLICATION=sequora for those of Sequora's own application.
ON_TABLES = $(if $(APPLICATION),--application $(APPLICATION))

demo: $(READY)  ## each workflow once, on an embedded system
	$(BIN)/sequora demo $(ON_TABLES)

dev: $(READY)  ## the whole system until Ctrl-C
	exec $(BIN)/sequora dev $(ON_TABLES)

# Three at a time: stories mostly wait. Each process has a Postgres, a Twilio and systems of its own. Another server than the
# embedded one is named by where its programs are: POSTGRES=/usr/lib/postgresql/15/bin, for instance.
PYTEST = $(BIN)/pytest -n 3 --dist loadgroup $(if $(POSTGRES),--postgres=$(POSTGRES)) $(ARGS)
test: $(READY)  ## ARGS="-m 'not story'" leaves the whole-system stories out
	$(PYTEST)

test-sql: $(READY)  ## those nearest to our SQL, in one process
	$(BIN)/pytest $(if $(POSTGRES),--postgres=$(POSTGRES)) tests/ledger/test_plans.py tests/ledger/test_sessions.py tests/ledger/test_statements.py tests/migrations

test-nightly: $(READY)  ## leaves nothing out: each fault by itself, and many more examples
	$(PYTEST) --nightly

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint deploy/container/Containerfile

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The benchmarks' server: POSTGRES=/usr/lib/postgresql/15/bin, for instance, where its programs are.
ON_SERVER = $(if $(POSTGRES),--postgres $(POSTGRES))

bench: $(READY)  ## ARGS="--against-naive" for the comparison; POSTGRES="embedded /usr/lib/postgresql/15/bin" for both
	$(BIN)/python -m bench $(ON_SERVER) $(ARGS)

bench-scale: $(READY)  ## what each statement costs with millions of rows; some minutes, 5 GB of disk for as long
	$(BIN)/python -m bench.scale $(ON_SERVER) $(ARGS)

storm: $(READY)  ## everything fails at random while tasks arrive; ARGS="--seconds 60 --seed 2" for a short one
	$(BIN)/python -m bench.storm $(ON_SERVER) $(ARGS)

pictures: $(READY)  ## the README's, in docs/, of the running system; needs Chromium
	PYTHONPATH=tests $(BIN)/python -m browser.pictures

# The page of all settings, after a change of them.
settings-page: $(READY)
	$(BIN)/python -m docs.settings_page

# The tables of the page on maps, after a change of what a map may say.
application-page: $(READY)
	$(BIN)/python -m docs.application_page

# The tables of the page on metrics, after a change of a metric or an alert.
metrics-page: $(READY)
	$(BIN)/python -m docs.metrics_page

# The lists of the page on wording, after a change of a text or of what may stand in it.
texts-page: $(READY)
	$(BIN)/python -m docs.texts_page

# The systemd units, after a change of the Procfile or of their templates.
UNITS := deploy/systemd
units: $(READY)
	$(BIN)/honcho --no-colour export --procfile $(CURDIR)/sequora_orchestration/instance/Procfile \
		--template-dir deploy/systemd/templates systemd $(UNITS) --app sequora --user sequora --app-root /var/lib/sequora

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 …"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@

# After a change of the dependencies in pyproject.toml: all that is needed here, and of these what runs in a container.
LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-emit-index-url --no-annotate
lock: $(READY)
	$(BIN)/pip install --quiet uv
	$(LOCK) --extra local --group dev pyproject.toml -o requirements.lock
	$(LOCK) --group container --constraint requirements.lock pyproject.toml -o requirements-run.lock

# Known vulnerabilities of what requirements.lock pins, as https://osv.dev knows them; not every network reaches it.
audit: $(READY)
	@$(BIN)/python -c 'import requests; requests.get("https://api.osv.dev/", timeout=10)' 2>/dev/null || \
		{ echo "api.osv.dev, which knows the vulnerabilities, cannot be reached from here: run make audit where it can be."; exit 1; }
	$(BIN)/pip install --quiet --disable-pip-version-check pip-audit
	$(BIN)/pip-audit --vulnerability-service osv --requirement requirements.lock --no-deps --disable-pip --progress-spinner off

clean:
	rm -rf $(VENV) .sequora
