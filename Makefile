# The commands of a day. PYTHON is any Python 3.11 or later.
PYTHON ?= python
COMPILE = uv pip compile --universal --python-version 3.11

.PHONY: install run test lint format data lock numbers

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

numbers:  ## write measured numbers into README.md and docs/model_cards
	$(PYTHON) docs/make_numbers.py
