#include "tools/helctic/pump.h"

#include <errno.h>
#include <limits.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

void pump_init(struct pump *pump, enum pump_kind kind, int from, int to) {
    *pump = (struct pump){.kind = kind, .from = from, .to = to, .write_max = PUMP_BUFFER_MAX};
    struct stat status;
    // A write of up to PIPE_BUF bytes does not block once poll has said that there is room.
    if (kind == PUMP_OUTPUT && fstat(to, &status) == 0 && !S_ISREG(status.st_mode)) pump->write_max = PIPE_BUF;
}

static bool wants_read(const struct pump *pump) {
    return pump->from >= 0 && pump->buffer.size < PUMP_BUFFER_MAX;
}

static bool wants_write(const struct pump *pump) {
    return pump->kind != PUMP_MEMORY && pump->to >= 0 && pump->buffer.size > 0;
}

size_t pump_wait(const struct pump *pump, struct pollfd *fds) {
    size_t count = 0;
    if (wants_read(pump)) fds[count++] = (struct pollfd){.fd = pump->from, .events = POLLIN};
    if (wants_write(pump)) fds[count++] = (struct pollfd){.fd = pump->to, .events = POLLOUT};
    // A closed reader shows as POLLERR even while there is nothing to write.
    else if (pump->kind == PUMP_OUTPUT && pump->to >= 0)
        fds[count++] = (struct pollfd){.fd = pump->to};
    return count;
}

static void read_some(struct pump *pump) {
    char block[64 * 1024];
    ssize_t got = read(pump->from, block, sizeof block);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (got <= 0) {
        pump->from = -1;
    } else if (pump->kind == PUMP_MEMORY || pump->to >= 0) {
        buffer_append(&pump->buffer, block, (size_t)got);
    } else {
        pump->refused = true;
    }
}

static void break_off(struct pump *pump) {
    pump->broken = true;
    pump->refused = pump->buffer.size > 0;
    pump->to = -1;
    pump->buffer.size = 0;
}

static void write_some(struct pump *pump) {
    size_t size = pump->buffer.size < pump->write_max ? pump->buffer.size : pump->write_max;
    ssize_t written = pump->kind == PUMP_INPUT ? send(pump->to, pump->buffer.data, size, MSG_NOSIGNAL)
                                               : write(pump->to, pump->buffer.data, size);
    if (written < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (written < 0) {
        break_off(pump);
        return;
    }
    buffer_consume(&pump->buffer, (size_t)written);
}

void pump_run(struct pump *pump, const struct pollfd *fds, size_t count) {
    for (size_t i = 0; i < count; i++) {
        short events = fds[i].revents;
        if (!events) continue;
        if (fds[i].fd == pump->from && (fds[i].events & POLLIN)) {
            if (events & POLLNVAL)
                pump->from = -1;
            else
                read_some(pump);
        } else if (fds[i].fd == pump->to) {
            if (events & POLLOUT) {
                write_some(pump);
            } else {
                break_off(pump);
            }
        }
    }
    if (pump->kind == PUMP_INPUT && pump->from < 0 && pump->to >= 0 && pump->buffer.size == 0) {
        shutdown(pump->to, SHUT_WR);
        pump->to = -1;
    }
}

bool pump_done(const struct pump *pump) {
    return pump->from < 0 && (pump->kind == PUMP_MEMORY || pump->to < 0 || pump->buffer.size == 0);
}
