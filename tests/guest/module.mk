# The guest's test programs: C23, static, against musl, one from each tests/guest/*.c. A line `// flags: …` adds flags.
GUEST_TESTS := $(patsubst tests/guest/%.c,%,$(sort $(wildcard tests/guest/*.c)))
MUSL := /usr/lib/x86_64-linux-musl
MUSL_INCLUDE := /usr/include/x86_64-linux-musl
# The kernel's own headers (linux/, asm/) come after musl's.
MUSL_CFLAGS := --target=x86_64-linux-musl -std=c23 -D_GNU_SOURCE -O1 -g -fno-pic -fno-builtin -nostdlibinc -isystem $(MUSL_INCLUDE) \
	-idirafter /usr/include/x86_64-linux-gnu -idirafter /usr/include
MUSL_LINK = -static -no-pie -nostdlib -fuse-ld=lld-19 $(MUSL)/crt1.o $(MUSL)/crti.o
MUSL_LIBS = $(MUSL)/libc.a $(shell $(CLANG) --rtlib=compiler-rt --print-libgcc-file-name) $(MUSL)/crtn.o
GUEST_CFLAGS := -Wall -Wextra -Wno-unused-parameter -Wno-nonnull -Wno-fortify-source -Itests/guest -I.
guest_flags = $(shell sed -n 's,^// flags: ,,p' tests/guest/$(1).c)

$(BUILD)/guest/%: tests/guest/%.c $(wildcard tests/guest/*.h) tests/guest/module.mk
	@mkdir -p $(@D)
	$(CC) $(MUSL_CFLAGS) $(GUEST_CFLAGS) $(call guest_flags,$*) $(MUSL_LINK) $< $(MUSL_LIBS) -o $@

$(BUILD)/guest-runner: tests/guest/runner/runner.c tests/guest/module.mk
	@mkdir -p $(@D)
	$(CC) $(MUSL_CFLAGS) $(GUEST_CFLAGS) $(MUSL_LINK) $< $(MUSL_LIBS) -o $@

.PHONY: guest-programs
guest-programs: $(GUEST_TESTS:%=$(BUILD)/guest/%) $(BUILD)/guest-runner
