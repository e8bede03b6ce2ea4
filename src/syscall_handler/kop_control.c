// Ops of device control: what no op of its own covers, and how much can be read.
#include <personality.h>

#include "src/scheme/file.h"
#include "src/scheme/node.h"
#include "src/scheme/notify.h"
#include "src/scheme/pipe.h"
#include "src/scheme/socket.h"
#include "src/scheme/tty_internal.h"

int32_t kop_control(int32_t descriptor, uint32_t command, struct user_address argument) {
    struct file_reference reference = file_lookup(descriptor);
    struct file *file = reference.file;
    if (!file) return -EBADF;
    int32_t result = file->scheme->control ? file->scheme->control(file, command, argument) : -ENOTTY;
    file_release(reference);
    return result;
}

static bool terminal_bytes(int32_t descriptor, struct file *file, uint32_t *bytes) {
    struct file_reference reference;
    struct tty *tty;
    bool end_of_file;
    if (tty_of_descriptor(descriptor, &reference, &tty)) return false;
    spin_lock(&tty->lock);
    bool master = file->scheme != &tty_scheme; // it reads what the line discipline puts out
    *bytes = master ? LINE_OUTPUT_SIZE - line_output_room(&tty->line) : line_readable(&tty->line, &end_of_file);
    spin_unlock(&tty->lock);
    file_release(reference);
    return true;
}

static uint32_t rest_of_file(struct file *file) {
    uint64_t size = file_size(file), offset = (uint64_t)file->offset;
    return offset < size ? (uint32_t)min(size - offset, (uint64_t)INT32_MAX) : 0;
}

int32_t kop_bytes_readable(int32_t descriptor, uint32_t *bytes) {
    struct file_reference reference = file_lookup(descriptor);
    struct file *file = reference.file;
    int32_t error = 0;
    if (!file) return -EBADF;
    if (pipe_of(file)) {
        *bytes = (uint32_t)pipe_bytes(pipe_of(file));
    } else if (file->scheme == &socket_scheme) {
        struct socket *socket = file->data;
        *bytes = socket->family->readable(socket);
    } else if (notify_bytes(file, bytes)) {
        error = 0;
    } else if (!terminal_bytes(descriptor, file, bytes)) {
        if (file->node && node_type(file->node) == S_IFREG && !(file->flags & O_PATH))
            *bytes = rest_of_file(file);
        else
            error = -ENOTTY;
    }
    file_release(reference);
    return error;
}
