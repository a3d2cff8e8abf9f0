# What the system tests run: the attack program (mk/attack.mk) and the drivers.
SYSTEM_TOOLS := $(BUILD)/tests/probe $(BUILD)/tests/chamber $(BUILD)/tests/crowd $(BUILD)/tests/talk $(BUILD)/tests/hostile $(BUILD)/tests/secrets $(BUILD)/tests/fault.so $(BUILD)/tests/spy.so

.PHONY: system-tools
system-tools: $(SYSTEM_TOOLS)

$(BUILD)/tests/chamber $(BUILD)/tests/crowd: $(BUILD)/tests/%: $(BUILD)/tests/system/%.o $(foreach b,$(BELOW_builder),$(BUILD)/lib$(b).a)
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LIBS)

# A disk that fails, for LD_PRELOAD, and a token's module that looks around.
$(BUILD)/tests/fault.so $(BUILD)/tests/spy.so: $(BUILD)/tests/%.so: tests/system/%.c
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) -std=gnu17 -O2 -Wall -Wextra -shared -fPIC -o $@ $<

# Runs inside chambers, where there are no libraries.
$(BUILD)/tests/talk $(BUILD)/tests/hostile $(BUILD)/tests/secrets: $(BUILD)/tests/%: tests/system/%.c
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) -std=gnu17 -O2 -Wall -Wextra -static -o $@ $<
