# The attack program: static, linked against nothing of ours, carried inside kiln for `kiln selftest`.
ATTACK := $(BUILD)/tests/probe
ATTACK_SRC := $(sort $(wildcard builder/attack/*.c))
C_FILES += $(ATTACK_SRC) $(wildcard builder/attack/*.h)

$(ATTACK): $(ATTACK_SRC) $(wildcard builder/attack/*.h builder/attack/*.def) mk/flags.mk mk/attack.mk
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(CC) -D_GNU_SOURCE -std=gnu17 -I. -O2 $(WARN) -ffile-prefix-map=$(CURDIR)=. -static -s \
		-Wl,--build-id=none -o $@ $(ATTACK_SRC)

# Its bytes become an object of builder/; lib archives take what their prerequisites name.
$(BUILD)/builder/selftest_program.o: builder/selftest_program.S $(ATTACK)
	@mkdir -p $(@D)
	@echo "  AS      $<"
	$(Q)$(CC) -Wa,--fatal-warnings -I$(dir $(ATTACK)) -Wa,-I$(dir $(ATTACK)) -c -o $@ $<
$(BUILD)/libbuilder.a: $(BUILD)/builder/selftest_program.o
