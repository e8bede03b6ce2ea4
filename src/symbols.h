// Names of kernel functions, for backtraces.
#pragma once

#include "lib/types.h"

// The function that holds address, and the offset in it; nullptr: unknown.
const char *symbol_find(uintptr_t address, uintptr_t *offset);
