// Making contexts and processes; the table of their ids.
#include "src/context/process.h"

#include "lib/hash.h"
#include "lib/string.h"
#include "src/context/handle_table.h"
#include "src/context/scheduler.h"
#include "src/kernel.h"
#include "src/memory/address_space.h"
#include "src/memory/heap.h"
#include "src/scheme/file.h"
#include "src/scheme/tty.h"
#include "src/syscall_handler/syscall_handler.h"

struct spinlock tasklist_lock = SPINLOCK_INIT(RANK_PROCESS - 1);
struct list processes = LIST_INIT(processes);
uint32_t process_count;

struct slab_cache context_cache = SLAB_CACHE(struct context);
struct slab_cache process_cache = SLAB_CACHE(struct process);

// ---- ids

constexpr int32_t ID_MAXIMUM = 32768;
constexpr unsigned ID_BUCKETS = 256;

static struct spinlock id_lock = SPINLOCK_INIT(RANK_PROCESS + 1); // guards all below
static uint64_t id_used[ID_MAXIMUM / 64];
static int32_t id_last;
static bool id_wrapped;
static struct list context_ids[ID_BUCKETS], process_ids[ID_BUCKETS];

// Whether a group or session still has this id though its process is gone.
static bool id_names_group(int32_t id) {
    bool found = false;
    spin_lock(&tasklist_lock);
    list_for_each(process, &processes, struct process, all_link) {
        if (process->group == id || process->session == id) {
            found = true;
            break;
        }
    }
    spin_unlock(&tasklist_lock);
    return found;
}

static int32_t id_take(void) {
    int32_t id = -EAGAIN;
    spin_lock(&id_lock);
    for (int32_t tries = 0; tries < ID_MAXIMUM; tries++) {
        if (++id_last >= ID_MAXIMUM) {
            id_last = 300; // the low ones stay with the system's first processes
            id_wrapped = true;
        }
        if (id_used[id_last / 64] >> (id_last % 64) & 1) continue;
        id_used[id_last / 64] |= 1ULL << (id_last % 64);
        id = id_last;
        break;
    }
    spin_unlock(&id_lock);
    return id;
}

int32_t id_allocate(void) {
    for (int tries = 0; tries < 1000; tries++) {
        int32_t id = id_take();
        if (id < 0 || !id_wrapped || !id_names_group(id)) return id;
        id_free(id);
    }
    return -EAGAIN;
}

void id_free(int32_t id) {
    spin_lock(&id_lock);
    id_used[id / 64] &= ~(1ULL << (id % 64));
    spin_unlock(&id_lock);
}

void id_publish_context(struct context *context) {
    spin_lock(&id_lock);
    list_push_front(&context_ids[(uint32_t)context->tid % ID_BUCKETS], &context->id_link);
    spin_unlock(&id_lock);
}

void id_publish_process(struct process *process) {
    spin_lock(&id_lock);
    list_push_front(&process_ids[(uint32_t)process->pid % ID_BUCKETS], &process->id_link);
    spin_unlock(&id_lock);
}

void id_withdraw_context(struct context *context) {
    spin_lock(&id_lock);
    list_remove(&context->id_link);
    spin_unlock(&id_lock);
}

void id_withdraw_process(struct process *process) {
    spin_lock(&id_lock);
    list_remove(&process->id_link);
    id_used[process->pid / 64] &= ~(1ULL << (process->pid % 64));
    spin_unlock(&id_lock);
}

struct process *process_find(int32_t pid) {
    struct process *found = nullptr;
    spin_lock(&id_lock);
    list_for_each(process, &process_ids[(uint32_t)pid % ID_BUCKETS], struct process, id_link) {
        if (process->pid == pid && refcount_get_unless_zero(&process->object.references)) {
            found = process;
            break;
        }
    }
    spin_unlock(&id_lock);
    return found;
}

struct context *context_find(int32_t tid) {
    struct context *found = nullptr;
    spin_lock(&id_lock);
    list_for_each(context, &context_ids[(uint32_t)tid % ID_BUCKETS], struct context, id_link) {
        if (context->tid == tid && refcount_get_unless_zero(&context->object.references)) {
            found = context;
            break;
        }
    }
    spin_unlock(&id_lock);
    return found;
}

// ---- contexts

