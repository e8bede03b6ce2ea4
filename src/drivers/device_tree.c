// A walk over the structure block (Devicetree Specification 0.4, chapter 5).
#include "src/drivers/device_tree.h"

#include "lib/string.h"
#include "src/arch/arch.h"
#include "src/boot.h"

constexpr uint32_t TREE_MAGIC = 0xd00dfeed;
enum token : uint32_t { TOKEN_BEGIN = 1, TOKEN_END, TOKEN_PROPERTY, TOKEN_NOP, TOKEN_FINISH = 9 };

static uint32_t big_endian(const void *at) {
    uint32_t word;
    memcpy(&word, at, sizeof word);
    return __builtin_bswap32(word);
}

// A number of one or two cells.
static uint64_t number(const char *at, uint32_t size) {
    return size >= 8 ? (uint64_t)big_endian(at) << 32 | big_endian(at + 4) : size >= 4 ? big_endian(at) : 0;
}

static void memory_property(const char *name, const char *value, uint32_t size) {
    if (!string_equal(name, "reg")) return;
    for (; size >= 16 && boot_information.memory_range_count < MEMORY_RANGES_MAXIMUM; value += 16, size -= 16)
        boot_information.memory_ranges[boot_information.memory_range_count++] =
            (struct memory_range){number(value, 8), number(value + 8, 8), MEMORY_USABLE};
}

static void chosen_property(const char *name, const char *value, uint32_t size) {
    if (string_equal(name, "bootargs"))
        string_copy(boot_information.command_line, value, min((size_t)size, sizeof(boot_information.command_line)));
    else if (string_equal(name, "linux,initrd-start"))
        boot_information.initrd_start = number(value, size);
    else if (string_equal(name, "linux,initrd-end"))
        boot_information.initrd_size = number(value, size) - boot_information.initrd_start;
}

bool device_tree_read(physical_address address) {
    const char *tree = (const char *)(DIRECT_MAP_BASE + address);
    if (big_endian(tree) != TREE_MAGIC) return false;
    const char *at = tree + big_endian(tree + 8), *strings = tree + big_endian(tree + 12);
    const char *end = tree + big_endian(tree + 4);
    unsigned depth = 0;
    bool memory = false, chosen = false;
    while (at < end) {
        uint32_t token = big_endian(at);
        at += 4;
        if (token == TOKEN_BEGIN) {
            depth++;
            memory = depth == 2 && string_starts_with(at, "memory");
            chosen = depth == 2 && string_equal(at, "chosen");
            at += align_up(strlen(at) + 1, 4);
        } else if (token == TOKEN_END) {
            depth--;
            memory = chosen = false;
        } else if (token == TOKEN_PROPERTY) {
            uint32_t size = big_endian(at);
            const char *name = strings + big_endian(at + 4);
            if (memory) memory_property(name, at + 8, size);
            if (chosen) chosen_property(name, at + 8, size);
            at += 8 + align_up(size, 4);
        } else if (token != TOKEN_NOP) {
            break;
        }
    }
    boot_information.device_tree = address;
    return true;
}
