# Targets that run things; what compiles is in the Makefile.
C_FILES := $(foreach d,$(ROOMS) tests/unit tests/unit/* tests/fuzz tests/system,$(wildcard $(d)/*.c $(d)/*.h))
CLANG_FORMAT ?= clang-format-14
CLANG_TIDY   ?= clang-tidy-14

deps: ## install the Debian packages Kiln is built with (sudo unless root)
	$(Q)mk/deps.sh build

quickstart: ## from nothing to a verified image: compile, fetch, build, publish, assemble, verify
	$(Q)mk/quickstart.sh

.PHONY: bootstrap-full
bootstrap-full: build/kiln ## the distribution's toolchain from the seed, made again by itself and from the second seed: hours
	$(Q)build/kiln bootstrap --ground final
	$(Q)build/kiln bootstrap --ground final --fixpoint
	$(Q)build/kiln bootstrap --ground final --compare --seed clang

check: ## tests that need no root and no network
	$(Q)mk/deps.sh test
	$(Q)$(MAKE) --no-print-directory -j2 $(KILN) unit $(FUZZ_REPLAY)
	$(Q)tests/run.sh $(BUILD)

check-system: ## tests of the walls and with real clients
	$(Q)mk/deps.sh test
	$(Q)$(MAKE) --no-print-directory -j2 $(KILN) system-tools
	$(Q)tests/system/run.sh $(BUILD)

lint: $(OBJ) ## floors, names, doorways, banned calls, budgets, recipes
	$(Q)awk -f mk/floors.awk $(SRC) $(foreach r,$(ROOMS),$(wildcard $(r)/*.h))
	$(Q)mk/symbols.sh $(filter-out $(BUILD)/cli/%,$(OBJ))
	$(Q)mk/doorways.sh
	$(Q)mk/banned.sh
	$(Q)mk/budgets.sh $(C_FILES)
	$(Q)mk/proofs.sh
	$(Q)tests/lint/run.sh
	@echo "lint: clean"

fmt: ## format the C files
	$(Q)$(CLANG_FORMAT) -i $(C_FILES)

fmt-check: ## say which C files are not formatted
	$(Q)$(CLANG_FORMAT) --dry-run -Werror $(C_FILES)

tidy: ## clang-tidy over every room
	$(Q)$(CLANG_TIDY) --quiet $(SRC) -- $(CPPFLAGS) -std=gnu17

san: ## the tests under ASan and UBSan
	$(Q)$(MAKE) --no-print-directory MODE=asan check

# Fuzz targets: with clang a real fuzzer, with gcc a program that replays the corpus.
FUZZ_REPLAY := $(FUZZ:%=$(BUILD)/tests/fuzz/%)
$(BUILD)/tests/fuzz/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(BUILD)/tests/fuzz/replay_main.o $(filter-out $(BUILD)/libcli.a,$(LIBA))
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(BUILD)/libimages.a $(BUILD)/libbuilder.a $(BUILD)/librepo.a $(BUILD)/libtrust.a $(BUILD)/libbase.a $(LIBS)

FUZZ_SECONDS ?= 60
fuzz: ## fuzz every target for FUZZ_SECONDS (needs clang-14)
	$(Q)mk/fuzz.sh $(FUZZ_SECONDS) $(FUZZ)

bench: build/kiln ## measure against peers in the same run
	$(Q)tests/bench/run.sh

PREFIX ?= /usr/local
install: build/kiln ## install to DESTDIR/PREFIX
	$(Q)install -D -m 755 $(BUILD)/kiln $(DESTDIR)$(PREFIX)/bin/kiln

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

clean: ## remove what was compiled (never the store or out/)
	$(Q)rm -rf build
