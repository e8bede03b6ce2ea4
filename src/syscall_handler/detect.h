// Which OS a program was built for, from the head of its file.
#pragma once

#include <personality.h>

// Looks at the first size bytes of a file (4096 are enough for what linkers produce; notes and interpreter names that
// lie beyond are not seen). 0, or -ENOEXEC: no image of a known kind for a 64-bit machine. Pure, bounds-checked.
//
// ELF: EI_OSABI 9 FreeBSD, 2 NetBSD, 12 OpenBSD; else the notes' names, then the interpreter; else OSABI 0 or 3 is
// Linux. A "Helctic" note is native. PE by its machine is Windows, Mach-O (also fat) by its CPU type Darwin.
[[nodiscard]] int32_t detect_personality(const void *header, size_t size, enum personality *personality);

// "Linux", "FreeBSD" …; nullptr: no such personality.
const char *personality_name(uint32_t personality);
// The value of --personality: a name in lower case (native, linux, windows, …). False: unknown.
[[nodiscard]] bool personality_by_name(const char *name, size_t length, enum personality *personality);
