// What hosted unit tests of the core set up: an arena as physical memory, one processor, and user memory that is
// reached through the current address space's page table (a missing page calls page_fault, as the processor would).
#pragma once

#include "lib/types.h"

// Physical memory of size bytes (a multiple of 2 MiB), zeroed; this thread becomes processor 0. Frees an older arena.
void hosted_memory_init(size_t size);
void hosted_memory_release(void);
