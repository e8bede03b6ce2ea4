# Native programs (user/NAME.c, and tests/native/NAME.c), static ELF files on the native interface of user/include, into build/<arch>/user/NAME.
NATIVE_PROGRAMS := $(patsubst user/%.c,%,$(filter-out user/start.c,$(sort $(wildcard user/*.c)))) \
	$(patsubst tests/native/%.c,%,$(sort $(wildcard tests/native/*.c)))
NATIVE_TARGET_x86_64 := x86_64-unknown-none-elf
NATIVE_TARGET_aarch64 := aarch64-unknown-none-elf
NATIVE_TARGET_riscv64 := riscv64-unknown-none-elf -march=rv64imac_zicsr_zifencei -mabi=lp64
NATIVE_CFLAGS = --target=$(NATIVE_TARGET_$(ARCH)) -std=c23 -ffreestanding -fno-stack-protector -fno-pic -ffunction-sections \
	-fdata-sections -O2 -g $(WARNINGS) -I. -Ipersonality/include -Ipersonality/include/$(ARCH) -MMD -MP

$(OUT)/user-objects/%.c.o: user/%.c tools/make/user.mk
	@mkdir -p $(@D)
	$(CC) $(NATIVE_CFLAGS) -c $< -o $@

$(OUT)/user-objects/%.c.o: tests/native/%.c tools/make/user.mk
	@mkdir -p $(@D)
	$(CC) $(NATIVE_CFLAGS) -c $< -o $@

$(OUT)/user/%: $(OUT)/user-objects/%.c.o $(OUT)/user-objects/start.c.o $(OUT)/user-objects/string.o
	@mkdir -p $(@D)
	$(LD) -static -nostdlib --gc-sections -z max-page-size=4096 -z noexecstack -o $@ $^

$(OUT)/user-objects/string.o: lib/string.c tools/make/user.mk
	@mkdir -p $(@D)
	$(CC) $(NATIVE_CFLAGS) -c $< -o $@

.PRECIOUS: $(OUT)/user-objects/%.c.o
.PHONY: user
user: $(NATIVE_PROGRAMS:%=$(OUT)/user/%) ## build the native programs of user/
all: user
-include $(wildcard $(OUT)/user-objects/*.d)
