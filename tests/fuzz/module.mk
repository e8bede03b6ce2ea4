# libFuzzer targets: each tests/fuzz/fuzz_NAME.c names its sources on a line `// sources: a.c b.c` (and `// flags: …`), as the
# unit tests do. A folder tests/fuzz/corpus/fuzz_NAME holds seeds. What is found goes to build/host/fuzz/NAME.corpus.
FUZZ_TARGETS := $(patsubst tests/fuzz/%.c,%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
FUZZ_SECONDS ?= 5
FUZZ_CFLAGS := $(UNIT_CFLAGS) -fsanitize=fuzzer
fuzz_sources = $(shell sed -n 's,^// sources: ,,p' tests/fuzz/$(1).c)
fuzz_flags = $(shell sed -n 's,^// flags: ,,p' tests/fuzz/$(1).c)

define fuzz_target
$(HOST)/fuzz/$(1): tests/fuzz/$(1).c $(call fuzz_sources,$(1)) tests/fuzz/module.mk
	@mkdir -p $$(@D)
	$(CC) $(FUZZ_CFLAGS) $(call fuzz_flags,$(1)) -MF $$@.d -o $$@ tests/fuzz/$(1).c $(call fuzz_sources,$(1))
endef
$(foreach target,$(FUZZ_TARGETS),$(eval $(call fuzz_target,$(target))))
-include $(wildcard $(HOST)/fuzz/*.d)

.PHONY: fuzz
fuzz: $(FUZZ_TARGETS:%=$(HOST)/fuzz/%) ## run every fuzz target for a short time (TARGET=name, FUZZ_SECONDS=5)
	@failed=0; for target in $(if $(TARGET),$(TARGET),$(FUZZ_TARGETS)); do \
	  corpus=$(HOST)/fuzz/$$target.corpus; mkdir -p $$corpus; seeds=tests/fuzz/corpus/$$target; test -d $$seeds || seeds=; \
	  $(HOST)/fuzz/$$target -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=1024 -print_final_stats=0 \
	    -artifact_prefix=$(HOST)/fuzz/$$target- $$corpus $$seeds > $(HOST)/fuzz/$$target.log 2>&1 \
	    && echo "ok - $$target" || { failed=1; echo "not ok - $$target"; tail -n 40 $(HOST)/fuzz/$$target.log; }; \
	done; exit $$failed
