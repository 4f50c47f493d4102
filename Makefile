# The commands of a day. PYTHON is any Python 3.11 or later.
PYTHON ?= python
COMPILE = uv pip compile --universal --python-version 3.11

.PHONY: install run test lint format data lock sbom advisories images numbers docs

install:  ## everything that development needs
	$(PYTHON) -m pip install -r requirements-dev.txt

run:  ## the application, in the browser
	streamlit run app/main.py

test:
	$(PYTHON) -m pytest

lint:
	ruff check .
	ruff format --check .
	mypy

format:
	ruff check --fix .
	ruff format .

data:  ## download and verify the public databases
	$(PYTHON) -m pipeline data

lock:  ## pin what requirements*.in ask for
	$(COMPILE) requirements.in -o requirements.txt
	$(COMPILE) requirements-dev.in -o requirements-dev.txt
	$(COMPILE) --generate-hashes requirements.in -c requirements.txt -o deploy/requirements-hashed.txt
	$(COMPILE) --no-header tests/archive/s3-server.in -o tests/archive/s3-server.txt

sbom:  ## the bill of all that an installation is made of; after `make lock` and `make install`
	$(PYTHON) -m deploy.sbom

advisories:  ## whether a pinned version has a known fault
	$(PYTHON) -m deploy.advisories

images:  ## whether the images of the containers are there as pinned
	$(PYTHON) -m deploy.images

docs:  ## the documentation, into site/
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict

numbers:  ## write measured numbers into docs/results.md, docs/reproduce.md and docs/model_cards
	$(PYTHON) docs/make_numbers.py
