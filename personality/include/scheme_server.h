// The protocol between the kernel and a program that serves a scheme (the scheme_serve op). The program reads requests
// from the descriptor, one each time, and writes replies, one each time, in any order.
#pragma once

#include <stdint.h>

constexpr uint32_t SCHEME_DATA_MAXIMUM = 64 * 1024;
constexpr uint64_t SCHEME_ROOT = 1; // the node that the mount point is

enum scheme_operation : uint32_t {
    SCHEME_LOOKUP = 1, // the name follows: reply node, mode, file_size, or -ENOENT
    SCHEME_READ,       // reply up to size bytes from offset
    SCHEME_WRITE,      // size bytes follow: reply how many were taken
    SCHEME_LIST, // entry number `offset` of a directory: reply node, mode and its name, or -ENOENT behind the last
};

struct scheme_request {
    uint64_t id; // repeated in the reply
    uint64_t node, offset;
    uint32_t operation; // enum scheme_operation
    uint32_t size;      // LOOKUP, WRITE: of the data that follow; READ: what is wanted
};

struct scheme_reply {
    uint64_t id;
    int64_t result; // 0, a count of bytes, or a negative errno
    uint64_t node, file_size;
    uint32_t mode;      // S_IFREG or S_IFDIR and permission bits
    uint32_t data_size; // of the data that follow: READ (then result is the same), LIST
};
