#pragma once
/* The public interface of libbtrfs.a: a btrfs file system as a pure library (callbacks in, handles out). */
#include <stdint.h>

/* The version of this interface; the core refuses a library of another one. */
constexpr uint32_t BTRFS_INTERFACE_VERSION = 0;

/* Returns BTRFS_INTERFACE_VERSION of the library that was linked. Never sleeps. */
uint32_t btrfs_version(void);
