#include "src/syscall_handler/detect.h"

#include "lib/string.h"

struct view {
    const unsigned char *bytes;
    size_t size;
};

static bool view_has(struct view view, uint64_t offset, uint64_t size) {
    return offset <= view.size && size <= view.size - offset;
}

// Little-endian number of `width` bytes; big: big-endian. Caller has checked the range.
static uint64_t number_at(struct view view, size_t offset, unsigned width, bool big) {
    uint64_t value = 0;
    for (unsigned i = 0; i < width; i++)
        value |= (uint64_t)view.bytes[offset + i] << 8 * (big ? width - 1 - i : i);
    return value;
}

static uint64_t little(struct view view, size_t offset, unsigned width) {
    return number_at(view, offset, width, false);
}

// ---- ELF

constexpr size_t ELF_HEADER_SIZE = 64, PROGRAM_HEADER_SIZE = 56;
enum : uint32_t { PT_INTERP = 3, PT_NOTE = 4, PT_OPENBSD_FIRST = 0x65a3dbe6, PT_OPENBSD_LAST = 0x65a41be6 };

static const struct {
    uint8_t osabi;
    enum personality personality;
} elf_osabis[] = {{9, PERSONALITY_FREEBSD}, {2, PERSONALITY_NETBSD}, {12, PERSONALITY_OPENBSD}};

static const struct {
    const char *name;
    enum personality personality;
} elf_notes[] = {
    {"Helctic", PERSONALITY_NATIVE},  {"FreeBSD", PERSONALITY_FREEBSD}, {"NetBSD", PERSONALITY_NETBSD},
    {"OpenBSD", PERSONALITY_OPENBSD}, {"GNU", PERSONALITY_LINUX},
};

static const struct {
    const char *prefix;
    enum personality personality;
} elf_interpreters[] = {
    {"/libexec/ld-elf", PERSONALITY_FREEBSD},
    {"/usr/libexec/ld.elf_so", PERSONALITY_NETBSD},
    {"/libexec/ld.elf_so", PERSONALITY_NETBSD},
    {"/usr/libexec/ld.so", PERSONALITY_OPENBSD},
    {"/lib", PERSONALITY_LINUX},
};

// Several notes may lie in a program: a BSD's or Helctic's own outranks GNU's, which build tools put everywhere.
static bool note_personality(struct view view, uint64_t offset, uint64_t size, enum personality *personality) {
    bool found = false;
    for (uint64_t at = 0; at <= size && size - at >= 12 && view_has(view, offset + at, 12);) {
        uint64_t name_size = little(view, offset + at, 4), data_size = little(view, offset + at + 4, 4);
        uint64_t name_at = offset + at + 12;
        if (name_size > size || !view_has(view, name_at, name_size)) break;
        for (size_t i = 0; i < array_size(elf_notes); i++) {
            size_t length = strlen(elf_notes[i].name) + 1;
            if (name_size != length || memcmp(view.bytes + name_at, elf_notes[i].name, length)) continue;
            *personality = elf_notes[i].personality;
            if (*personality != PERSONALITY_LINUX) return true;
            found = true;
        }
        at += 12 + align_up(name_size, 4) + align_up(data_size, 4);
    }
    return found;
}

static bool interpreter_personality(struct view view, uint64_t offset, uint64_t size, enum personality *personality) {
    if (!view_has(view, offset, size)) return false;
    for (size_t i = 0; i < array_size(elf_interpreters); i++) {
        size_t length = strlen(elf_interpreters[i].prefix);
        if (size <= length || memcmp(view.bytes + offset, elf_interpreters[i].prefix, length)) continue;
        *personality = elf_interpreters[i].personality;
        return true;
    }
    return false;
}

// What the program headers say: OpenBSD's own types and non-GNU notes, then the interpreter, then a GNU note.
static bool program_headers_personality(struct view view, enum personality *personality) {
    uint64_t table = little(view, 32, 8), entry_size = little(view, 54, 2), count = little(view, 56, 2);
    bool gnu_note = false, interpreter = false;
    enum personality by_interpreter = PERSONALITY_LINUX;
    if (entry_size < PROGRAM_HEADER_SIZE) return false;
    for (uint64_t i = 0; i < count && table <= view.size && view_has(view, table + i * entry_size, PROGRAM_HEADER_SIZE);
         i++) {
        size_t at = table + i * entry_size;
        uint32_t type = (uint32_t)little(view, at, 4);
        uint64_t offset = little(view, at + 8, 8), size = little(view, at + 32, 8);
        if (type >= PT_OPENBSD_FIRST && type <= PT_OPENBSD_LAST) {
            *personality = PERSONALITY_OPENBSD;
            return true;
        }
        if (type == PT_NOTE && offset <= view.size && note_personality(view, offset, size, personality)) {
            if (*personality != PERSONALITY_LINUX) return true;
            gnu_note = true;
        }
        if (type == PT_INTERP) interpreter = interpreter_personality(view, offset, size, &by_interpreter);
    }
    *personality = interpreter ? by_interpreter : PERSONALITY_LINUX;
    return interpreter || gnu_note;
}

