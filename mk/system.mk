# What the system tests run: the attack probe (static, it goes into chambers) and the driver.
SYSTEM_TOOLS := $(BUILD)/tests/probe $(BUILD)/tests/chamber $(BUILD)/tests/crowd

.PHONY: system-tools
system-tools: $(SYSTEM_TOOLS)

$(BUILD)/tests/probe: tests/system/probe.c mk/flags.mk
	@mkdir -p $(@D)
	@echo "  CC      $<"
	$(Q)$(CC) -D_GNU_SOURCE -std=gnu17 -O2 -g $(WARN) -static -o $@ $<

$(BUILD)/tests/chamber $(BUILD)/tests/crowd: $(BUILD)/tests/%: $(BUILD)/tests/system/%.o $(foreach b,$(BELOW_builder),$(BUILD)/lib$(b).a)
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LIBS)
