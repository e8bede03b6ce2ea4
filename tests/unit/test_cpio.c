// sources: src/scheme/cpio.c
// The reader of initrd archives: well-formed ones, several in a row, and damage.
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/errno.h"
#include "src/scheme/cpio.h"

static uint8_t archive[4096];
static size_t used;

static int start(void **) {
    used = 0;
    memset(archive, 0xee, sizeof(archive));
    return 0;
}

static void add(const char *name, uint32_t mode, uint32_t inode, const char *contents) {
    size_t name_size = strlen(name) + 1, size = strlen(contents), start_at = used;
    used += (size_t)sprintf((char *)archive + used, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", inode,
                            mode, 1, 2, 3, 4, (unsigned)size, 5, 6, 7, 8, (unsigned)name_size, 0);
    assert_int_equal(used - start_at, CPIO_HEADER_SIZE);
    memcpy(archive + used, name, name_size);
    used += name_size;
    while (used & 3)
        archive[used++] = 0;
    memcpy(archive + used, contents, size);
    used += size;
    while (used & 3)
        archive[used++] = 0;
}

static void expect(struct cpio_reader *reader, const char *name, const char *contents) {
    struct cpio_entry entry;
    assert_int_equal(cpio_next(reader, &entry), CPIO_ENTRY);
    assert_int_equal(entry.name_length, strlen(name));
    assert_memory_equal(entry.name, name, strlen(name));
    assert_int_equal(entry.size, strlen(contents));
    assert_memory_equal(entry.data, contents, strlen(contents));
}

static void test_fields(void **) {
    add("dir/file", 0100644, 0xabcdef, "hello");
    struct cpio_reader reader = cpio_start(archive, used);
    struct cpio_entry entry;
    assert_int_equal(cpio_next(&reader, &entry), CPIO_ENTRY);
    assert_int_equal(entry.inode, 0xabcdef);
    assert_int_equal(entry.mode, 0100644);
    assert_int_equal(entry.uid, 1);
    assert_int_equal(entry.gid, 2);
    assert_int_equal(entry.links, 3);
    assert_int_equal(entry.modified, 4);
    assert_int_equal(entry.device_major, 5);
    assert_int_equal(entry.device_minor, 6);
    assert_int_equal(entry.special_major, 7);
    assert_int_equal(entry.special_minor, 8);
    assert_int_equal(cpio_next(&reader, &entry), CPIO_END);
}

static void test_several(void **) {
    add("a", 0100644, 1, "first");
    add("b", 0100644, 2, "");
    add("TRAILER!!!", 0, 0, "");
    memset(archive + used, 0, 100); // padding to a block, which may end off the alignment
    used += 98;
    add("c", 0100644, 1, "of the second");
    add("TRAILER!!!", 0, 0, "");
    struct cpio_reader reader = cpio_start(archive, used);
    struct cpio_entry entry;
    expect(&reader, "a", "first");
    expect(&reader, "b", "");
    assert_int_equal(cpio_next(&reader, &entry), CPIO_TRAILER);
    // `add` aligned by the whole buffer; from its own start this archive is aligned otherwise.
    assert_int_equal(cpio_next(&reader, &entry), CPIO_ENTRY);
    assert_int_equal(entry.name_length, 1);
}

static void test_cut_anywhere(void **) {
    add("name", 0100644, 1, "some contents");
    size_t whole = used;
    for (size_t size = 1; size < whole; size++) {
        struct cpio_reader reader = cpio_start(archive, size);
        struct cpio_entry entry;
        int32_t result = cpio_next(&reader, &entry);
        // Only the padding at the very end may be missing.
        if (size < whole - 3)
            assert_int_equal(result, -EINVAL);
        else
            assert_true(result == CPIO_ENTRY || result == -EINVAL);
    }
}

static void test_damage(void **) {
    struct cpio_entry entry;
    add("name", 0100644, 1, "x");
    archive[5] = '9'; // another format
    struct cpio_reader reader = cpio_start(archive, used);
    assert_int_equal(cpio_next(&reader, &entry), -EINVAL);
    start(nullptr);
    add("name", 0100644, 1, "x");
    memcpy(archive + 54, "ffffffff", 8); // size
    reader = cpio_start(archive, used);
    assert_int_equal(cpio_next(&reader, &entry), -EINVAL);
    start(nullptr);
    add("name", 0100644, 1, "x");
    memcpy(archive + 94, "ffffffff", 8); // name size
    reader = cpio_start(archive, used);
    assert_int_equal(cpio_next(&reader, &entry), -EINVAL);
    start(nullptr);
    add("name", 0100644, 1, "x");
    archive[20] = 'g'; // not a digit
    reader = cpio_start(archive, used);
    assert_int_equal(cpio_next(&reader, &entry), -EINVAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_fields, start), cmocka_unit_test_setup(test_several, start),
        cmocka_unit_test_setup(test_cut_anywhere, start), cmocka_unit_test_setup(test_damage, start)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