static int32_t detect_elf(struct view view, enum personality *personality) {
    constexpr unsigned char class_64 = 2, little_endian = 1;
    if (view.size < ELF_HEADER_SIZE || view.bytes[4] != class_64 || view.bytes[5] != little_endian) return -ENOEXEC;
    uint8_t osabi = view.bytes[7];
    for (size_t i = 0; i < array_size(elf_osabis); i++) {
        if (elf_osabis[i].osabi != osabi) continue;
        *personality = elf_osabis[i].personality;
        return 0;
    }
    if (program_headers_personality(view, personality)) return 0;
    *personality = PERSONALITY_LINUX;
    return osabi == 0 || osabi == 3 ? 0 : -ENOEXEC;
}

// ---- PE

static int32_t detect_pe(struct view view, enum personality *personality) {
    static const uint16_t machines[] = {0x8664, 0xaa64, 0x5064}; // AMD64, ARM64, RISCV64
    if (!view_has(view, 0x3c, 4)) return -ENOEXEC;
    uint64_t header = little(view, 0x3c, 4);
    if (!view_has(view, header, 6) || memcmp(view.bytes + header, "PE\0\0", 4)) return -ENOEXEC;
    for (size_t i = 0; i < array_size(machines); i++) {
        if (little(view, header + 4, 2) != machines[i]) continue;
        *personality = PERSONALITY_WINDOWS;
        return 0;
    }
    return -ENOEXEC;
}

// ---- Mach-O

static bool macho_cpu_known(uint64_t type) {
    return type == 0x01000007 || type == 0x0100000c; // x86_64, arm64
}

static int32_t detect_macho(struct view view, enum personality *personality) {
    if (!view_has(view, 0, 8) || !macho_cpu_known(little(view, 4, 4))) return -ENOEXEC;
    *personality = PERSONALITY_DARWIN;
    return 0;
}

// A fat file lists its images. Java's class files share the magic: their count would be above 30.
static int32_t detect_fat(struct view view, size_t entry_size, enum personality *personality) {
    constexpr uint64_t images_maximum = 30;
    if (!view_has(view, 0, 8)) return -ENOEXEC;
    uint64_t count = number_at(view, 4, 4, true);
    if (count > images_maximum) return -ENOEXEC;
    for (uint64_t i = 0; i < count && view_has(view, 8 + i * entry_size, 4); i++) {
        if (!macho_cpu_known(number_at(view, 8 + i * entry_size, 4, true))) continue;
        *personality = PERSONALITY_DARWIN;
        return 0;
    }
    return -ENOEXEC;
}

int32_t detect_personality(const void *header, size_t size, enum personality *personality) {
    struct view view = {header, size};
    if (size < 4) return -ENOEXEC;
    if (!memcmp(header, "\177ELF", 4)) return detect_elf(view, personality);
    if (!memcmp(header, "MZ", 2)) return detect_pe(view, personality);
    if (!memcmp(header, "\xcf\xfa\xed\xfe", 4)) return detect_macho(view, personality);
    if (!memcmp(header, "\xca\xfe\xba\xbe", 4)) return detect_fat(view, 20, personality);
    if (!memcmp(header, "\xca\xfe\xba\xbf", 4)) return detect_fat(view, 32, personality);
    return -ENOEXEC;
}

static const struct {
    const char *name, *option;
} names[PERSONALITY_COUNT] = {
    [PERSONALITY_NATIVE] = {"native", "native"},    [PERSONALITY_LINUX] = {"Linux", "linux"},
    [PERSONALITY_WINDOWS] = {"Windows", "windows"}, [PERSONALITY_DARWIN] = {"Darwin", "darwin"},
    [PERSONALITY_FREEBSD] = {"FreeBSD", "freebsd"}, [PERSONALITY_NETBSD] = {"NetBSD", "netbsd"},
    [PERSONALITY_OPENBSD] = {"OpenBSD", "openbsd"},
};

const char *personality_name(uint32_t personality) {
    uint32_t os = personality & PERSONALITY_MASK;
    return os < PERSONALITY_COUNT ? names[os].name : nullptr;
}

bool personality_by_name(const char *name, size_t length, enum personality *personality) {
    for (uint32_t i = 0; i < PERSONALITY_COUNT; i++) {
        if (strlen(names[i].option) != length || memcmp(names[i].option, name, length)) continue;
        *personality = (enum personality)i;
        return true;
    }
    return false;
}
