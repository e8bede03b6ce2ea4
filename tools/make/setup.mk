# The packages that every target needs. The stamp is included, so make brings it up to date before it looks at any other rule,
# and starts anew.
SETUP_STAMP := $(BUILD)/setup.stamp
$(SETUP_STAMP): tools/setup.sh
	@tools/setup.sh
	@mkdir -p $(@D) && : > $@

ifneq ($(filter-out help clean,$(or $(MAKECMDGOALS),all)),)
include $(SETUP_STAMP)
endif

.PHONY: setup
setup: $(SETUP_STAMP) ## install the packages that building and testing need
