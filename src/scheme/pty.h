// Pseudo-terminals: /dev/ptmx makes a master; its slave is /dev/pts/N.
#pragma once

#include "lib/types.h"

struct file;

// -ENOTTY: not a master.
[[nodiscard]] int32_t pty_master_number(struct file *file, uint32_t *number);
[[nodiscard]] int32_t pty_master_lock(struct file *file, bool locked);
[[nodiscard]] int32_t pty_init(void);
