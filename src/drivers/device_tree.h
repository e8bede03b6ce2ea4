// The flattened device tree: what the boot needs of it.
#pragma once

#include "lib/types.h"

// Fills boot_information's memory, command line and initrd from the tree at a physical address that the direct map
// holds. False: there is no tree.
bool device_tree_read(physical_address address);
