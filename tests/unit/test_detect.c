// sources: src/syscall_handler/detect.c
// Which OS a program is for: each way that detection knows, each truncation of an image, and random corruption.
#include "src/syscall_handler/detect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct image {
    unsigned char bytes[1024];
    size_t size;
};

static void put(struct image *image, size_t at, uint64_t value, unsigned width) {
    for (unsigned i = 0; i < width; i++)
        image->bytes[at + i] = (unsigned char)(value >> 8 * i);
    if (at + width > image->size) image->size = at + width;
}

static struct image elf(unsigned osabi, unsigned headers) {
    struct image image = {.size = 64};
    memcpy(image.bytes, "\177ELF\2\1\1", 7);
    image.bytes[7] = (unsigned char)osabi;
    put(&image, 32, 64, 8);
    put(&image, 54, 56, 2);
    put(&image, 56, headers, 2);
    image.size = 64 + headers * 56;
    return image;
}

static void add_segment(struct image *image, unsigned index, uint32_t type, const void *data, size_t size) {
    size_t at = 64 + index * 56;
    put(image, at, type, 4);
    put(image, at + 8, image->size, 8);
    put(image, at + 32, size, 8);
    memcpy(image->bytes + image->size, data, size);
    image->size += size;
}

static size_t make_note(unsigned char *to, const char *name) {
    size_t name_size = strlen(name) + 1, padded = (name_size + 3) & ~3UL;
    memset(to, 0, 12 + padded + 4);
    to[0] = (unsigned char)name_size;
    to[4] = 4;
    to[8] = 1;
    memcpy(to + 12, name, name_size);
    return 12 + padded + 4;
}

static struct image elf_with_note(const char *name) {
    struct image image = elf(0, 1);
    unsigned char note[64];
    add_segment(&image, 0, 4, note, make_note(note, name));
    return image;
}

static struct image elf_with_interpreter(const char *path) {
    struct image image = elf(0, 1);
    add_segment(&image, 0, 3, path, strlen(path) + 1);
    return image;
}

// The answer, or -1 for -ENOEXEC. The copy is exactly as long as the file, so ASan sees a read beyond it.
static int detect(const struct image *image, size_t size) {
    enum personality personality = PERSONALITY_COUNT;
    unsigned char *copy = malloc(size ? size : 1);
    memcpy(copy, image->bytes, size);
    int32_t error = detect_personality(copy, size, &personality);
    free(copy);
    assert_true(error == 0 || error == -ENOEXEC);
    if (!error) assert_true(personality < PERSONALITY_COUNT);
    return error ? -1 : (int)personality;
}

#define assert_detects(built, expected)                                                                                \
    do {                                                                                                               \
        struct image i_ = (built);                                                                                     \
        assert_int_equal(detect(&i_, i_.size), (expected));                                                            \
    } while (0)

static void test_elf_osabi(void **) {
    assert_detects(elf(0, 0), PERSONALITY_LINUX);
    assert_detects(elf(3, 0), PERSONALITY_LINUX);
    assert_detects(elf(9, 0), PERSONALITY_FREEBSD);
    assert_detects(elf(2, 0), PERSONALITY_NETBSD);
    assert_detects(elf(12, 0), PERSONALITY_OPENBSD);
    assert_detects(elf(6, 0), -1);
}

static void test_elf_notes(void **) {
    assert_detects(elf_with_note("Helctic"), PERSONALITY_NATIVE);
    assert_detects(elf_with_note("GNU"), PERSONALITY_LINUX);
    assert_detects(elf_with_note("FreeBSD"), PERSONALITY_FREEBSD);
    assert_detects(elf_with_note("NetBSD"), PERSONALITY_NETBSD);
    assert_detects(elf_with_note("OpenBSD"), PERSONALITY_OPENBSD);
    assert_detects(elf_with_note("Go"), PERSONALITY_LINUX);
}

static void test_own_note_outranks_gnu(void **) {
    struct image image = elf(0, 1);
    unsigned char notes[128];
    size_t size = make_note(notes, "GNU");
    size += make_note(notes + size, "Helctic");
    add_segment(&image, 0, 4, notes, size);
    assert_detects(image, PERSONALITY_NATIVE);
}

