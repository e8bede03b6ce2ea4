// Seals of memory files (memfd): what may no longer be done to them.
#pragma once

#include "src/scheme/scheme.h"

enum seal : uint32_t {
    SEAL_SEAL = 1,
    SEAL_SHRINK = 2,
    SEAL_GROW = 4,
    SEAL_WRITE = 8,
    SEAL_FUTURE_WRITE = 16,
    SEAL_EXEC = 32
};

// 0 or -EPERM. Caller holds the node's lock.
[[nodiscard]] int32_t seals_check_resize(const struct node *node, uint64_t size);
[[nodiscard]] int32_t seals_check_write(const struct node *node, bool grows);
// -EPERM (sealed against it), -EBUSY (SEAL_WRITE while writable mappings exist), -EINVAL (unknown). Caller holds the
// node's lock.
[[nodiscard]] int32_t seals_add(struct node *node, uint32_t seals);
// A shared mapping of the node: -EPERM when PROT_WRITE is sealed; else *maximum (PROT_*) loses what seals forbid.
[[nodiscard]] int32_t seals_check_map(const struct node *node, uint32_t protection, uint32_t *maximum);
