// Schemes that a program serves.
#pragma once

#include "src/scheme/scheme.h"

struct file;

// Mounts a new one on place (nosuid, nodev) and makes the file from which its server reads requests; the mount goes
// away with the file. -ENOTDIR, -ENOMEM. May sleep.
[[nodiscard]] int32_t user_scheme_serve(struct path *place, const char *source, uint32_t flags, struct file **file);
