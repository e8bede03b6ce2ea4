// null, zero, full, random, urandom, kmsg.
#include "lib/string.h"
#include "src/kernel.h"
#include "src/memory/heap.h"
#include "src/memory/memory_object.h"
#include "src/scheme/device.h"
#include "src/scheme/io_request.h"

static int64_t null_read(struct file *, struct io_request *) {
    return 0;
}

static int64_t null_write(struct file *, struct io_request *request) {
    size_t size = request->cursor.remaining;
    request->cursor.remaining = 0; // nobody looks at the segments any more
    return (int64_t)size;
}

static int64_t null_seek(struct file *, int64_t, uint32_t) {
    return 0;
}

static int64_t zero_read(struct file *, struct io_request *request) {
    const struct segment *first = request->cursor.segment;
    if (likely(request->cursor.remaining == first->length && request->cursor.left == 1 &&
               first->kind == SEGMENT_USER)) {
        int32_t error = clear_user((struct user_address){first->address}, first->length);
        if (likely(error == 0)) return (int64_t)first->length;
    }
    size_t size = request->cursor.remaining, done = segment_clear(&request->cursor, size);
    return done || !size ? (int64_t)done : -EFAULT;
}

static int64_t full_write(struct file *, struct io_request *) {
    return -ENOSPC;
}

static int64_t random_read(struct file *, struct io_request *request) {
    uint8_t buffer[256];
    int64_t total = 0;
    while (request->cursor.remaining) {
        const struct segment segment = segment_kernel(buffer, min(request->cursor.remaining, sizeof(buffer)));
        size_t done;
        int32_t error = kop_random(&segment, &done);
        if (error < 0) return total ? total : error;
        size_t copied = segment_copy_in(&request->cursor, buffer, done);
        total += (int64_t)copied;
        if (copied < done || !done) return total ? total : -EFAULT;
    }
    return total;
}

// The log's text from the start; a reader sees it once.
static int64_t kmsg_read(struct file *file, struct io_request *request) {
    constexpr size_t LOG_MAXIMUM = 64 * 1024;
    char *text = heap_alloc(LOG_MAXIMUM);
    if (!text) return -ENOMEM;
    size_t size = log_read(text, LOG_MAXIMUM), at = (size_t)file->offset, done = 0;
    if (at < size) done = segment_copy_in(&request->cursor, text + at, size - at);
    heap_free(text);
    file->offset += (int64_t)done;
    return at < size && !done ? -EFAULT : (int64_t)done;
}

static int64_t kmsg_write(struct file *, struct io_request *request) {
    char line[513];
    size_t size = min(request->cursor.remaining, sizeof(line) - 1), all = request->cursor.remaining;
    size_t done = segment_copy_out(line, &request->cursor, size);
    if (done < size) return -EFAULT;
    line[done] = 0;
    const char *text = line;
    if (*text == '<' && strchr(text, '>')) text = strchr(text, '>') + 1;
    size_t length = strlen(text);
    if (length && text[length - 1] == '\n') length--;
    log_info("user", "%.*s", (int)length, text);
    segment_advance(&request->cursor, request->cursor.remaining);
    return (int64_t)all;
}

static const struct scheme null_scheme = {.name = "null", .read = null_read, .write = null_write, .seek = null_seek};
// Each mapping of /dev/zero is memory of its own.
static int32_t zero_object(struct file *, struct memory_object **object) {
    constexpr uint64_t ENDLESS = 1ULL << 46;
    *object = memory_object_create(ENDLESS);
    return *object ? 0 : -ENOMEM;
}

static const struct scheme zero_scheme = {
    .name = "zero", .read = zero_read, .write = null_write, .seek = null_seek, .object = zero_object};
static const struct scheme full_scheme = {.name = "full", .read = zero_read, .write = full_write, .seek = null_seek};
static const struct scheme random_scheme = {
    .name = "random", .read = random_read, .write = null_write, .seek = null_seek};
static const struct scheme kmsg_scheme = {.name = "kmsg", .read = kmsg_read, .write = kmsg_write, .seek = null_seek};

static const struct device_scheme memory_devices[] = {
    {1, 3, &null_scheme, "null", 0666, nullptr},      {1, 5, &zero_scheme, "zero", 0666, nullptr},
    {1, 7, &full_scheme, "full", 0666, nullptr},      {1, 8, &random_scheme, "random", 0666, nullptr},
    {1, 9, &random_scheme, "urandom", 0666, nullptr}, {1, 11, &kmsg_scheme, "kmsg", 0644, nullptr},
};

void memory_devices_init(void) {
    for (unsigned i = 0; i < array_size(memory_devices); i++) {
        if (device_register(&memory_devices[i]) < 0) log_warning("device", "no memory for %s", memory_devices[i].path);
    }
}
