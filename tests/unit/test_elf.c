// sources: src/elf.c lib/string.c
// flags: -fno-builtin
// The ELF reader: a good image, and every way in which one can lie.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/errno.h"
#include "lib/string.h"
#include "src/elf.h"

constexpr uint16_t MACHINE = 62;
constexpr size_t FILE_SIZE = 8192;

// The System V ABI's layout, written out once more on purpose: the reader is tested against it.
struct file_header {
    uint8_t identification[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, program_headers, sections;
    uint32_t flags;
    uint16_t header_size, program_header_size, program_header_count, section_header_size, section_count, names;
};
struct program_header {
    uint32_t type, flags;
    uint64_t offset, address, physical, file_size, memory_size, alignment;
};

static struct {
    struct file_header header;
    struct program_header program[4];
} head;
static size_t file_size;
static struct elf_image image;

static int64_t read_file(void *, void *buffer, size_t size, uint64_t offset) {
    static uint8_t bytes[FILE_SIZE];
    memcpy(bytes, &head, sizeof head);
    if (offset >= file_size) return 0;
    size_t count = size < file_size - offset ? size : file_size - offset;
    memcpy(buffer, bytes + offset, count);
    return (int64_t)count;
}

static int setup(void **) {
    static const uint8_t magic[] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
    memset(&head, 0, sizeof head);
    memcpy(head.header.identification, magic, sizeof magic);
    head.header.type = 3;
    head.header.machine = MACHINE;
    head.header.entry = 0x1100;
    head.header.program_headers = sizeof head.header;
    head.header.program_header_size = sizeof head.program[0];
    head.header.program_header_count = 4;
    head.program[0] = (struct program_header){.type = 6, .offset = 64, .address = 64};
    head.program[1] =
        (struct program_header){.type = 1, .flags = 4, .file_size = 0x1000, .memory_size = 0x1000, .alignment = 0x1000};
    head.program[2] = (struct program_header){.type = 1,
                                              .flags = 6,
                                              .offset = 0x1008,
                                              .address = 0x2008,
                                              .file_size = 0x100,
                                              .memory_size = 0x3000,
                                              .alignment = 0x1000};
    head.program[3] = (struct program_header){.type = 0x6474e551, .flags = 6};
    file_size = FILE_SIZE;
    return 0;
}

static int32_t parse(void) {
    return elf_parse(read_file, nullptr, MACHINE, &image);
}

static void reads_a_good_image(void **) {
    assert_int_equal(parse(), 0);
    assert_true(image.position_independent);
    assert_int_equal(image.entry, 0x1100);
    assert_int_equal(image.segment_count, 2);
    assert_int_equal(image.lowest, 0);
    assert_int_equal(image.highest, 0x6000);
    assert_int_equal(image.program_headers, 64);
    assert_false(image.executable_stack);
    assert_int_equal(image.interpreter_size, 0);
    assert_int_equal(image.segments[1].flags, ELF_READ | ELF_WRITE);
}

static void refuses_other_files(void **) {
    head.header.identification[4] = 1;
    assert_int_equal(parse(), -ENOEXEC);
    setup(nullptr);
    head.header.machine = 3;
    assert_int_equal(parse(), -ENOEXEC);
    setup(nullptr);
    head.header.type = 1;
    assert_int_equal(parse(), -ENOEXEC);
    setup(nullptr);
    head.header.program_header_size = 32;
    assert_int_equal(parse(), -ENOEXEC);
    setup(nullptr);
    head.header.program_header_count = 0;
    assert_int_equal(parse(), -ENOEXEC);
}

static void refuses_every_truncation_of_its_headers(void **) {
    for (file_size = 0; file_size < sizeof head; file_size++)
        assert_int_equal(parse(), -ENOEXEC);
}

static void refuses_lies_about_sizes(void **) {
    head.program[1].file_size = 0x2000;
    assert_int_equal(parse(), -ENOEXEC);
    setup(nullptr);
    head.program[2].memory_size = UINT64_MAX - 0x1000;
    assert_int_equal(parse(), -ENOEXEC);
    setup(nullptr);
    head.program[2].address = 0xffff800000000008;
    assert_int_equal(parse(), -ENOEXEC);
    setup(nullptr);
    head.program[2].offset = INT64_MAX - 0x7;
    assert_int_equal(parse(), -ENOEXEC);
    setup(nullptr);
    head.header.program_headers = UINT64_MAX - 8;
    assert_int_equal(parse(), -ENOEXEC);
}

static void refuses_odd_alignment(void **) {
    head.program[2].offset = 0x1010;
    assert_int_equal(parse(), -ENOEXEC);
    setup(nullptr);
    head.program[2].alignment = 0x3000;
    assert_int_equal(parse(), -ENOEXEC);
}

static void refuses_segments_out_of_order(void **) {
    head.program[1].address = 0x100000;
    assert_int_equal(parse(), -ENOEXEC);
}

static void refuses_an_image_without_segments(void **) {
    head.program[1].type = head.program[2].type = 0;
    assert_int_equal(parse(), -ENOEXEC);
}

static void finds_the_interpreter(void **) {
    head.program[0] = (struct program_header){.type = 3, .offset = 0x300, .file_size = 20};
    assert_int_equal(parse(), 0);
    assert_int_equal(image.interpreter_offset, 0x300);
    assert_int_equal(image.interpreter_size, 20);
    head.program[0].file_size = 1;
    assert_int_equal(parse(), -ENOEXEC);
    head.program[0].file_size = 5000;
    assert_int_equal(parse(), -ENOEXEC);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(reads_a_good_image, setup),
        cmocka_unit_test_setup(refuses_other_files, setup),
        cmocka_unit_test_setup(refuses_every_truncation_of_its_headers, setup),
        cmocka_unit_test_setup(refuses_lies_about_sizes, setup),
        cmocka_unit_test_setup(refuses_odd_alignment, setup),
        cmocka_unit_test_setup(refuses_segments_out_of_order, setup),
        cmocka_unit_test_setup(refuses_an_image_without_segments, setup),
        cmocka_unit_test_setup(finds_the_interpreter, setup),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
