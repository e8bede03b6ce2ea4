#pragma once
// Writes a manifest as a "newc" cpio archive. The data of files of a page or more begin at a multiple of 4096 (the
// names before them are padded with NULs), so that a kernel can map them where they lie.
#include "tools/helctic/manifest.h"

// Streams the archive to `file`. Hard links share an inode number, the last one carries the data. Returns its size, or
// a negative errno after having reported which file failed: -EFBIG for one of 4 GiB or more, which newc cannot hold.
[[nodiscard]] int64_t cpio_write(int file, const struct manifest *manifest);
