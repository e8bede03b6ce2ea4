#pragma once

#include "src/scheme/scheme.h"

// Puts a place (its references are consumed) as root or working directory.
void file_system_state_set(struct file_system_state *state, struct path *place, bool root);
// The running process's; kernel threads see the first mount.
struct file_system_state *file_system_state_current(void);