static void slot_release(uint32_t personality, enum slot_kind kind, void *slot) {
    const struct personality_hooks *hooks = slot ? personality_hooks_of(personality) : nullptr;
    if (hooks && hooks->slot_release) hooks->slot_release(kind, slot);
}

// Kernel stacks of dead threads, kept for the next ones.
constexpr unsigned STACK_CACHE_SIZE = 8;
static struct {
    void *stacks[STACK_CACHE_SIZE];
    unsigned count;
} stack_caches[CPU_MAXIMUM];

static void *stack_take(void) {
    auto cache = &stack_caches[cpu_current()->id];
    return cache->count ? cache->stacks[--cache->count] : kernel_stack_alloc();
}

static void stack_give(void *stack) {
    auto cache = &stack_caches[cpu_current()->id];
    if (cache->count < STACK_CACHE_SIZE)
        cache->stacks[cache->count++] = stack;
    else
        kernel_stack_free(stack);
}

static void context_release(struct object *object) {
    struct context *context = container_of(object, struct context, object);
    slot_release(context->personality, SLOT_THREAD, context->personality_slot);
    arch_context_release(context);
    stack_give(context->kernel_stack);
    if (context->process) process_put(context->process);
    slab_free(&context_cache, context);
}
static const struct object_type context_type = {.name = "thread", .release = context_release};

struct context *context_alloc(const char *name) {
    struct context *context = slab_alloc_zeroed(&context_cache);
    if (!context) return nullptr;
    context->kernel_stack = stack_take();
    if (!context->kernel_stack) {
        slab_free(&context_cache, context);
        return nullptr;
    }
    object_init(&context->object, &context_type);
    waitable_init(&context->exited, CONSUME_NONE, 0);
    (void)string_copy(context->name, name, sizeof(context->name));
    list_init(&context->process_link);
    list_init(&context->id_link);
    list_init(&context->run_link);
    list_init(&context->pending.entries);
    context->state = CONTEXT_BLOCKED;
    context->affinity = ~0ULL;
    return context;
}

struct kernel_thread_start {
    void (*function)(void *);
    void *argument;
};

static void kernel_thread_main(void *argument) {
    scheduler_switch_finish();
    struct kernel_thread_start start = *(struct kernel_thread_start *)argument;
    heap_free(argument);
    start.function(start.argument);
    context_exit(0);
}

static int32_t context_init_kernel(struct context *context, void (*function)(void *), void *argument) {
    struct kernel_thread_start *start = heap_alloc(sizeof(*start));
    if (!start) return -ENOMEM;
    *start = (struct kernel_thread_start){function, argument};
    arch_context_init_kernel(context, kernel_thread_main, start);
    return 0;
}

struct context *kernel_thread_create(const char *name, void (*function)(void *), void *argument) {
    struct context *context = context_alloc(name);
    if (!context) return nullptr;
    if (context_init_kernel(context, function, argument) < 0) {
        context_put(context);
        return nullptr;
    }
    object_get(&context->object); // the running thread's own
    context_start(context);
    return context;
}

// ---- processes

static void process_release(struct object *object) {
    struct process *process = container_of(object, struct process, object);
    slot_release(process->personality, SLOT_PROCESS, process->personality_slot);
    if (process->credentials) credentials_put(process->credentials);
    slab_free(&process_cache, process);
}
static const struct object_type process_type = {.name = "process", .release = process_release};

struct process *process_alloc(void) {
    struct process *process = slab_alloc_zeroed(&process_cache);
    if (!process) return nullptr;
    object_init(&process->object, &process_type);
    waitable_init(&process->exited, CONSUME_NONE, 0);
    list_init(&process->id_link);
    list_init(&process->children);
    list_init(&process->sibling);
    list_init(&process->all_link);
    list_init(&process->threads);
    list_init(&process->pending.entries);
    list_init(&process->posix_timers);
    wait_queue_init(&process->child_wait);
    wait_queue_init(&process->signal_readiness);
    waitable_init(&process->vfork_done, CONSUME_NONE, 0);
    spinlock_init(&process->lock, RANK_PROCESS);
    spinlock_init(&process->signal_lock, RANK_SIGNAL);
    process->dumpable = true;
    process->timer_slack = process->timer_slack_default = 50'000;
    process->start_time = clock_monotonic();
    return process;
}

void process_add_thread(struct process *process, struct context *context) {
    list_push_back(&process->threads, &context->process_link);
    process->thread_count++;
}

void process_publish(struct process *process, struct process *parent) {
    struct process *self = context_current()->process;
    spin_lock(&tasklist_lock);
    if (self) {
        if (!parent) { // CLONE_PARENT
            parent = self->parent;
            process->exit_signal = self->exit_signal;
        }
        process->group = self->group;
        process->session = self->session;
        process->terminal = self->terminal;
        if (process->terminal) tty_get(process->terminal);
    }
    process->parent = parent;
    process->parent_pid = parent ? parent->pid : 0;
    if (parent) list_push_back(&parent->children, &process->sibling);
    list_push_back(&processes, &process->all_link);
    spin_unlock(&tasklist_lock);
    atomic_fetch_add_relaxed(&process_count, 1);
    id_publish_process(process);
}

static void limits_init(struct process *process) {
    for (unsigned i = 0; i < RLIMIT_COUNT; i++)
        process->limits[i] = (struct kernel_rlimit){RLIM_INFINITY, RLIM_INFINITY};
    process->limits[RLIMIT_STACK].current = 8UL << 20;
    process->limits[RLIMIT_CORE].current = 0;
    process->limits[RLIMIT_NOFILE] = (struct kernel_rlimit){1024, 1'048'576};
    process->limits[RLIMIT_NPROC] = (struct kernel_rlimit){ID_MAXIMUM / 2, ID_MAXIMUM / 2};
    process->limits[RLIMIT_SIGPENDING] = (struct kernel_rlimit){8192, 8192};
    process->limits[RLIMIT_MEMLOCK] = (struct kernel_rlimit){8UL << 20, 8UL << 20};
    process->limits[RLIMIT_MSGQUEUE] = (struct kernel_rlimit){819'200, 819'200};
    process->limits[RLIMIT_NICE] = process->limits[RLIMIT_RTPRIO] = (struct kernel_rlimit){0, 0};
}

uint64_t process_limit(enum resource_limit which) {
    return atomic_load_relaxed(&process_current()->limits[which].current);
}

void process_apply_limits(struct process *process, struct address_space *space) {
    uint64_t size = atomic_load_relaxed(&process->limits[RLIMIT_AS].current);
    space->limit_pages = size == RLIM_INFINITY ? UINT64_MAX : size >> PAGE_SHIFT;
    space->data_limit = atomic_load_relaxed(&process->limits[RLIMIT_DATA].current);
    space->stack_limit = atomic_load_relaxed(&process->limits[RLIMIT_STACK].current);
}

static int32_t first_resources(struct process *process, struct context *leader) {
    process->address_space = address_space_create();
    process->handles = handle_table_create();
    process->file_system = file_system_state_create();
    process->actions = heap_alloc_zeroed(sizeof(*process->actions));
    if (!process->address_space || !process->handles || !process->file_system || !process->actions) return -ENOMEM;
    refcount_init(&process->actions->references);
    process->credentials = &root_credentials;
    credentials_get(process->credentials);
    process->leader = leader;
    object_get(&process->object);
    leader->process = process;
    int32_t id = id_allocate();
    if (id < 0) return id;
    process->pid = process->group = process->session = leader->tid = id;
    process->personality = leader->personality = PERSONALITY_LINUX | personality_flags();
    process_add_thread(process, leader);
    return 0;
}

struct process *process_create_first(void (*function)(void *), void *argument) {
    struct process *process = process_alloc();
    struct context *leader = process ? context_alloc("init") : nullptr;
    if (!leader || first_resources(process, leader) < 0) panic("no memory for process 1");
    kernel_assert(process->pid == 1);
    limits_init(process);
    arch_context_init_user(leader);
    leader->start_function = function;
    leader->start_argument = argument;
    process_publish(process, nullptr);
    object_get(&leader->object); // the process's leader pointer has one, the running thread the other
    id_publish_context(leader);
    object_get(&process->object); // the caller's
    context_start(leader);
    return process;
}

void context_init(void) {
    static struct context boot_idle = {.name = "idle/0"};
    for (unsigned i = 0; i < ID_BUCKETS; i++) {
        list_init(&context_ids[i]);
        list_init(&process_ids[i]);
    }
    object_init(&boot_idle.object, &context_type);
    waitable_init(&boot_idle.exited, CONSUME_NONE, 0);
    list_init(&boot_idle.run_link);
    list_init(&boot_idle.pending.entries);
    scheduler_init();
    scheduler_init_processor(0, &boot_idle);
}
