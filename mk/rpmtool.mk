# The driver of tests/system/20-elfdeps.sh and 21-rpm-judges.sh.
RPMTOOL := $(BUILD)/tests/rpmtool
RPMTOOL_LIBS := $(foreach b,$(BELOW_repo),$(BUILD)/lib$(b).a)

$(RPMTOOL): $(BUILD)/tests/system/rpmtool.o $(RPMTOOL_LIBS)
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $(BUILD)/tests/system/rpmtool.o $(RPMTOOL_LIBS) $(LIBS)

.PHONY: rpmtool
rpmtool: $(RPMTOOL)
