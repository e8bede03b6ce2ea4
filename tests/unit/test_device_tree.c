// The boot's reader of the flattened device tree.
// sources: lib/string.c src/drivers/device_tree.c src/arch/hosted/hosted.c
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/string.h"
#include "src/arch/arch.h"
#include "src/arch/hosted/hosted.h"
#include "src/boot.h"
#include "src/drivers/device_tree.h"

struct boot_information boot_information;
constexpr physical_address AT = PAGE_SIZE;
static uint32_t *words; // of the tree being written
static unsigned position;
static const char strings[] = "reg\0bootargs\0linux,initrd-start\0linux,initrd-end";
enum string_offset : uint32_t { REG = 0, BOOTARGS = 4, INITRD_START = 13, INITRD_END = 32 };

static void put(uint32_t word) {
    words[position++] = __builtin_bswap32(word);
}
static void put_text(const char *text, uint32_t size) {
    memcpy(&words[position], text, size);
    position += (size + 3) / 4;
}
static void node_begin(const char *name) {
    put(1);
    put_text(name, (uint32_t)strlen(name) + 1);
}
static void node_end(void) {
    put(2);
}
static void property(enum string_offset name, const uint32_t *cells, unsigned count) {
    put(3);
    put(count * 4);
    put(name);
    for (unsigned i = 0; i < count; i++)
        put(cells[i]);
}

static void tree_start(void) {
    hosted_memory_init(4UL << 20);
    boot_information = (struct boot_information){};
    words = (uint32_t *)(DIRECT_MAP_BASE + AT);
    position = 10;
}

static void tree_end(void) {
    put(9);
    unsigned size = position * 4;
    memcpy(&words[position], strings, sizeof strings);
    position = 0;
    put(0xd00dfeed);
    put(size + (uint32_t)sizeof strings);
    put(40);
    put(size);
}

static void test_whole(void **) {
    tree_start();
    node_begin("");
    put(4); // nop
    node_begin("memory@40000000");
    property(REG, (const uint32_t[]){0, 0x40000000, 0, 0x10000000, 1, 0, 2, 0}, 8);
    node_end();
    node_begin("chosen");
    put(3);
    put(6);
    put(BOOTARGS);
    put_text("a b=c", 6);
    property(INITRD_START, (const uint32_t[]){0x48000000}, 1);
    property(INITRD_END, (const uint32_t[]){0, 0x48001234}, 2);
    node_begin("memory@1"); // not a child of the root: not memory
    property(REG, (const uint32_t[]){0, 1, 0, 1}, 4);
    node_end();
    node_end();
    node_end();
    tree_end();
    assert_true(device_tree_read(AT));
    assert_int_equal(boot_information.memory_range_count, 2);
    assert_int_equal(boot_information.memory_ranges[0].start, 0x40000000);
    assert_int_equal(boot_information.memory_ranges[0].size, 0x10000000);
    assert_int_equal(boot_information.memory_ranges[1].start, 1ULL << 32);
    assert_int_equal(boot_information.memory_ranges[1].size, 2ULL << 32);
    assert_string_equal(boot_information.command_line, "a b=c");
    assert_int_equal(boot_information.initrd_start, 0x48000000);
    assert_int_equal(boot_information.initrd_size, 0x1234);
    assert_int_equal(boot_information.device_tree, AT);
}

static void test_none(void **) {
    tree_start();
    assert_false(device_tree_read(AT));
    assert_int_equal(boot_information.device_tree, 0);
}

static void test_cut_off(void **) {
    tree_start();
    node_begin("");
    node_begin("memory@0");
    property(REG, (const uint32_t[]){0, 0, 0, 4096}, 4);
    put(77); // no such token: the walk ends there
    tree_end();
    assert_true(device_tree_read(AT));
    assert_int_equal(boot_information.memory_range_count, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_whole), cmocka_unit_test(test_none),
                                       cmocka_unit_test(test_cut_off)};
    int failed = cmocka_run_group_tests(tests, nullptr, nullptr);
    hosted_memory_release();
    return failed;
}
