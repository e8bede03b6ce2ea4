#pragma once
// What every guest's root holds beside the program: folders, the few files of /etc, and the record that tells /init
// what to run. The record /etc/helctic/run is a sequence of NUL-terminated "key=value" strings, keys: path, arg, env,
// cwd, stdin, stdout, stderr, rows, columns, personality, uid, gid.
#include "tools/helctic/manifest.h"
#include "tools/helctic/program.h"

struct guest_run {
    const struct options *options;
    const struct streams *streams;
    const char *program;         // guest path
    const char *library_folders; // for LD_LIBRARY_PATH, or null
};

void guest_root_add(struct manifest *manifest, const struct guest_run *run);

// Packs busybox with a link for each of its commands that is not there yet. Returns 0, or an exit code, with a message
// when it is `required`.
[[nodiscard]] int guest_shell_add(struct manifest *manifest, const char *root, bool required);
