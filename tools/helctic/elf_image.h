#pragma once
// What packing a program needs to know of an ELF file: machine, interpreter, needed libraries and search paths. A pure
// reader over bytes in memory; every offset is checked, nothing is copied.
#include <stddef.h>
#include <stdint.h>

enum : size_t { ELF_NEEDED_MAX = 512 };

struct elf_image {
    const uint8_t *bytes;
    size_t size;
    uint8_t class_bits; // 32 or 64
    uint8_t os_abi;
    uint16_t type;
    uint16_t machine;
    const char *interpreter; // null when the program is static
    const char *rpath;       // null when absent
    const char *runpath;     // null when absent
    const char *soname;      // null when absent
    bool dynamic;
    size_t needed_count;
    const char *needed[ELF_NEEDED_MAX];
};

// Reads the image at `bytes`. All strings point into it. Returns 0; -ENOEXEC when this is no ELF file; -EINVAL when it
// is a damaged one; -E2BIG when it needs more than ELF_NEEDED_MAX libraries.
[[nodiscard]] int elf_image_read(const void *bytes, size_t size, struct elf_image *image);
