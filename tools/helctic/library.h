#pragma once
// Finds the shared libraries of a dynamic ELF program the way its loader would, without running anything, and packs
// them. Knows glibc's and musl's search orders.
#include "tools/helctic/manifest.h"

struct library_search {
    struct manifest *manifest;
    const char *root;            // tree that the libraries come from; "" is the host's own
    const char *library_path;    // LD_LIBRARY_PATH of the guest's environment, or null
    bool used_configuration;     // a library was found only through /etc/ld.so.conf (there is no ld.so.cache)
    struct buffer *conf_folders; // those folders, ':' between them; may be null
};

// Packs the interpreter and all libraries that the ELF file `source` (guest path `path`) needs. Returns 0 (also for a
// static program), EXIT_NOT_FOUND or EXIT_CANNOT_RUN after one message.
[[nodiscard]] int library_add_all(struct library_search *search, const char *source, const char *path);

// Packs the libraries of a module that the program may load later; what is missing is left out silently.
void library_add_optional(struct library_search *search, const char *source, const char *path);
