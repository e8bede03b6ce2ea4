// A server of a scheme that misbehaves: bad_server DIRECTORY HOW, where HOW is
//   silent   never replies        dies     ends at the first request
//   garbage  replies to requests that nobody made, of wrong sizes, and with values that no file can have
#include <scheme_server.h>

#include "user/include/helctic.h"

HELCTIC_PROGRAM;

static struct {
    struct scheme_request head;
    char data[SCHEME_DATA_MAXIMUM];
} request;
static struct {
    struct scheme_reply head;
    char data[64];
} reply;

static intptr_t send(int32_t server, size_t size) {
    return helctic_write(server, &reply, size);
}

// The last reply must be accepted, since it answers the request; what it says must not be believed.
static unsigned garbage(int32_t server) {
    unsigned wrong = 0;
    reply.head = (struct scheme_reply){.id = request.head.id + 1000};
    wrong += send(server, sizeof(reply.head)) != -ENOENT;
    reply.head = (struct scheme_reply){.id = request.head.id, .data_size = 64};
    wrong += send(server, sizeof(reply.head)) != -EINVAL;
    wrong += send(server, 8) != -EINVAL;
    reply.head.data_size = UINT32_MAX;
    wrong += send(server, sizeof(reply)) != -EINVAL;
    wrong += helctic_write(server, (void *)0x1000, sizeof(reply.head)) != -EFAULT;
    wrong += helctic_read(server, &request, 4) != -EINVAL;
    reply.head = (struct scheme_reply){.id = request.head.id, .node = 5, .file_size = UINT64_MAX, .mode = UINT32_MAX};
    reply.head.result = request.head.operation == SCHEME_LIST ? 0 : INT64_MAX;
    if (request.head.operation == SCHEME_LIST) {
        reply.head.data_size = 3;
        reply.data[0] = '/';
    }
    wrong += send(server, sizeof(reply.head) + reply.head.data_size) < 0;
    return wrong;
}

int main(int argument_count, char **arguments, char **) {
    if (argument_count != 3) return 2;
    intptr_t server = helctic_call(scheme_serve, arguments[1]);
    if (server < 0) return 3;
    unsigned wrong = 0;
    for (;;) {
        if (helctic_read((int32_t)server, &request, sizeof(request)) < 0) return 4;
        if (arguments[2][0] == 'd') return 0;
        if (arguments[2][0] == 'g') wrong += garbage((int32_t)server);
        if (wrong) return 5;
    }
}
