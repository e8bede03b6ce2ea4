// The host command's ELF reader: what it finds, and that no damage makes it read outside the file.
// sources: tools/helctic/elf_image.c
// flags: -D_GNU_SOURCE
#include "tests/helctic/elf_builder.h"
#include "tools/helctic/elf_image.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct elf_spec full = {
    .interpreter = "/lib64/ld-linux-x86-64.so.2",
    .soname = "libself.so.1",
    .rpath = "/r",
    .runpath = "$ORIGIN/../lib:/opt",
    .needed = {"libone.so.1", "libtwo.so.2"},
};

static void finds_everything(void **) {
    struct elf_file file;
    struct elf_image image;
    elf_build(&file, &full);
    assert_int_equal(elf_image_read(file.bytes, file.size, &image), 0);
    assert_string_equal(image.interpreter, "/lib64/ld-linux-x86-64.so.2");
    assert_string_equal(image.soname, "libself.so.1");
    assert_string_equal(image.rpath, "/r");
    assert_string_equal(image.runpath, "$ORIGIN/../lib:/opt");
    assert_int_equal(image.needed_count, 2);
    assert_string_equal(image.needed[0], "libone.so.1");
    assert_string_equal(image.needed[1], "libtwo.so.2");
    assert_int_equal(image.machine, EM_X86_64);
    assert_int_equal(image.class_bits, 64);
    assert_true(image.dynamic);
}

static void static_program_needs_nothing(void **) {
    struct elf_file file;
    struct elf_image image;
    elf_build(&file, &(struct elf_spec){.type = ET_EXEC, .no_dynamic = true});
    assert_int_equal(elf_image_read(file.bytes, file.size, &image), 0);
    assert_null(image.interpreter);
    assert_int_equal(image.needed_count, 0);
    assert_false(image.dynamic);
}

static void other_files_are_refused(void **) {
    struct elf_image image;
    assert_int_equal(elf_image_read("", 0, &image), -ENOEXEC);
    assert_int_equal(elf_image_read("#!/bin/sh\necho", 14, &image), -ENOEXEC);
    assert_int_equal(elf_image_read("\177ELF", 4, &image), -ENOEXEC);
    struct elf_file file;
    elf_build(&file, &full);
    file.bytes[EI_DATA] = ELFDATA2MSB;
    assert_int_equal(elf_image_read(file.bytes, file.size, &image), -ENOEXEC);
}

// Each length in a block of exactly that size: the sanitizer sees a read behind it.
static void every_truncation_is_safe(void **) {
    struct elf_file file;
    elf_build(&file, &full);
    for (size_t size = 0; size < file.size; size++) {
        struct elf_image image;
        uint8_t *copy = malloc(size ? size : 1);
        memcpy(copy, file.bytes, size);
        assert_true(elf_image_read(copy, size, &image) < 0);
        free(copy);
    }
}

static void every_flipped_byte_is_safe(void **) {
    struct elf_file file;
    elf_build(&file, &full);
    static const uint8_t values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    uint8_t *copy = malloc(file.size);
    for (size_t at = 0; at < file.size; at++) {
        for (size_t v = 0; v < sizeof values; v++) {
            struct elf_image image;
            memcpy(copy, file.bytes, file.size);
            copy[at] = values[v];
            int result = elf_image_read(copy, file.size, &image);
            assert_true(result <= 0);
            for (size_t i = 0; result == 0 && i < image.needed_count; i++) {
                const uint8_t *end = (const uint8_t *)image.needed[i] + strlen(image.needed[i]);
                assert_true(end < copy + file.size);
            }
        }
    }
    free(copy);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_everything),           cmocka_unit_test(static_program_needs_nothing),
        cmocka_unit_test(other_files_are_refused),    cmocka_unit_test(every_truncation_is_safe),
        cmocka_unit_test(every_flipped_byte_is_safe),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
