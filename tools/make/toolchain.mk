# Flags of the three kernel targets.
TARGET_x86_64 := x86_64-unknown-none-elf
TARGET_aarch64 := aarch64-unknown-none-elf
TARGET_riscv64 := riscv64-unknown-none-elf

ARCH_FLAGS_x86_64 := -mno-red-zone -mcmodel=kernel -mgeneral-regs-only -mstack-alignment=8
# Backtraces: src/arch/x86_64/unwind.c reads the unwind tables; the others follow frame pointers.
FRAME_FLAGS_x86_64 := -fomit-frame-pointer -fasynchronous-unwind-tables
FRAME_FLAGS_aarch64 := -fno-omit-frame-pointer
FRAME_FLAGS_riscv64 := -fno-omit-frame-pointer
ARCH_FLAGS_aarch64 := -mgeneral-regs-only -mcmodel=small
ARCH_FLAGS_riscv64 := -march=rv64imac_zicsr_zifencei -mabi=lp64 -mcmodel=medany

WARNINGS := -Wall -Wextra -Werror -Wmissing-prototypes -Wstrict-prototypes -Wshadow -Wvla -Wimplicit-fallthrough
INCLUDES := -I. -Ipersonality/include -Ipersonality/include/$(ARCH) -Ibtrfs/include -Isrc/arch/$(ARCH)/include -Ipersonality/src/linux/$(ARCH)

# DEBUG=1 builds the kernel with lock ranks, red zones, poisoning and copy assertions.
DEBUG ?= 0
DEBUG_FLAGS_1 := -DKERNEL_DEBUG=1
DEBUG_FLAGS_0 :=

KERNEL_CFLAGS := --target=$(TARGET_$(ARCH)) $(ARCH_FLAGS_$(ARCH)) -std=c23 -ffreestanding -fno-builtin-printf -fno-stack-protector \
	-fno-pic -fno-strict-aliasing $(FRAME_FLAGS_$(ARCH)) -fno-common -ffunction-sections -fdata-sections -fwrapv \
	-O2 -g $(WARNINGS) $(INCLUDES) $(DEBUG_FLAGS_$(DEBUG)) -DHELCTIC_VERSION='"$(VERSION)"' -MMD -MP
