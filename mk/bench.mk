# The drivers of tests/bench/run.sh and its sections: one program for each C file there.
BENCH_TOOLS := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(wildcard tests/bench/*.c))
BENCH_LIBS := $(foreach b,$(BELOW_builder),$(BUILD)/lib$(b).a)

.PHONY: bench-tools
bench-tools: $(BENCH_TOOLS)

bench: bench-tools system-tools

$(BUILD)/bench/true: tests/bench/true.c mk/flags.mk
	@mkdir -p $(@D)
	@echo "  CC      $<"
	$(Q)$(CC) -std=gnu17 -O2 $(WARN) -nostdlib -static -fno-stack-protector -fcf-protection=none -o $@ $<

$(BUILD)/bench/%: $(BUILD)/tests/bench/%.o $(BENCH_LIBS)
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LIBS)
