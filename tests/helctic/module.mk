# The user's targets: run, shell, test, install and their like.
PREFIX ?= /usr/local
LOGS := $(BUILD)/logs
RUNNABLE := $(HOST)/helctic $(BUILD)/x86_64/init $(BUILD)/x86_64/helctic.elf

.PHONY: run shell test test-all test-guest test-helctic test-layers install uninstall lint debug
run: all ## boot Helctic: a shell at a terminal, else a demonstration of real commands
	@if [ -t 0 ] && [ -t 1 ]; then exec $(HOST)/helctic shell; else exec tools/helctic/demo.sh $(HOST)/helctic; fi

shell: all ## boot Helctic and work in a shell there (the commands are Debian's busybox)
	@$(HOST)/helctic shell

test: all ## all quick tests: hosted, fuzzers, layers, guest programs, the host command
	@tests/run.sh unit fuzz layers guest native helctic

test-all: all ## everything `make test` does, and the long tests
	@HELCTIC_TEST_LONG=1 FUZZ_SECONDS=60 tests/run.sh unit fuzz lint other-architectures guest native helctic busybox

test-guest: all ## the programs of tests/guest, many in one boot (TEST=name for one)
	@tests/guest/run.sh $(TEST)

test-helctic: all ## the host command end to end (TEST=word for the tests whose name has it)
	@tests/helctic/run.sh $(TEST)

test-layers: ## the includes that the layers of the design allow
	@tools/check-layers.sh

install: all ## install the host command, the kernel and the man page (PREFIX=/usr/local, DESTDIR=)
	install -D -m 755 $(HOST)/helctic $(DESTDIR)$(PREFIX)/bin/helctic
	install -D -m 644 $(BUILD)/x86_64/helctic.elf $(DESTDIR)$(PREFIX)/lib/helctic/helctic.elf
	install -D -m 755 $(BUILD)/x86_64/init $(DESTDIR)$(PREFIX)/lib/helctic/init
	install -D -m 644 tools/helctic/helctic.1 $(DESTDIR)$(PREFIX)/share/man/man1/helctic.1
	install -D -m 644 tools/helctic/completion/helctic.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/helctic
	install -D -m 644 tools/helctic/completion/_helctic $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_helctic
	install -D -m 644 tools/helctic/completion/helctic.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/helctic.fish

uninstall: ## remove what `make install` put there
	rm -rf $(DESTDIR)$(PREFIX)/bin/helctic $(DESTDIR)$(PREFIX)/lib/helctic $(DESTDIR)$(PREFIX)/share/man/man1/helctic.1 \
	  $(DESTDIR)$(PREFIX)/share/bash-completion/completions/helctic $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_helctic \
	  $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/helctic.fish

lint: ## clang-format, headers that compile alone, layers, clang-tidy on the host command
	@tools/lint.sh

debug: all ## boot a shell that waits for gdb, and say how to attach
	@tools/debug.sh

.PHONY: portable-objects print-kernel-flags
portable-objects: $(call objects,$(LIB_SOURCES) $(CORE_SOURCES)) $(PERSONALITY_OBJECTS) $(BTRFS_OBJECTS) $(INIT_OBJECTS)

print-kernel-flags:
	@echo '$(filter-out -MMD -MP -DHELCTIC_VERSION=%,$(KERNEL_CFLAGS))'
