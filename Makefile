# make demo   a coalition of five hospitals, run and audited
# make test   the tests        make check     format, lint, types, layers
# make campaign                the tests that take long
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
DEMO   := runs/demo

.PHONY: demo test campaign check format clean

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(STAMP)
	rm -rf $(DEMO)
	$(BIN)/tclearn run quickstart --out $(DEMO)
	$(BIN)/tclearn audit $(DEMO)

test: $(STAMP)
	$(BIN)/pytest -n auto

# Longer than the tests: 500 kills, every single bit, every mutant of the verifier, 1,000 seeds of
# every protocol and adversary, 10,000 forged proofs.
campaign: $(STAMP)
	TCLEARN_CAMPAIGN=1 TCLEARN_KILLS=500 $(BIN)/pytest -n auto tests/test_attack_*.py tests/test_ledger_*.py tests/test_trials_*.py tests/test_adversaries_*.py tests/test_crypto_norm_proof_*.py

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) runs .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
