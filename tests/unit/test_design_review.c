// sources: src/context/wait.c src/arch/hosted/hosted.c src/arch/hosted/hosted_lock.c
// Whether the core's contracts carry what other OSes need, shown by stubs of their calls on the core's own waits and
// objects: NT's wait for all, NT's alertable wait with an APC, a Mach message that carries a port right, a kevent. One
// thread; when it would sleep, `other` plays what another thread or a timer does.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/string.h"
#include "src/arch/hosted/hosted.h"
#include "src/context/context.h"
#include "src/context/scheduler.h"
#include "src/kernel.h"

static struct context self;
static void (*other)(void); // runs when the thread sleeps; nullptr: the deadline comes
static struct timer *armed;
static unsigned sleeps;

// ---- what the core's waits use

void scheduler_switch_blocked(void) {
    sleeps++;
    void (*now)(void) = other;
    other = nullptr;
    if (now) now();
    if (self.state == CONTEXT_BLOCKED) {
        assert_non_null(armed); // else it would sleep for ever
        armed->callback(armed);
    }
    assert_int_equal(self.state, CONTEXT_RUNNABLE);
}

void scheduler_enqueue_woken(struct context *) {
}

nanoseconds clock_monotonic(void) {
    return 1000;
}

void timer_arm(struct timer *timer, nanoseconds) {
    armed = timer;
}

bool timer_cancel(struct timer *) {
    armed = nullptr;
    return true;
}

bool signal_deliverable(void) {
    return false;
}

bool signal_stop_in_wait(void) {
    return false;
}

static int start(void **) {
    if (!hosted_cpu) hosted_memory_init(LARGE_PAGE_SIZE);
    self = (struct context){.state = CONTEXT_RUNNABLE};
    hosted_context = &self;
    other = nullptr;
    armed = nullptr;
    sleeps = 0;
    return 0;
}

// ---- NT: NtWaitForMultipleObjects, all

enum : uint32_t { STATUS_WAIT_0 = 0, STATUS_ABANDONED_WAIT_0 = 0x80, STATUS_USER_APC = 0xc0, STATUS_TIMEOUT = 0x102 };

static uint32_t nt_wait(unsigned n, struct waitable *const *objects, bool all, bool alertable, nanoseconds deadline) {
    unsigned index;
    enum wait_flags flags = WAIT_KILLABLE | (alertable ? WAIT_ALERTABLE : 0);
    switch (wait_objects(n, objects, all ? WAIT_ALL : WAIT_ANY, flags, deadline, &index)) {
    case WAIT_WOKEN:
        return (objects[index]->abandoned ? STATUS_ABANDONED_WAIT_0 : STATUS_WAIT_0) + index;
    case WAIT_TIMEOUT:
        return STATUS_TIMEOUT;
    case WAIT_ALERT:
        return STATUS_USER_APC;
    default:
        return UINT32_MAX;
    }
}

static struct waitable event, semaphore, mutant;
static struct waitable *const three[] = {&event, &semaphore, &mutant};

static void three_init(void) {
    waitable_init(&event, CONSUME_ONE, 0);
    waitable_init(&semaphore, CONSUME_DECREMENT, 2);
    waitable_init(&mutant, CONSUME_OWNER, 1);
}

static void signal_event(void) {
    waitable_signal(&event, 1);
}

static void test_wait_for_all(void **) {
    three_init();
    other = signal_event;
    assert_int_equal(nt_wait(3, three, true, false, TIME_NEVER), STATUS_WAIT_0);
    assert_int_equal(sleeps, 1);
    assert_int_equal(event.count, 0);
    assert_int_equal(semaphore.count, 1);
    assert_ptr_equal(mutant.owner, &self);
    assert_int_equal(mutant.recursion, 1);
}

// As long as one is missing nothing is taken from the others.
static void test_wait_for_all_takes_nothing(void **) {
    three_init();
    assert_int_equal(nt_wait(3, three, true, false, 2000), STATUS_TIMEOUT);
    assert_int_equal(semaphore.count, 2);
    assert_null(mutant.owner);
    assert_true(list_empty(&event.queue.entries) && list_empty(&semaphore.queue.entries));
    assert_int_equal(nt_wait(3, three, false, false, 2000), STATUS_WAIT_0 + 1);
    assert_int_equal(semaphore.count, 1);
}

// ---- NT: an APC ends an alertable wait only

struct apc {
    struct list link;
    uint64_t function, arguments[3];
};
static struct list apcs = LIST_INIT(apcs);

static void nt_queue_apc(struct context *target, struct apc *apc) {
    list_push_back(&apcs, &apc->link);
    atomic_fetch_or_acq_rel(&target->work, (uint32_t)WORK_ALERT);
    if (atomic_load_seq_cst(&target->wait_flags) & WAIT_ALERTABLE) context_wake(target);
}

// On the way back to user mode: the frame becomes a call of KiUserApcDispatcher, one APC at a time.
static bool nt_deliver_apc(struct user_frame *frame, uint64_t dispatcher, uintptr_t status) {
    if (list_empty(&apcs)) return false;
    struct apc *apc = container_of(apcs.next, struct apc, link);
    list_remove(&apc->link);
    if (list_empty(&apcs)) atomic_fetch_and_acq_rel(&self.work, ~(uint32_t)WORK_ALERT);
    user_frame_set_result(frame, status); // kept in the saved context
    frame->rip = dispatcher;
    frame->rdx = apc->arguments[0];
    frame->r8 = apc->arguments[1];
    frame->r9 = apc->arguments[2];
    frame->disposition = FRAME_KEEP;
    return true;
}

static struct apc apc = {.function = 0x1000, .arguments = {1, 2, 3}};
static void queue_apc(void) {
    nt_queue_apc(&self, &apc);
}
static void queue_apc_then_signal(void) {
    nt_queue_apc(&self, &apc);
    signal_event();
}

static void test_apc(void **) {
    three_init();
    other = queue_apc;
    assert_int_equal(nt_wait(1, three, false, true, TIME_NEVER), STATUS_USER_APC);
    struct user_frame frame = {};
    assert_true(nt_deliver_apc(&frame, 0x7000, STATUS_USER_APC));
    assert_int_equal(frame.rip, 0x7000);
    assert_int_equal(frame.rax, STATUS_USER_APC);
    assert_int_equal(frame.disposition, FRAME_KEEP);
    assert_false(nt_deliver_apc(&frame, 0x7000, 0));
    assert_int_equal(self.work, 0);
}

static void test_apc_leaves_other_waits_alone(void **) {
    three_init();
    other = queue_apc_then_signal;
    assert_int_equal(nt_wait(1, three, false, false, TIME_NEVER), STATUS_WAIT_0);
    assert_false(list_empty(&apcs));
    // It is still there for the next alertable wait, which does not sleep.
    sleeps = 0;
    assert_int_equal(nt_wait(1, three, false, true, TIME_NEVER), STATUS_USER_APC);
    assert_int_equal(sleeps, 0);
    list_remove(&apc.link);
}

// ---- Mach: a message that moves a port right from one name space into another

constexpr unsigned NAMES = 8, MESSAGE_SIZE = 32;
struct message {
    struct list link;
    struct object *right; // a reference moves with the message
    uint32_t disposition;
    char body[MESSAGE_SIZE];
};
struct port {
    struct object object;
    struct waitable messages; // counts them
    struct list queue;
};
// A view of a handle table: the object and its rights by name.
struct name_space {
    struct {
        struct object *object;
        uint32_t rights;
    } names[NAMES];
};
enum : uint32_t { RIGHT_SEND = 1, RIGHT_RECEIVE = 2 };
static unsigned ports_released;

static void port_release(struct object *object) {
    struct port *port = container_of(object, struct port, object);
    while (!list_empty(&port->queue)) { // rights in flight die with the port
        struct message *message = container_of(port->queue.next, struct message, link);
        list_remove(&message->link);
        if (message->right) object_put(message->right);
        free(message);
    }
    ports_released++;
    free(port);
}
static const struct object_type port_type = {"port", port_release};

static uint32_t name_insert(struct name_space *space, struct object *object, uint32_t rights) {
    for (uint32_t i = 0; i < NAMES; i++) {
        if (space->names[i].object == object) { // one name for one port: rights merge
            space->names[i].rights |= rights;
            object_put(object);
            return i;
        }
    }
    for (uint32_t i = 0; i < NAMES; i++) {
        if (space->names[i].object) continue;
        space->names[i].object = object;
        space->names[i].rights = rights;
        return i;
    }
    abort();
}

static uint32_t port_allocate(struct name_space *space) {
    struct port *port = calloc(1, sizeof(*port));
    object_init(&port->object, &port_type);
    waitable_init(&port->messages, CONSUME_DECREMENT, 0);
    list_init(&port->queue);
    return name_insert(space, &port->object, RIGHT_RECEIVE | RIGHT_SEND);
}

static void name_drop(struct name_space *space, uint32_t name) {
    object_put(space->names[name].object);
    space->names[name].object = nullptr;
}

static int32_t mach_send(struct name_space *space, uint32_t to, const char *body, uint32_t carried, uint32_t rights) {
    if (!(space->names[to].rights & RIGHT_SEND)) return -EPERM;
    struct port *port = container_of(space->names[to].object, struct port, object);
    struct message *message = calloc(1, sizeof(*message));
    memcpy(message->body, body, strlen(body) + 1);
    message->right = space->names[carried].object;
    message->disposition = rights;
    object_get(message->right);
    list_push_back(&port->queue, &message->link);
    waitable_signal(&port->messages, 1);
    return 0;
}

static int32_t mach_receive(struct name_space *space, uint32_t from, char *body, uint32_t *right) {
    unsigned index;
    if (!(space->names[from].rights & RIGHT_RECEIVE)) return -EPERM;
    struct port *port = container_of(space->names[from].object, struct port, object);
    struct waitable *const one[] = {&port->messages};
    enum wait_result result = wait_objects(1, one, WAIT_ANY, WAIT_INTERRUPTIBLE, TIME_NEVER, &index);
    if (result != WAIT_WOKEN) return wait_result_error(result);
    struct message *message = container_of(port->queue.next, struct message, link);
    list_remove(&message->link);
    memcpy(body, message->body, MESSAGE_SIZE);
    *right = name_insert(space, message->right, message->disposition);
    free(message);
    return 0;
}

static struct name_space sender, receiver;
static uint32_t sender_to_receiver, carried_port;
static void send_a_right(void) {
    assert_int_equal(mach_send(&sender, sender_to_receiver, "here is a port", carried_port, RIGHT_SEND), 0);
}

static void test_message_with_port_right(void **) {
    char body[MESSAGE_SIZE];
    ports_released = 0;
    uint32_t own = port_allocate(&receiver), right;
    object_get(receiver.names[own].object);
    sender_to_receiver = name_insert(&sender, receiver.names[own].object, RIGHT_SEND);
    carried_port = port_allocate(&sender);
    other = send_a_right; // the receiver sleeps first
    assert_int_equal(mach_receive(&receiver, own, body, &right), 0);
    assert_string_equal(body, "here is a port");
    assert_ptr_equal(receiver.names[right].object, sender.names[carried_port].object);
    assert_int_equal(receiver.names[right].rights, RIGHT_SEND);
    assert_int_equal(mach_receive(&receiver, right, body, &right), -EPERM);
    // A right in a message that nobody receives dies with the queue.
    assert_int_equal(mach_send(&sender, sender_to_receiver, "late", carried_port, RIGHT_SEND), 0);
    name_drop(&sender, sender_to_receiver);
    name_drop(&receiver, own);
    assert_int_equal(ports_released, 1);
    name_drop(&receiver, right);
    assert_int_equal(ports_released, 1);
    name_drop(&sender, carried_port);
    assert_int_equal(ports_released, 2);
}

// ---- kqueue: a knote sits on a file's readiness queue by a callback of its own

enum : uint16_t { EV_ONESHOT = 0x10, EV_CLEAR = 0x20 };
struct knote {
    struct wait_entry entry; // on the file's readiness
    struct kqueue *kqueue;
    uint64_t ident, udata;
    uint32_t events;
    uint16_t flags;
    bool active, enabled;
    struct list active_link;
};
struct kqueue {
    struct waitable ready; // counts active knotes: kevent, poll and wait_objects wait for it
    struct list active;
};
struct stream { // a file that becomes readable
    struct wait_queue readiness;
    uint32_t ready;
};

