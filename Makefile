# make docs          the documentation as a site, in build/docs
# make package       wheel, sdist and a list of their parts (SBOM), in dist
# make demo          log in with a local PeeringDB, in the browser     (ARGS=--once: without one)
# make gateway-demo  a page behind nginx and the gateway              (ARGS=--once: without a browser)
# make test          all tests but test-servers, with coverage         (ARGS="-k word": some)
# make test-unit     the fast tests: no server, no browser
# make models        the refresh and the shared budget in every order  (BOUND=2: with more faults)
# make test-servers  the tests with nginx, Caddy, HAProxy, Traefik, Apache, PHP and Node.js
# make test-lowest   some tests, with the lowest versions that pyproject.toml allows
# make lint          ruff and mypy
# make mutants       small changes of the code, which the unit tests must notice (ARGS=access)
# make bench         our speed beside that of our peers: 10 minutes
# make figures       docs/figures.md and its charts, from the JSON in benchmarks
# make fuzz          a million odd inputs for each parser        (ARGS="callback token --runs 20000")
# make soak          sessions under load and through random faults     (ARGS="--stores redis")
# make load          10,000 logins from 200 threads, and from 2,000 tasks
# make simulate      how many sessions PeeringDB's limit can keep true
#
# Hypothesis tries the same examples in every run. Others, which it tells how to repeat:
#     make test-unit ARGS=--hypothesis-profile=random
.PHONY: demo gateway-demo docs package test test-unit models test-servers test-lowest lint format mutants bench figures fuzz soak load simulate

ARGS =
WORKERS = 2
BOUND = 1
PYTHON = .venv/bin/python
FIGURES = python3 benchmarks/figures.py
PYTEST = -m pytest --ignore=tests/servers
# A worker takes whole files, since the tests of a file share a sandbox or a browser. The
# folders with those come first, and the fast files at the end fill the gaps.
BY_FILE = --numprocesses=$(WORKERS) --dist=loadfile --no-loadscope-reorder
BY_TEST = --numprocesses=$(WORKERS) --dist=worksteal

# Without compiled files, each of a thousand processes would compile its modules again.
unexport PYTHONDONTWRITEBYTECODE

demo:
	@scripts/set-up demo
	@$(PYTHON) examples/demo.py $(ARGS)

docs:
	@scripts/set-up docs
	$(PYTHON) -m sphinx -E -W --keep-going -q -b dirhtml docs build/docs
	@echo "open build/docs/index.html"

package:
	@scripts/set-up package
	rm -rf dist
	$(PYTHON) -m hatchling build -d dist
	scripts/sbom dist/*.whl dist/sbom.cdx.json

gateway-demo:
	@scripts/set-up gateway-demo
	@$(PYTHON) examples/gateway_demo.py $(ARGS)

ifdef ARGS
test:
	@scripts/set-up test
	$(PYTHON) $(PYTEST) $(ARGS)
else
test:
	@scripts/set-up test
	$(PYTHON) -m coverage erase
	$(PYTHON) -m coverage run $(PYTEST) $(BY_FILE)
	$(PYTHON) -m coverage combine -q
	$(PYTHON) -m coverage report
endif

test-unit:
	@scripts/set-up unit
	$(PYTHON) $(PYTEST) -m "not server" $(BY_TEST) $(ARGS)

models:
	@scripts/set-up unit
	@rm -f benchmarks/models.json
	MODEL_BOUND=$(BOUND) MODEL_RESULTS=benchmarks/models.json $(PYTHON) -m pytest -s $(wildcard tests/test_*every_order.py tests/*/*/test_*every_order.py)
	@$(FIGURES)

test-servers:
	@scripts/set-up servers
	$(PYTHON) -m pytest tests/servers $(ARGS)

test-lowest:
	@scripts/test-lowest $(ARGS)

lint:
	@scripts/set-up lint
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

mutants:
	@scripts/set-up mutants
	$(PYTHON) tests/mutants/run.py $(ARGS)

bench:
	@scripts/set-up bench
	$(PYTHON) benchmarks/run.py $(ARGS)

figures:
	$(FIGURES)

fuzz:
	@scripts/set-up fuzz
	$(PYTHON) tests/fuzz/run.py $(ARGS)
	@$(FIGURES)

soak:
	@scripts/set-up test
	$(PYTHON) tests/soak/run.py $(ARGS)
	@$(FIGURES)

load:
	@scripts/set-up test
	$(PYTHON) tests/load/run.py $(ARGS)
	@$(FIGURES)

simulate:
	@scripts/set-up test
	$(PYTHON) benchmarks/simulate.py $(ARGS)

format:
	@scripts/set-up lint
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .
