#include "src/symbols.h"

// Made by tools/symbols.sh from the first link: the number of functions; for each its offset from text_start,
// ascending; for each its name's offset from the start of the names; the names.
extern const uint32_t symbols_start[], symbols_end[];
extern const char text_start[], text_end[];

const char *symbol_find(uintptr_t address, uintptr_t *offset) {
    if ((uintptr_t)symbols_start == (uintptr_t)symbols_end || address < (uintptr_t)text_start ||
        address >= (uintptr_t)text_end)
        return nullptr;
    uint32_t count = symbols_start[0], wanted = (uint32_t)(address - (uintptr_t)text_start);
    const uint32_t *starts = symbols_start + 1, *names = starts + count;
    uint32_t low = 0, high = count; // starts[low] <= wanted < starts[high]
    if (!count || starts[0] > wanted) return nullptr;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (starts[middle] <= wanted)
            low = middle;
        else
            high = middle;
    }
    *offset = wanted - starts[low];
    return (const char *)(names + count) + names[low];
}
