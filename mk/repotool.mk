# The driver of tests/system/22-repodata.sh.
REPOTOOL := $(BUILD)/tests/repotool
REPOTOOL_LIBS := $(foreach b,$(BELOW_repo),$(BUILD)/lib$(b).a)

$(REPOTOOL): $(BUILD)/tests/system/repotool.o $(REPOTOOL_LIBS)
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $(BUILD)/tests/system/repotool.o $(REPOTOOL_LIBS) $(LIBS)

.PHONY: repotool
repotool: $(REPOTOOL)
