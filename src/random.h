// Random bytes: a ChaCha20 generator seeded by the processor, which replaces its key after each use.
#pragma once

#include "lib/types.h"

void random_init(void);
void random_bytes(void *buffer, size_t size); // any context
uint64_t random_word(void);
// Mixes bytes of a program or a device into the key; they are not counted as entropy.
void random_mix(const void *data, size_t size);