static bool knote_wake(struct wait_entry *entry, uint32_t) {
    struct knote *knote = container_of(entry, struct knote, entry);
    if (knote->active || !knote->enabled) return false;
    knote->active = true;
    list_push_back(&knote->kqueue->active, &knote->active_link);
    waitable_signal(&knote->kqueue->ready, 1);
    return false; // it takes nothing from other waiters
}

static void knote_add(struct kqueue *kqueue, struct knote *knote, struct stream *stream) {
    knote->kqueue = kqueue;
    knote->enabled = true;
    wait_entry_init(&knote->entry);
    knote->entry.wake = knote_wake;
    knote->entry.events = knote->events;
    wait_queue_add(&stream->readiness, &knote->entry);
    if (stream->ready & knote->events) knote_wake(&knote->entry, 0);
}

// One event; its knote stays active while the file is ready, unless it is edge-triggered or one-shot.
static int32_t kevent(struct kqueue *kqueue, const struct stream *stream, uint64_t *udata, nanoseconds deadline) {
    unsigned index;
    struct waitable *const one[] = {&kqueue->ready};
    for (;;) {
        enum wait_result result = wait_objects(1, one, WAIT_ANY, WAIT_INTERRUPTIBLE, deadline, &index);
        if (result == WAIT_TIMEOUT) return 0;
        if (result != WAIT_WOKEN) return wait_result_error(result);
        struct knote *knote = container_of(kqueue->active.next, struct knote, active_link);
        list_remove(&knote->active_link);
        knote->active = false;
        if (!(knote->flags & (EV_CLEAR | EV_ONESHOT)) && !(stream->ready & knote->events)) continue; // went away
        if (knote->flags & EV_ONESHOT)
            knote->enabled = false;
        else if (!(knote->flags & EV_CLEAR))
            knote_wake(&knote->entry, 0);
        *udata = knote->udata;
        return 1;
    }
}

static struct stream stream;
static void stream_fill(void) {
    stream.ready = POLLIN;
    wait_queue_wake(&stream.readiness, UINT32_MAX, POLLIN);
}

static void kevent_case(uint16_t flags, unsigned expected_at_once) {
    struct kqueue kqueue;
    struct knote knote = {.events = POLLIN, .flags = flags, .udata = 77};
    uint64_t udata = 0;
    waitable_init(&kqueue.ready, CONSUME_DECREMENT, 0);
    list_init(&kqueue.active);
    wait_queue_init(&stream.readiness);
    stream.ready = 0;
    knote_add(&kqueue, &knote, &stream);
    assert_int_equal(kevent(&kqueue, &stream, &udata, 2000), 0);
    wait_queue_wake(&stream.readiness, UINT32_MAX, POLLOUT); // not what it asked for
    assert_int_equal(kevent(&kqueue, &stream, &udata, 2000), 0);
    other = stream_fill;
    assert_int_equal(kevent(&kqueue, &stream, &udata, TIME_NEVER), 1);
    assert_int_equal(udata, 77);
    assert_int_equal(kevent(&kqueue, &stream, &udata, 2000), expected_at_once); // still readable
    stream_fill();
    assert_int_equal(kevent(&kqueue, &stream, &udata, 2000), !(flags & EV_ONESHOT));
    stream.ready = 0;
    assert_int_equal(kevent(&kqueue, &stream, &udata, 2000), 0);
    wait_queue_remove(&knote.entry);
}

static void test_kevent(void **) {
    kevent_case(0, 1);
    kevent_case(EV_CLEAR, 0);
    kevent_case(EV_ONESHOT, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_wait_for_all, start),
        cmocka_unit_test_setup(test_wait_for_all_takes_nothing, start),
        cmocka_unit_test_setup(test_apc, start),
        cmocka_unit_test_setup(test_apc_leaves_other_waits_alone, start),
        cmocka_unit_test_setup(test_message_with_port_right, start),
        cmocka_unit_test_setup(test_kevent, start),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
