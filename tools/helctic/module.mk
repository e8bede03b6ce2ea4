# The host command, built by the host's clang into build/host/helctic.
HELCTIC_SOURCES := $(sort $(wildcard tools/helctic/*.c))
HELCTIC_OBJECTS := $(HELCTIC_SOURCES:%=$(HOST)/objects/%.o)
HOST_CFLAGS := -std=c23 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Werror -Wmissing-prototypes -Wstrict-prototypes -Wshadow -Wvla \
	-Wimplicit-fallthrough -I. -DHELCTIC_VERSION='"$(VERSION)"' -MMD -MP

$(HOST)/objects/%.c.o: %.c tools/helctic/module.mk
	@mkdir -p $(@D)
	$(CC) $(HOST_CFLAGS) -c $< -o $@

$(HOST)/helctic: $(HELCTIC_OBJECTS)
	$(CC) -fuse-ld=lld-19 -o $@ $^

-include $(HELCTIC_OBJECTS:.o=.d)

all: $(HOST)/helctic
