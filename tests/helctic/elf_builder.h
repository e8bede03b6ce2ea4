#pragma once
// Makes small ELF files in memory for tests: one loaded segment that holds everything.
#include <elf.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct elf_spec {
    const char *interpreter; // null: none
    const char *soname;
    const char *rpath;
    const char *runpath;
    const char *needed[8]; // ended by null
    uint16_t type;         // 0: ET_DYN
    uint16_t machine;      // 0: EM_X86_64
    bool no_dynamic;
};

struct elf_file {
    uint8_t bytes[4096];
    size_t size;
};

static inline uint64_t elf_put(struct elf_file *file, const void *data, size_t size) {
    uint64_t at = file->size;
    memcpy(file->bytes + at, data, size);
    file->size += size;
    return at;
}

static inline void elf_build(struct elf_file *file, const struct elf_spec *spec) {
    Elf64_Ehdr head = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                       .e_type = spec->type ? spec->type : ET_DYN,
                       .e_machine = spec->machine ? spec->machine : EM_X86_64,
                       .e_version = EV_CURRENT,
                       .e_phoff = sizeof(Elf64_Ehdr),
                       .e_ehsize = sizeof(Elf64_Ehdr),
                       .e_phentsize = sizeof(Elf64_Phdr),
                       .e_phnum = 3};
    Elf64_Phdr segments[3] = {{.p_type = PT_LOAD}, {.p_type = PT_NULL}, {.p_type = PT_NULL}};
    Elf64_Dyn dynamic[16];
    size_t count = 0;
    *file = (struct elf_file){.size = sizeof head + sizeof segments};
    if (spec->interpreter) {
        uint64_t at = elf_put(file, spec->interpreter, strlen(spec->interpreter) + 1);
        segments[1] = (Elf64_Phdr){.p_type = PT_INTERP, .p_offset = at, .p_filesz = strlen(spec->interpreter) + 1};
    }
    uint64_t strings = elf_put(file, "", 1);
    const struct {
        int64_t tag;
        const char *text;
    } texts[] = {{DT_SONAME, spec->soname}, {DT_RPATH, spec->rpath}, {DT_RUNPATH, spec->runpath}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (!texts[i].text) continue;
        uint64_t at = elf_put(file, texts[i].text, strlen(texts[i].text) + 1);
        dynamic[count++] = (Elf64_Dyn){.d_tag = texts[i].tag, .d_un.d_val = at - strings};
    }
    for (size_t i = 0; spec->needed[i]; i++) {
        uint64_t at = elf_put(file, spec->needed[i], strlen(spec->needed[i]) + 1);
        dynamic[count++] = (Elf64_Dyn){.d_tag = DT_NEEDED, .d_un.d_val = at - strings};
    }
    dynamic[count++] = (Elf64_Dyn){.d_tag = DT_STRTAB, .d_un.d_val = 0x400000 + strings};
    dynamic[count++] = (Elf64_Dyn){.d_tag = DT_STRSZ, .d_un.d_val = file->size - strings};
    dynamic[count++] = (Elf64_Dyn){.d_tag = DT_NULL};
    if (!spec->no_dynamic) {
        uint64_t at = elf_put(file, dynamic, count * sizeof *dynamic);
        segments[2] = (Elf64_Phdr){.p_type = PT_DYNAMIC, .p_offset = at, .p_filesz = count * sizeof *dynamic};
    }
    segments[0].p_vaddr = 0x400000;
    segments[0].p_filesz = file->size;
    memcpy(file->bytes, &head, sizeof head);
    memcpy(file->bytes + sizeof head, segments, sizeof segments);
}
