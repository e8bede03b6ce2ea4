// A scheme served by a program. A request waits in `pending` until the server reads it, then in `sent` until the reply
// comes; the asking thread waits killably all the time. What the server says is checked here: sizes, types, modes.
//
// Lifetime: the server's file, the mount and every node hold the server. When the file goes, all requests end with -EIO
// and the mount is taken down.
#include "src/scheme/user_scheme.h"

#include <scheme_server.h>

#include "lib/string.h"
#include "src/context/context.h"
#include "src/memory/heap.h"
#include "src/scheme/file.h"
#include "src/scheme/io_request.h"
#include "src/scheme/mount.h"
#include "src/scheme/name_cache.h"

constexpr size_t NAME_SIZE_MAXIMUM = 255;

struct server {
    struct refcount references;
    struct spinlock lock; // RANK_DEVICE: guards the lists, dead, last_id and every request's state
    struct list pending, sent;
    bool dead;
    uint64_t last_id;
    uint32_t uid, gid;
    struct mount *mount;         // a reference of the server's file
    struct wait_queue readiness; // of the server's file
    struct wait_queue replied;   // askers
};

struct request {
    struct refcount references; // the asker's, and the list's
    struct list link;           // empty: in no list
    struct scheme_request head;
    struct scheme_reply reply;
    void *data; // of the reply; heap
    bool done;  // (A)
    char payload[];
};

struct question {
    uint64_t node, offset;
    enum scheme_operation operation;
    uint32_t size;       // of payload, or what is wanted
    const void *payload; // nullptr: none
};

static void server_put(struct server *server) {
    if (refcount_put(&server->references)) heap_free(server);
}

static void request_put(struct request *request) {
    if (!refcount_put(&request->references)) return;
    heap_free(request->data);
    heap_free(request);
}

// Ends a request that is in a list. Caller holds the lock and wakes; returns the list's reference.
static struct request *finish_locked(struct request *request, int64_t result) {
    list_remove(&request->link);
    list_init(&request->link);
    request->reply.result = result;
    atomic_store_release(&request->done, true);
    return request;
}

// ---- asking

static struct request *request_create(const struct question *question) {
    size_t size = question->payload ? question->size : 0;
    struct request *request = heap_alloc_zeroed(sizeof(*request) + size);
    if (!request) return nullptr;
    refcount_init(&request->references);
    list_init(&request->link);
    request->head = (struct scheme_request){
        .node = question->node,
        .offset = question->offset,
        .operation = question->operation,
        .size = question->size,
    };
    if (size) memcpy(request->payload, question->payload, size);
    return request;
}

static int32_t request_queue(struct server *server, struct request *request) {
    spin_lock(&server->lock);
    bool dead = server->dead;
    if (!dead) {
        request->head.id = ++server->last_id;
        refcount_get(&request->references);
        list_push_back(&server->pending, &request->link);
    }
    spin_unlock(&server->lock);
    if (dead) return -EIO;
    wait_queue_wake(&server->readiness, UINT32_MAX, POLLIN | POLLRDNORM);
    return 0;
}

// The asker is dying: nobody must answer any more.
static void request_abandon(struct server *server, struct request *request) {
    spin_lock(&server->lock);
    bool listed = !list_empty(&request->link);
    if (listed) finish_locked(request, -EINTR);
    spin_unlock(&server->lock);
    if (listed) request_put(request);
}

// Asks and waits for the reply. On success *answer has a reference and its reply is no error. May sleep.
[[nodiscard]] static int32_t ask(struct server *server, const struct question *question, struct request **answer) {
    struct request *request = request_create(question);
    if (!request) return -ENOMEM;
    int32_t error = request_queue(server, request);
    if (error == 0) {
        enum wait_result waited =
            wait_until(&server->replied, atomic_load_acquire(&request->done), WAIT_KILLABLE, TIME_NEVER);
        if (waited != WAIT_WOKEN) {
            request_abandon(server, request);
            error = -EINTR;
        } else if (request->reply.result < 0) {
            int64_t result = request->reply.result;
            error = result >= -133 ? (int32_t)result : -EIO;
        }
    }
    if (error < 0)
        request_put(request);
    else
        *answer = request;
    return error;
}

