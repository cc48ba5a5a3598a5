# make demo    log in with a local PeeringDB, in the browser   (ARGS=--once: without one)
# make test    all tests                                        (ARGS="-k word": some)
# make lint    ruff and mypy
# make bench   our speed beside that of our peers
.PHONY: demo test lint format bench

ARGS =
PYTHON = .venv/bin/python

demo:
	@scripts/set-up demo
	@$(PYTHON) examples/demo.py $(ARGS)

test:
	@scripts/set-up test
	$(PYTHON) -m coverage run -m pytest $(ARGS)
	$(PYTHON) -m coverage combine -q
	$(if $(ARGS),,$(PYTHON) -m coverage report)

lint:
	@scripts/set-up lint
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

bench:
	@scripts/set-up bench
	$(PYTHON) benchmarks/run.py $(ARGS)

format:
	@scripts/set-up lint
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .
