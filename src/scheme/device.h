// Character devices by number, and devtmpfs.
#pragma once

#include "src/scheme/file.h"

// Opens the device that file->node names. -ENXIO: no driver.
[[nodiscard]] int32_t device_open(struct file *file);
void device_init(void); // devtmpfs and the memory devices
void memory_devices_init(void);