// ---- the scheme

static struct server *server_of(const struct node *node) {
    return node->data;
}

static const struct scheme user_scheme;

static bool mode_valid(uint32_t mode) {
    return (mode & S_IFMT) == S_IFREG || (mode & S_IFMT) == S_IFDIR;
}

static struct node *user_node(struct server *server, uint64_t device, uint64_t id, uint32_t mode, uint64_t size) {
    struct node *node = node_create(&user_scheme, mode & (S_IFMT | 0777), device, id);
    if (!node) return nullptr;
    refcount_get(&server->references);
    node->data = server;
    node->uid = server->uid;
    node->gid = server->gid;
    node->size = size;
    return node;
}

static int32_t user_lookup(struct node *directory, const char *name, size_t length, struct node **found) {
    struct server *server = server_of(directory);
    struct request *answer;
    const struct question question = {directory->id, 0, SCHEME_LOOKUP, (uint32_t)length, name};
    int32_t error = ask(server, &question, &answer);
    if (error < 0) return error;
    const struct scheme_reply *reply = &answer->reply;
    if (!mode_valid(reply->mode) || !reply->node || reply->file_size > INT64_MAX) {
        error = -EIO;
    } else {
        *found = user_node(server, directory->device, reply->node, reply->mode, reply->file_size);
        error = *found ? 0 : -ENOMEM;
    }
    request_put(answer);
    return error;
}

static int64_t user_read(struct file *file, struct io_request *io) {
    uint32_t size = (uint32_t)min(io->cursor.remaining, (size_t)SCHEME_DATA_MAXIMUM);
    const struct question question = {file->node->id, (uint64_t)io->offset, SCHEME_READ, size, nullptr};
    struct request *answer;
    if (!size) return 0;
    int32_t error = ask(server_of(file->node), &question, &answer);
    if (error < 0) return error;
    int64_t result = answer->reply.data_size;
    if (result > size)
        result = -EIO;
    else if (result && segment_copy_in(&io->cursor, answer->data, (size_t)result) != (size_t)result)
        result = -EFAULT;
    request_put(answer);
    return result;
}

static int64_t user_write(struct file *file, struct io_request *io) {
    uint32_t size = (uint32_t)min(io->cursor.remaining, (size_t)SCHEME_DATA_MAXIMUM);
    if (!size) return 0;
    char *data = heap_alloc(size);
    if (!data) return -ENOMEM;
    struct segment_cursor start = io->cursor;
    int64_t result = -EFAULT;
    if (segment_copy_out(data, &io->cursor, size) == size) {
        const struct question question = {file->node->id, (uint64_t)io->offset, SCHEME_WRITE, size, data};
        struct request *answer;
        result = ask(server_of(file->node), &question, &answer);
        if (result == 0) {
            result = answer->reply.result <= size ? answer->reply.result : -EIO;
            request_put(answer);
        }
    }
    heap_free(data);
    if (result >= 0 && result < size) { // what was not taken is still there to write
        io->cursor = start;
        segment_advance(&io->cursor, (size_t)result);
    }
    return result;
}

static int32_t user_iterate(struct file *file, struct directory_sink *sink) {
    for (;;) {
        const struct question question = {file->node->id, (uint64_t)file->offset - 2, SCHEME_LIST, 0, nullptr};
        struct request *answer;
        int32_t error = ask(server_of(file->node), &question, &answer);
        if (error == -ENOENT) return 0;
        if (error < 0) return error;
        const struct scheme_reply *reply = &answer->reply;
        uint32_t length = reply->data_size;
        bool valid = length && length <= NAME_SIZE_MAXIMUM && mode_valid(reply->mode) &&
                     !memchr(answer->data, '/', length) && !memchr(answer->data, 0, length);
        bool taken =
            valid && sink->emit(sink, answer->data, length, reply->node, reply->mode, (uint64_t)file->offset + 1);
        request_put(answer);
        if (!valid) return -EIO;
        if (!taken) return 0;
        file->offset++;
    }
}

