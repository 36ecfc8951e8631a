# Thin names for what bin/ does. `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help run stop test test-fast lint types imports bench bench-analyse bench-apply bench-simcluster demo-reset faults

PYTHON := @sh bin/python

help: ## List what can be done
	@echo "meshconsole"
	@echo
	@sed -n 's/^\([a-z-]*\): .*## \(.*\)/\1|\2/p' Makefile | while IFS='|' read -r name text; do printf '  make %-16s %s\n' "$$name" "$$text"; done
	@echo
	@echo "Start with 'make run'. docs/operations/install.md says more."

run: ## Install what is needed, start the console with its demonstration fleet, follow the logs
	$(PYTHON) -m bin.run

stop: ## Stop a console that runs somewhere else on this checkout's state
	$(PYTHON) -m bin.run --stop

test: ## Install what the tests need and run everything: linters, types, contracts, unit, browser, faults
	$(PYTHON) -m bin.test

test-fast: ## Linters and the tests that need no browser and no running stack
	$(PYTHON) -m bin.test --fast

lint: ## Style of the code and of the templates
	$(PYTHON) -m bin.test --only lint

types: ## mypy, strict
	$(PYTHON) -m bin.test --only types

imports: ## The import contracts of docs/architecture.md
	$(PYTHON) -m bin.test --only imports

faults: ## Kill processes in the middle of things and see that nothing is stuck (bounded; ALL=1: the whole matrix)
	@MESHCONSOLE_FAULTS=$(if $(ALL),all,) sh bin/python -m bin.test --only faults

bench: ## Collect, model and analyse 10,000 pods; print the ratio to downloading them, memory, page times
	$(PYTHON) -m bin.bench

bench-simcluster: ## Start, list and watch a simulated cluster of 10,000 pods, and 100 clusters; print ratios
	$(PYTHON) -m bin.bench simcluster

bench-analyse: ## Analyse a mesh of 10,000 workloads and 2,000 objects of Istio, and again after one change
	$(PYTHON) -m bin.bench analyse

bench-apply: ## Approve, claim, write 20 objects on one cluster and one on 50, with real workers; print ratios
	$(PYTHON) -m bin.bench apply

demo-reset: ## Forget the demonstration data, so that the next 'make run' starts from nothing
	$(PYTHON) -m bin.demo_reset
