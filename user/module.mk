# /init of the guests: freestanding and static, on the Linux convention.
INIT_SOURCES := $(sort $(wildcard user/init/*.c))
INIT_OBJECTS := $(INIT_SOURCES:%=$(OUT)/init-objects/%.o)
INIT_TARGET_x86_64 := x86_64-linux-gnu
INIT_TARGET_aarch64 := aarch64-linux-gnu
INIT_TARGET_riscv64 := riscv64-linux-gnu -march=rv64imac_zicsr_zifencei -mabi=lp64
INIT_CFLAGS := --target=$(INIT_TARGET_$(ARCH)) -std=c23 -ffreestanding -fno-stack-protector -fno-pic -fno-builtin \
	-ffunction-sections -fdata-sections -O2 -g $(WARNINGS) -I. -MMD -MP

$(OUT)/init-objects/%.c.o: %.c user/module.mk
	@mkdir -p $(@D)
	$(CC) $(INIT_CFLAGS) -c $< -o $@

$(OUT)/init: $(INIT_OBJECTS)
	$(LD) -static -nostdlib --gc-sections -z max-page-size=4096 -z noexecstack -o $@ $^

-include $(INIT_OBJECTS:.o=.d)
all: $(OUT)/init
