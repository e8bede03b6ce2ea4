#pragma once
// Moves bytes from one descriptor to another inside a poll loop, in order and unchanged, with a bounded buffer.
#include "tools/helctic/text.h"

#include <poll.h>

enum : size_t { PUMP_BUFFER_MAX = 256 * 1024 };

enum pump_kind {
    PUMP_INPUT,  // from a stream of ours to a socket of the machine; its end shuts the socket's sending side
    PUMP_OUTPUT, // from a socket to a stream of ours
    PUMP_MEMORY, // from a socket into `buffer`, for the owner to take
};

struct pump {
    enum pump_kind kind;
    int from;         // -1 once its end was seen
    int to;           // -1 once it is closed or broken
    size_t write_max; // bytes a single write may carry without blocking after POLLOUT
    bool broken;      // nobody reads `to` any more
    bool refused;     // and bytes were lost because of that
    struct buffer buffer;
};

// The descriptors stay the caller's.
void pump_init(struct pump *pump, enum pump_kind kind, int from, int to);

// Adds what the pump waits for to `fds`; returns the number of entries used (at most 2).
[[nodiscard]] size_t pump_wait(const struct pump *pump, struct pollfd *fds);

// Moves what can be moved, given the poll results of pump_wait's entries.
void pump_run(struct pump *pump, const struct pollfd *fds, size_t count);

// True when nothing more will come and all of it was handed on.
[[nodiscard]] bool pump_done(const struct pump *pump);