// O_TRUNC is accepted: the first write at offset 0 tells the server as much.
static int32_t user_attributes_set(struct node *, const struct kernel_attributes *attributes) {
    return attributes->valid & ~(uint32_t)ATTRIBUTE_SIZE ? -EPERM : 0;
}

static void user_node_release(struct node *node) {
    server_put(server_of(node));
}

static const struct scheme user_scheme = {
    .name = "user",
    .magic = 0x68656c63,
    .flags = SCHEME_NO_CACHE,
    .lookup = user_lookup,
    .attributes_set = user_attributes_set,
    .node_release = user_node_release,
    .read = user_read,
    .write = user_write,
    .iterate = user_iterate,
};

// ---- the server's file

static int64_t server_read(struct file *file, struct io_request *io) {
    struct server *server = file->data;
    struct request *request = nullptr;
    if (io->cursor.remaining < sizeof(request->head)) return -EINVAL;
    spin_lock(&server->lock);
    if (!list_empty(&server->pending)) {
        request = container_of(server->pending.next, struct request, link);
        size_t payload = request->head.operation == SCHEME_READ ? 0 : request->head.size;
        if (io->cursor.remaining < sizeof(request->head) + payload) {
            spin_unlock(&server->lock);
            return -EMSGSIZE;
        }
        list_remove(&request->link);
        list_push_back(&server->sent, &request->link);
        refcount_get(&request->references);
    }
    spin_unlock(&server->lock);
    if (!request) return -EAGAIN;
    size_t payload = request->head.operation == SCHEME_READ ? 0 : request->head.size;
    size_t copied = segment_copy_in(&io->cursor, &request->head, sizeof(request->head));
    if (copied == sizeof(request->head) && payload) copied += segment_copy_in(&io->cursor, request->payload, payload);
    bool whole = copied == sizeof(request->head) + payload;
    if (!whole) { // it is asked again
        spin_lock(&server->lock);
        if (!list_empty(&request->link)) {
            list_remove(&request->link);
            list_push_front(&server->pending, &request->link);
        }
        spin_unlock(&server->lock);
    }
    request_put(request);
    return whole ? (int64_t)copied : -EFAULT;
}

static struct request *find_sent_locked(struct server *server, uint64_t id) {
    list_for_each(request, &server->sent, struct request, link) {
        if (request->head.id == id) return request;
    }
    return nullptr;
}

// Gives a reply and its data (consumed on success) to the request it answers.
static int32_t deliver(struct server *server, const struct scheme_reply *reply, void *data) {
    spin_lock(&server->lock);
    struct request *request = find_sent_locked(server, reply->id);
    if (request) {
        request->reply = *reply;
        request->data = data;
        finish_locked(request, reply->result);
    }
    spin_unlock(&server->lock);
    if (!request) return -ENOENT;
    wait_queue_wake_all(&server->replied);
    request_put(request);
    return 0;
}

static int64_t server_write(struct file *file, struct io_request *io) {
    struct scheme_reply reply;
    size_t size = io->cursor.remaining;
    if (size < sizeof(reply)) return -EINVAL;
    if (segment_copy_out(&reply, &io->cursor, sizeof(reply)) != sizeof(reply)) return -EFAULT;
    if (reply.data_size > SCHEME_DATA_MAXIMUM || reply.data_size != size - sizeof(reply)) return -EINVAL;
    void *data = reply.data_size ? heap_alloc(reply.data_size) : nullptr;
    if (reply.data_size && !data) return -ENOMEM;
    int32_t error = 0;
    if (reply.data_size && segment_copy_out(data, &io->cursor, reply.data_size) != reply.data_size) error = -EFAULT;
    if (error == 0) error = deliver(file->data, &reply, data);
    if (error < 0) heap_free(data);
    return error < 0 ? error : (int64_t)size;
}

