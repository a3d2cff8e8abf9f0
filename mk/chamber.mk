# The program of the chamber's helper, carried inside kiln (builder/sandbox_image.c): all of the
# sandbox but the conductor's side. Static, so that it has few mappings; where static libraries are
# missing, and with a sanitizer or coverage, it is linked as usual, and a chamber costs more.
CHAMBER      := $(BUILD)/builder/chamber
CHAMBER_OBJ  := $(filter-out $(BUILD)/builder/sandbox.o $(BUILD)/builder/sandbox_image.o,$(filter $(BUILD)/builder/sandbox%.o,$(OBJ)))
CHAMBER_LINK  = $(CC) $(LDFLAGS) -Wl,--gc-sections,--build-id=none -s -o $@ $(filter %.o %.a,$^)
CHAMBER_LIBS := -larchive -lseccomp -lcrypto -lyaml -ljansson
CHAMBER_STATIC := $(if $(filter release,$(MODE)),-static-pie $(CHAMBER_LIBS) -lnettle -llzma -lzstd -lbz2 -lz)
C_FILES += builder/chamber/main.c

$(CHAMBER)/chamber: $(CHAMBER)/main.o $(CHAMBER_OBJ) $(BUILD)/libbase.a mk/chamber.mk
	@echo "  LD      $@"
	$(Q)$(if $(CHAMBER_STATIC),$(CHAMBER_LINK) $(CHAMBER_STATIC) 2>$@.log || { cat $@.log; \
		echo "  NOTE    static libraries are missing (make deps): chambers will be slower"; false; } ||) \
		$(CHAMBER_LINK) $(CHAMBER_LIBS)

$(BUILD)/builder/sandbox_image_program.o: builder/sandbox_image_program.S $(CHAMBER)/chamber
	@mkdir -p $(@D)
	@echo "  AS      $<"
	$(Q)$(CC) -Wa,--fatal-warnings -I$(CHAMBER) -Wa,-I$(CHAMBER) -c -o $@ $<
$(BUILD)/libbuilder.a: $(BUILD)/builder/sandbox_image_program.o
