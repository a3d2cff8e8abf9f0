# Targets that run things; what compiles is in the Makefile.

deps: ## install the Debian packages Kiln is built with (asks sudo unless root)
	$(Q)mk/deps.sh build

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

clean: ## remove what was compiled (never the store or out/)
	$(Q)rm -rf build