static uint32_t server_ready(struct file *file) {
    struct server *server = file->data;
    spin_lock(&server->lock);
    bool any = !list_empty(&server->pending);
    spin_unlock(&server->lock);
    return (any ? POLLIN | POLLRDNORM : 0) | POLLOUT | POLLWRNORM;
}

static struct request *take_locked(struct list *list) {
    return list_empty(list) ? nullptr : finish_locked(container_of(list->next, struct request, link), -EIO);
}

static void server_release(struct file *file) {
    struct server *server = file->data;
    for (;;) {
        spin_lock(&server->lock);
        server->dead = true;
        struct request *request = take_locked(&server->pending);
        if (!request) request = take_locked(&server->sent);
        spin_unlock(&server->lock);
        if (!request) break;
        wait_queue_wake_all(&server->replied);
        request_put(request);
    }
    if (server->mount) {
        struct path path = {server->mount, server->mount->root};
        path_get(&path);
        (void)mount_remove(&path, true); // somebody may have unmounted it already
        path_put(&path);
        mount_put(server->mount);
    }
    server_put(server);
}

static size_t server_describe(struct file *, char *buffer, size_t size) {
    string_copy(buffer, "anon_inode:[scheme]", size);
    return strlen(buffer);
}

static const struct scheme server_scheme = {
    .name = "scheme-server",
    .read = server_read,
    .write = server_write,
    .ready = server_ready,
    .release = server_release,
    .describe = server_describe,
};

// ---- mounting

static struct mutex create_lock = {
    .rank = RANK_MOUNT, .lock = SPINLOCK_INIT(RANK_WAIT_QUEUE), .waiters = LIST_INIT(create_lock.waiters)};
static struct server *creating; // create_lock: whose mount is being made

static int32_t user_create(struct mount *mount, const char *, struct node **root) {
    *root = user_node(creating, mount->device, SCHEME_ROOT, S_IFDIR | 0755, 0);
    if (!*root) return -ENOMEM;
    (*root)->links = 2;
    return 0;
}

static const struct mount_type user_mount = {.name = "user", .create = user_create};

static struct server *server_create(void) {
    struct server *server = heap_alloc_zeroed(sizeof(*server));
    if (!server) return nullptr;
    refcount_init(&server->references);
    spinlock_init(&server->lock, RANK_DEVICE);
    list_init(&server->pending);
    list_init(&server->sent);
    wait_queue_init(&server->readiness);
    wait_queue_init(&server->replied);
    server->uid = process_current()->credentials->ids.fsuid;
    server->gid = process_current()->credentials->ids.fsgid;
    return server;
}

// The mount on place after mount_at, with a reference.
static struct mount *mount_made(const struct path *place) {
    spin_lock(&name_lock);
    struct mount *mount = mount_on_locked(place->mount, place->name);
    if (mount) mount_get(mount);
    spin_unlock(&name_lock);
    return mount;
}

int32_t user_scheme_serve(struct path *place, const char *source, uint32_t flags, struct file **file) {
    struct server *server = server_create();
    if (!server) return -ENOMEM;
    *file = file_create(&server_scheme, O_RDWR | (flags & O_NONBLOCK), server);
    if (!*file) {
        server_put(server);
        return -ENOMEM;
    }
    (*file)->readiness = &server->readiness;
    mutex_lock(&create_lock);
    creating = server;
    int32_t error = mount_at(&user_mount, source, place, MOUNT_NO_SUID | MOUNT_NO_DEVICES);
    if (error == 0) server->mount = mount_made(place);
    mutex_unlock(&create_lock);
    if (error < 0) file_put(*file);
    return error;
}
