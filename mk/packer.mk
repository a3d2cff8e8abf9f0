# The program that makes packages, carried inside kiln (builder/build_pack_image.c): of the rooms
# only what that needs, and librpm's libraries, which exist as shared ones only.
PACKER     := $(BUILD)/builder/packer
PACKER_OBJ := $(patsubst %,$(BUILD)/builder/%.o,audit_parts build_pack_serve build_pack_wire normalize package split \
	split_made sandbox_ids)
PACKER_LIBA := $(foreach r,repo trust base,$(BUILD)/lib$(r).a)
C_FILES += builder/packer/main.c

$(PACKER)/packer: $(PACKER)/main.o $(PACKER_OBJ) $(PACKER_LIBA) mk/packer.mk
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS) -Wl,--gc-sections,--as-needed,--build-id=none -s -o $@ $(filter %.o,$^) $(PACKER_LIBA) $(LIBS)

$(BUILD)/builder/build_pack_image_program.o: builder/build_pack_image_program.S $(PACKER)/packer
	@mkdir -p $(@D)
	@echo "  AS      $<"
	$(Q)$(CC) -Wa,--fatal-warnings -I$(PACKER) -Wa,-I$(PACKER) -c -o $@ $<
$(BUILD)/libbuilder.a: $(BUILD)/builder/build_pack_image_program.o
