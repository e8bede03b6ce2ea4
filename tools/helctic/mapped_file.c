#include "tools/helctic/mapped_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const uint8_t no_bytes[1];

int mapped_file_open(const char *path, struct mapped_file *file) {
    *file = (struct mapped_file){};
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) return -errno;
    struct stat status;
    int result = 0;
    if (fstat(descriptor, &status) < 0) {
        result = -errno;
    } else if (!S_ISREG(status.st_mode)) {
        result = S_ISDIR(status.st_mode) ? -EISDIR : -EINVAL;
    } else if (status.st_size == 0) {
        file->bytes = no_bytes;
    } else {
        void *bytes = mmap(nullptr, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
        if (bytes == MAP_FAILED) {
            result = -errno;
        } else {
            *file = (struct mapped_file){.bytes = bytes, .size = (size_t)status.st_size};
        }
    }
    close(descriptor);
    return result;
}

void mapped_file_close(struct mapped_file *file) {
    if (file->size) munmap((void *)file->bytes, file->size);
    *file = (struct mapped_file){};
}
