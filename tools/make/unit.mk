# Hosted unit tests: each tests/unit/NAME.c names the sources it needs on a line `// sources: a.c b.c`, and is built with
# cmocka under ASan and UBSan into build/host/unit/NAME. The project's own lib/string.h and friends are used hosted.
UNIT_TESTS := $(patsubst tests/unit/%.c,%,$(sort $(wildcard tests/unit/test_*.c)))
UNIT_CFLAGS := -std=c23 -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer \
	-Wall -Wextra -Werror -Wno-unused-parameter -I. -Ipersonality/include -Ipersonality/include/x86_64 -Ibtrfs/include \
	-Ipersonality/src/linux/x86_64 -Itests/unit/include -Isrc/arch/hosted/include -DHOSTED_TEST=1 -MMD -MP
# For `// sources: $(MOCKED_PERSONALITY)`: the personality layer on the mock of the kernel ops.
MOCKED_PERSONALITY = $(HOST)/mock_ops.c tests/unit/mock.c $(wildcard personality/src/*.c personality/src/*/*.c) \
	$(filter-out %/vdso.c,$(wildcard personality/src/*/x86_64/*.c)) lib/format.c
unit_sources = $(shell sed -n 's,^// sources: ,,p' tests/unit/$(1).c)
unit_flags = $(shell sed -n 's,^// flags: ,,p' tests/unit/$(1).c)

define unit_test
$(HOST)/unit/$(1): tests/unit/$(1).c $(call unit_sources,$(1)) tools/make/unit.mk
	@mkdir -p $$(@D)
	$(CC) $(UNIT_CFLAGS) $(call unit_flags,$(1)) -MF $$@.d -o $$@ tests/unit/$(1).c $(call unit_sources,$(1)) -lcmocka
endef
$(foreach test,$(UNIT_TESTS),$(eval $(call unit_test,$(test))))
-include $(wildcard $(HOST)/unit/*.d)

.PHONY: unit
unit: $(addprefix $(HOST)/unit/,$(if $(TEST),$(TEST),$(UNIT_TESTS))) ## build and run the hosted unit tests (TEST=name for one)
	@failed=0; for test in $(if $(TEST),$(TEST),$(UNIT_TESTS)); do \
	  timeout 300 $(HOST)/unit/$$test > $(HOST)/unit/$$test.log 2>&1 && echo "ok - $$test" || { failed=1; echo "not ok - $$test"; cat $(HOST)/unit/$$test.log; }; \
	done; exit $$failed
