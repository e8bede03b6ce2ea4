// Serves a scheme: greeting DIRECTORY mounts two files on it, `hello` to read and `note`, which keeps what is written
// to it. It ends, and the mount with it, when "quit" is written to note.
#include <scheme_server.h>

#include "user/include/helctic.h"

HELCTIC_PROGRAM;

static const char hello[] = "Hello from a program that serves a scheme.\n";
static char note[4096] = "nothing yet\n";
static uint64_t note_size = 12;

struct node {
    const char *name;
    uint64_t number;
    uint32_t mode;
};
static const struct node nodes[] = {{"hello", 2, S_IFREG | 0444}, {"note", 3, S_IFREG | 0666}};

static struct {
    struct scheme_request head;
    char data[SCHEME_DATA_MAXIMUM];
} request;
static struct {
    struct scheme_reply head;
    char data[SCHEME_DATA_MAXIMUM];
} reply;

static bool name_equal(const char *name, const char *data, size_t size) {
    for (; size && *name == *data; size--)
        name++, data++;
    return !size && !*name;
}

static void copy(char *to, const char *from, size_t size) {
    while (size--)
        *to++ = *from++;
}

static uint64_t contents(uint64_t node, const char **text) {
    *text = node == 2 ? hello : note;
    return node == 2 ? sizeof(hello) - 1 : note_size;
}

static void tell(const struct node *node) {
    const char *text;
    reply.head.node = node->number;
    reply.head.mode = node->mode;
    reply.head.file_size = contents(node->number, &text);
}

static int64_t answer_lookup(void) {
    for (size_t i = 0; i < array_size(nodes); i++) {
        if (!name_equal(nodes[i].name, request.data, request.head.size)) continue;
        tell(&nodes[i]);
        return 0;
    }
    return -ENOENT;
}

static int64_t answer_list(void) {
    if (request.head.offset >= array_size(nodes)) return -ENOENT;
    const struct node *node = &nodes[request.head.offset];
    tell(node);
    while (node->name[reply.head.data_size])
        reply.head.data_size++;
    copy(reply.data, node->name, reply.head.data_size);
    return 0;
}

static int64_t answer_read(void) {
    const char *text;
    uint64_t size = contents(request.head.node, &text), offset = request.head.offset;
    if (offset >= size) return 0;
    reply.head.data_size = (uint32_t)min((uint64_t)request.head.size, size - offset);
    copy(reply.data, text + offset, reply.head.data_size);
    return reply.head.data_size;
}

static int64_t answer_write(void) {
    if (request.head.node != 3) return -EACCES;
    if (request.head.offset > sizeof(note) || request.head.size > sizeof(note) - request.head.offset) return -ENOSPC;
    copy(note + request.head.offset, request.data, request.head.size);
    note_size = request.head.offset + request.head.size;
    return request.head.size;
}

static int64_t answer(void) {
    switch (request.head.operation) {
    case SCHEME_LOOKUP:
        return answer_lookup();
    case SCHEME_LIST:
        return answer_list();
    case SCHEME_READ:
        return answer_read();
    case SCHEME_WRITE:
        return answer_write();
    default:
        return -ENOSYS;
    }
}

int main(int argument_count, char **arguments, char **) {
    static const char usage[] = "usage: greeting DIRECTORY\n";
    if (argument_count != 2) {
        helctic_write(2, usage, sizeof(usage) - 1);
        return 2;
    }
    intptr_t server = helctic_call(scheme_serve, arguments[1]);
    if (server < 0) return 1;
    for (;;) {
        intptr_t size = helctic_read((int32_t)server, &request, sizeof(request));
        if (size == -EINTR) continue;
        if (size < 0) return 1;
        reply.head = (struct scheme_reply){.id = request.head.id};
        reply.head.result = answer();
        helctic_write((int32_t)server, &reply, sizeof(reply.head) + reply.head.data_size);
        if (request.head.operation == SCHEME_WRITE && name_equal("quit\n", request.data, request.head.size)) return 0;
    }
}
