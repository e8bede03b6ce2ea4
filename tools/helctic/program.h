#pragma once
// Decides what goes into the guest's root: the program with all it needs, /init, and the record of what to run.
#include "tools/helctic/manifest.h"
#include "tools/helctic/options.h"
#include "tools/helctic/paths.h"

// How the guest's standard streams are connected.
struct streams {
    bool terminal;       // input and output through helctic.tty
    bool terminal_error; // standard error through it too
    unsigned rows;
    unsigned columns;
};

// Fills the manifest for `run` or `shell`. Returns 0, EXIT_NOT_FOUND, EXIT_CANNOT_RUN or EXIT_MACHINE_FAILED after one
// message.
[[nodiscard]] int program_pack(const struct options *options, const struct paths *paths, const struct streams *streams,
                               struct manifest *manifest);
