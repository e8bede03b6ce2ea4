#pragma once

#include "src/scheme/scheme.h"

// Fills the tree below root from the newc archives at archive, whose memory must stay. Returns the number of entries,
// or -EINVAL (what came before the damage is there), -ENOMEM.
[[nodiscard]] int32_t initrd_unpack(struct name *root, const void *archive, size_t size);
