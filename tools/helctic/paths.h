#pragma once
// Where the host command's own files lie: in a build folder, or installed under a prefix.

struct paths {
    char *kernel;     // helctic.elf
    char *init;       // the guest's /init
    char *source_top; // the source tree, or null when installed
};

void paths_find(struct paths *paths);
void paths_free(struct paths *paths);
