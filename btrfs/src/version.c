#include <btrfs.h>

uint32_t btrfs_version(void) {
    return BTRFS_INTERFACE_VERSION;
}