static void test_elf_interpreters(void **) {
    assert_detects(elf_with_interpreter("/lib64/ld-linux-x86-64.so.2"), PERSONALITY_LINUX);
    assert_detects(elf_with_interpreter("/lib/ld-musl-x86_64.so.1"), PERSONALITY_LINUX);
    assert_detects(elf_with_interpreter("/libexec/ld-elf.so.1"), PERSONALITY_FREEBSD);
    assert_detects(elf_with_interpreter("/usr/libexec/ld.elf_so"), PERSONALITY_NETBSD);
    assert_detects(elf_with_interpreter("/usr/libexec/ld.so"), PERSONALITY_OPENBSD);
}

static void test_elf_refusals(void **) {
    struct image image = elf(0, 0);
    image.bytes[4] = 1; // 32 bit
    assert_detects(image, -1);
    image = elf(0, 0);
    image.bytes[5] = 2; // big-endian
    assert_detects(image, -1);
    image = elf(0, 0);
    image.size = 63;
    assert_detects(image, -1);
    image = elf(0, 1);
    put(&image, 32, UINT64_MAX - 8, 8); // the table wraps
    assert_detects(image, PERSONALITY_LINUX);
}

static struct image pe(unsigned machine) {
    struct image image = {};
    memcpy(image.bytes, "MZ", 2);
    put(&image, 0x3c, 0x80, 4);
    memcpy(image.bytes + 0x80, "PE\0\0", 4);
    put(&image, 0x84, machine, 2);
    return image;
}

static void test_pe(void **) {
    assert_detects(pe(0x8664), PERSONALITY_WINDOWS);
    assert_detects(pe(0xaa64), PERSONALITY_WINDOWS);
    assert_detects(pe(0x14c), -1);
    struct image image = pe(0x8664);
    put(&image, 0x3c, UINT32_MAX, 4);
    assert_detects(image, -1);
}

static void test_macho(void **) {
    struct image image = {};
    put(&image, 0, 0xfeedfacf, 4);
    put(&image, 4, 0x01000007, 4);
    assert_detects(image, PERSONALITY_DARWIN);
    put(&image, 4, 0x0100000c, 4);
    assert_detects(image, PERSONALITY_DARWIN);
    put(&image, 4, 7, 4);
    assert_detects(image, -1);
    memcpy(image.bytes, "\xca\xfe\xba\xbe\0\0\0\2\1\0\0\x12", 12);
    memcpy(image.bytes + 28, "\1\0\0\xc", 4);
    image.size = 48;
    assert_detects(image, PERSONALITY_DARWIN);
    memcpy(image.bytes + 4, "\0\0\0\x34", 4); // a Java class file
    assert_detects(image, -1);
}

static void test_text_is_refused(void **) {
    struct image image = {.bytes = "#!/bin/sh\n", .size = 10};
    assert_detects(image, -1);
    image.size = 0;
    assert_detects(image, -1);
}

static void test_truncated_and_corrupted(void **) {
    struct image images[] = {elf_with_note("Helctic"), elf_with_interpreter("/lib64/ld-linux-x86-64.so.2"), pe(0x8664)};
    unsigned seed = 1;
    for (size_t i = 0; i < sizeof(images) / sizeof(images[0]); i++) {
        for (size_t size = 0; size <= images[i].size; size++)
            detect(&images[i], size);
        for (unsigned round = 0; round < 20000; round++) {
            struct image image = images[i];
            for (unsigned hits = 0; hits < 4; hits++) {
                seed = seed * 1103515245 + 12345;
                image.bytes[8 + (seed >> 8) % (image.size - 8)] = (unsigned char)(seed >> 24);
            }
            detect(&image, image.size);
        }
    }
}

static void test_names(void **) {
    enum personality personality;
    assert_true(personality_by_name("freebsd", 7, &personality));
    assert_int_equal(personality, PERSONALITY_FREEBSD);
    assert_false(personality_by_name("freebs", 6, &personality));
    assert_string_equal(personality_name(PERSONALITY_LINUX | PERSONALITY_TRACED), "Linux");
    assert_null(personality_name(PERSONALITY_COUNT));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_elf_osabi),
        cmocka_unit_test(test_elf_notes),
        cmocka_unit_test(test_own_note_outranks_gnu),
        cmocka_unit_test(test_elf_interpreters),
        cmocka_unit_test(test_elf_refusals),
        cmocka_unit_test(test_pe),
        cmocka_unit_test(test_macho),
        cmocka_unit_test(test_text_is_refused),
        cmocka_unit_test(test_truncated_and_corrupted),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
