# Every target rests on `setup`, which is quick where it was done before.
.DEFAULT_GOAL := help
.PHONY: help setup run test lint lock metal clean
BIN := .venv/bin

help: ## this list
	@sed -n 's/^\([a-z]*\):[^#]*## */  make \1|/p' Makefile | awk -F'|' '{printf "%-14s %s\n", $$1, $$2}'

setup: ## build .venv from requirements.lock
	@sh setup.sh

run: setup ## watch the configured folder, or FOLDER=/some/dir, until Ctrl-C
	@exec $(BIN)/genrewatch run $${FOLDER:+--folder "$$FOLDER"}

# two processes, each with whole files of tests; what ARGS picks is seldom worth a second one
test: setup ## all tests; ARGS="-k name" picks some
	@$(BIN)/python -m pytest $(or $(ARGS),--numprocesses 2 --dist loadfile)

lint: setup ## style, types and the arrows between the rooms
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy --strict core daemon
	@$(BIN)/lint-imports

lock: ## resolve pyproject.toml anew into the two lock files
	@sh setup.sh lock

metal: setup ## Apple silicon: add tensorflow-metal, so that training may use the GPU
	@[ "$$(uname -sm)" = "Darwin arm64" ] || { echo "tensorflow-metal is for Apple silicon only" >&2; exit 1; }
	@uv="$$(sh setup.sh uv)" && "$$uv" pip install --python $(BIN)/python --no-deps --require-hashes -r requirements-metal.lock

clean: ## remove the environment and all caches; state and music stay
	@rm -rf .venv .uv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
