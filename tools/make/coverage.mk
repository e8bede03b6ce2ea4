# The ABI coverage page, from the table and the results of the guest tests.
COVERAGE_RESULTS = $(wildcard $(BUILD)/logs/guest.log)

.PHONY: coverage
coverage: ## write build/coverage.md: every Linux call, its status, and whether guest tests showed it
	@mkdir -p $(BUILD)
	@python3 tools/coverage.py personality/src/linux/x86_64/linux.tbl $(COVERAGE_RESULTS) > $(BUILD)/coverage.md
	@sed -n 3,4p $(BUILD)/coverage.md; echo "the page: $(BUILD)/coverage.md"

.PHONY: status
status: coverage ## write docs/coverage.md and the status table of README.md from the last test run
	@tools/status.py
