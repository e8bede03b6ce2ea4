#pragma once
// What a program may look for beside its own files: the locale and the terminal's description that the environment
// names, and a shell with the usual commands. All of it is optional: what the host lacks is left out.
#include "tools/helctic/manifest.h"
#include "tools/helctic/options.h"

void surroundings_add(struct manifest *manifest, const struct options *options);
