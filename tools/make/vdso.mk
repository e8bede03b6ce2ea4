# The vDSO of Linux processes: a small shared object, embedded into libpersonality.a by linux/ARCH/vdso.c.
VDSO_SOURCES_x86_64 := personality/vdso/x86_64/vdso.c
VDSO_TARGET_x86_64 := x86_64-linux-gnu
VDSO := $(OUT)/vdso/vdso.so
VDSO_CFLAGS = --target=$(VDSO_TARGET_$(ARCH)) -std=c23 -ffreestanding -fPIC -fno-stack-protector -fno-builtin -O2 -g0 \
	-fasynchronous-unwind-tables -fomit-frame-pointer $(WARNINGS) $(INCLUDES) -MMD -MP

ifdef VDSO_SOURCES_$(ARCH)
$(VDSO): $(VDSO_SOURCES_$(ARCH)) personality/vdso/$(ARCH)/vdso.ld tools/make/vdso.mk
	@mkdir -p $(@D)
	$(CC) $(VDSO_CFLAGS) -MF $(@D)/vdso.d -MT $@ -c $< -o $(@D)/vdso.o
	$(LD) -s -shared -Bsymbolic --hash-style=both --eh-frame-hdr -soname linux-vdso.so.1 -z noexecstack -z max-page-size=4096 \
	  -T personality/vdso/$(ARCH)/vdso.ld -o $@ $(@D)/vdso.o
	@! $(NM) -D --undefined-only $@ | grep . || { echo "vdso.so leaves symbols undefined" >&2; exit 1; }

$(OUT)/objects/personality/src/linux/$(ARCH)/vdso.c.o: $(VDSO)
$(OUT)/objects/personality/src/linux/$(ARCH)/vdso.c.o: KERNEL_EXTRA_CFLAGS = --embed-dir=$(OUT)/vdso
-include $(OUT)/vdso/vdso.d
endif
