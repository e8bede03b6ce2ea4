# zlib's inflate for compressed initrds, from Debian's source package, compiled freestanding. Where it cannot be fetched the
# kernel is built without it and refuses a compressed initrd by a clear message.
ZLIB := $(BUILD)/sources/zlib
ZLIB_TRIED := $(BUILD)/sources/zlib.tried
ZLIB_OBJECTS := $(patsubst %,$(OUT)/objects/zlib/%.o,inflate inftrees inffast crc32 adler32 zutil)
ZLIB_CFLAGS = $(filter-out $(WARNINGS) -std=c23,$(KERNEL_CFLAGS)) -w -std=gnu11 -DZ_SOLO -include lib/string.h -I$(ZLIB)
KERNEL_EXTRA_OBJECTS += $(ZLIB_OBJECTS)

$(ZLIB_TRIED):
	@mkdir -p $(@D) $(BUILD)/logs
	@tools/fetch-source.sh zlib $(ZLIB) > $(BUILD)/logs/zlib.log 2>&1 || \
	  echo "zlib's source package cannot be fetched ($(BUILD)/logs/zlib.log): the kernel will not read compressed initrds" >&2
	@touch $@

$(OUT)/objects/zlib/%.o: | $(ZLIB_TRIED)
	@mkdir -p $(@D)
	@if [ -f $(ZLIB)/$*.c ]; then $(CC) $(ZLIB_CFLAGS) -c $(ZLIB)/$*.c -o $@; \
	  else echo | $(CC) $(KERNEL_CFLAGS) -x c -c - -o $@; fi

$(OUT)/objects/src/scheme/initrd_gzip.c.o: KERNEL_EXTRA_CFLAGS = \
	$(shell test -f $(ZLIB)/zlib.h && echo -DHELCTIC_ZLIB=1 -DZ_SOLO -isystem $(ZLIB))
$(OUT)/objects/src/scheme/initrd_gzip.c.o: | $(ZLIB_TRIED)
