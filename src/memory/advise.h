// The memory calls that only kop_memory.c needs.
#pragma once

#include "lib/types.h"

struct address_space;

// mlock(2) and munlock(2): -ENOMEM (not mapped), -EAGAIN (could not be made resident), -EINVAL (overflow). fill: make
// the pages resident. The limit is the caller's business. May sleep.
[[nodiscard]] int32_t address_space_lock(struct address_space *space, uintptr_t address, size_t length, bool lock,
                                         bool fill);
[[nodiscard]] int32_t address_space_lock_all(struct address_space *space, bool lock, bool fill);
// One byte a page: 1 when an access would not need I/O. -ENOMEM: something is not mapped.
[[nodiscard]] int32_t address_space_resident(struct address_space *space, uintptr_t address, size_t pages,
                                             uint8_t *vector);
