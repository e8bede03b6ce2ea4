# helctic.elf, libpersonality.a and libbtrfs.a. Sources are found by folder: a new file needs no line here.
recursive_sources = $(sort $(shell find $(1) -name '*.c' -o -name '*.S' 2>/dev/null))

LIB_SOURCES := $(filter %.c,$(call recursive_sources,lib))
CORE_SOURCES := $(filter-out src/arch/%,$(call recursive_sources,rmm src))
ARCH_SOURCES := $(call recursive_sources,src/arch/$(ARCH))
# personality/src/OS/ARCH belongs to one architecture.
OTHER_ARCHES := $(filter-out $(ARCH),x86_64 aarch64 riscv64)
PERSONALITY_SOURCES := $(foreach source,$(call recursive_sources,personality/src),$(if $(filter $(OTHER_ARCHES),$(subst /, ,$(source))),,$(source)))
BTRFS_SOURCES := $(call recursive_sources,btrfs/src)

objects = $(patsubst %,$(OUT)/objects/%.o,$(1))
LIB_OBJECTS := $(call objects,$(LIB_SOURCES))
CORE_OBJECTS := $(call objects,$(CORE_SOURCES) $(ARCH_SOURCES))
PERSONALITY_OBJECTS := $(call objects,$(PERSONALITY_SOURCES))
BTRFS_OBJECTS := $(call objects,$(BTRFS_SOURCES))

$(OUT)/objects/%.c.o: %.c Makefile tools/make/toolchain.mk
	@mkdir -p $(@D)
	$(CC) $(KERNEL_CFLAGS) $(KERNEL_EXTRA_CFLAGS) -c $< -o $@

$(OUT)/objects/%.S.o: %.S Makefile tools/make/toolchain.mk
	@mkdir -p $(@D)
	$(CC) $(KERNEL_CFLAGS) -c $< -o $@

# A pure library: its objects with the helpers of lib/ linked into one relocatable object that keeps only the public
# symbols; anything undefined, or any other global, stops the build.
define pure_library
$(OUT)/$(1).a: $(2) $(LIB_OBJECTS)
	@rm -f $$@
	$(LD) -r -o $(OUT)/$(1).o $(2) $(LIB_OBJECTS)
	$(OBJCOPY) $(foreach symbol,$(3),--keep-global-symbol=$(symbol)) $(OUT)/$(1).o
	@undefined=$$$$($(NM) -u $(OUT)/$(1).o); test -z "$$$$undefined" || { echo "$(1).a leaves undefined: $$$$undefined" >&2; exit 1; }
	@public=$$$$($(NM) --defined-only --extern-only --format=just-symbols $(OUT)/$(1).o | sort | tr '\n' ' '); \
	  test "$$$$public" = "$(foreach symbol,$(sort $(3)),$(symbol)) " || { echo "$(1).a exports: $$$$public" >&2; exit 1; }
	$(AR) rcs $$@ $(OUT)/$(1).o
endef
$(eval $(call pure_library,libpersonality,$(PERSONALITY_OBJECTS),personality_init personality_syscall))
BTRFS_PUBLIC = btrfs_version
$(eval $(call pure_library,libbtrfs,$(BTRFS_OBJECTS),$(BTRFS_PUBLIC)))

# Linked twice: the second time with a table of the functions' names, for backtraces. It lies behind the text, so that no
# function moves.
LINKER_SCRIPT := src/arch/$(ARCH)/kernel.ld
KERNEL_INPUTS = $(CORE_OBJECTS) $(LIB_OBJECTS) $(KERNEL_EXTRA_OBJECTS)
LIBRARIES = $(OUT)/libpersonality.a $(OUT)/libbtrfs.a
LINK_KERNEL = $(LD) -nostdlib --gc-sections -z max-page-size=4096 -T $(LINKER_SCRIPT)
$(OUT)/helctic.elf: $(KERNEL_INPUTS) $(LIBRARIES) $(LINKER_SCRIPT) tools/symbols.sh
	@$(LINK_KERNEL) -o $(OUT)/unnamed.elf $(KERNEL_INPUTS) $(LIBRARIES)
	@sh tools/symbols.sh $(NM) $(OUT)/unnamed.elf > $(OUT)/symbols.S
	@$(CLANG) --target=$(TARGET_$(ARCH)) -c $(OUT)/symbols.S -o $(OUT)/symbols.o
	$(LINK_KERNEL) --no-warnings -o $@ $(KERNEL_INPUTS) $(OUT)/symbols.o $(LIBRARIES)

# What boot loaders on aarch64 expect: the flat image, with its header at the start.
$(OUT)/Image: $(OUT)/helctic.elf
	$(OBJCOPY) -O binary $< $@

-include $(shell find $(OUT)/objects -name '*.d' 2>/dev/null)
