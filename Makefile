# Kiln: one non-recursive Makefile. `make help` lists what there is.
include mk/flags.mk

Q := $(if $(V),,@)
ROOMS := base trust repo builder images cli
# What a room may link: itself and the floors below (mk/floors.awk says the same of includes).
BELOW_base    := base
BELOW_trust   := trust base
BELOW_repo    := repo trust base
BELOW_builder := builder repo trust base
BELOW_images  := images repo trust base
BELOW_cli     := cli builder images repo trust base

SRC  := $(foreach r,$(ROOMS),$(sort $(wildcard $(r)/*.c)))
OBJ  := $(SRC:%.c=$(BUILD)/%.o)
LIBA := $(foreach r,$(ROOMS),$(BUILD)/lib$(r).a)
UNIT := $(foreach r,$(ROOMS),$(if $(wildcard tests/unit/$(r)/*.c),$(BUILD)/tests/unit-$(r)))
FUZZ := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))

.PHONY: all check check-system lint fmt fmt-check tidy san fuzz bench install clean help quickstart deps unit dev
.DEFAULT_GOAL := all
.SECONDARY:

# build/kiln is always the release program; other modes stay in their own directory.
KILN := $(if $(filter release,$(MODE)),build/kiln,$(BUILD)/kiln)

all: $(KILN) ## compile Kiln to build/kiln

build/kiln: $(BUILD)/kiln
	$(Q)ln -sf release/kiln $@

$(BUILD)/kiln: $(filter $(BUILD)/cli/%,$(OBJ)) $(filter-out $(BUILD)/libcli.a,$(LIBA))
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(foreach r,$(filter-out cli,$(BELOW_cli)),$(BUILD)/lib$(r).a) $(LIBS)

# The objects of a room, as an archive, remade from scratch so that no removed file lingers; without
# main(), so that tests bring their own.
define room_archive
$(BUILD)/lib$(1).a: $$(filter-out $(BUILD)/cli/main.o,$$(filter $(BUILD)/$(1)/%,$$(OBJ)))
	@mkdir -p $$(@D)
	$$(Q)rm -f $$@ && ar rcsD $$@ $$^
endef
$(foreach r,$(ROOMS),$(eval $(call room_archive,$(r))))

$(BUILD)/%.o: %.c mk/flags.mk
	@mkdir -p $(@D)
	@echo "  CC      $<"
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# One test binary per room, linked against that room and the floors below it only.
comma := ,
# tests/unit/base/test_cas_fault.c and test_cas_batch.c make these calls fail.
UNIT_LDFLAGS_base := $(patsubst %,-Wl$(comma)--wrap=%,write fsync syncfs linkat renameat)
define unit_binary
$(BUILD)/tests/unit-$(1): $$(patsubst %.c,$(BUILD)/%.o,$$(wildcard tests/unit/$(1)/*.c)) $(BUILD)/tests/unit/test.o $$(foreach b,$$(BELOW_$(1)),$(BUILD)/lib$$(b).a)
	@echo "  LD      $$@"
	$$(Q)$$(CC) $$(LDFLAGS) $$(UNIT_LDFLAGS_$(1)) -o $$@ $$(filter %.o,$$^) $$(filter %.a,$$^) $$(LIBS) -lcmocka
unit-$(1): $(BUILD)/tests/unit-$(1)
	$$(Q)cd tests && ../$$<
endef
$(foreach r,$(ROOMS),$(eval $(call unit_binary,$(r))))

unit: $(UNIT)

-include $(wildcard $(BUILD)/*/*.d $(BUILD)/tests/*/*.d $(BUILD)/tests/*/*/*.d)
include mk/targets.mk
-include $(filter-out mk/flags.mk mk/targets.mk,$(wildcard mk/*.mk))
