// Ops of scheduling: priorities, policies, affinity.
#include "src/context/context.h"
#include "src/context/scheduler.h"

enum { PRIORITY_OF_PROCESS, PRIORITY_OF_GROUP, PRIORITY_OF_USER };

int32_t kop_yield(void) {
    context_yield();
    return 0;
}

int32_t kop_cpu_current(void) {
    return (int32_t)cpu_current()->id;
}

static struct context *find_thread(int32_t tid) {
    struct context *context = tid ? context_find(tid) : context_current();
    if (!tid) object_get(&context->object);
    if (context && !context->process) {
        context_put(context);
        return nullptr;
    }
    return context;
}

// Whether the running process may change another's scheduling. Takes its lock.
static bool may_schedule(struct process *target) {
    const struct kernel_credentials *own = &process_current()->credentials->ids;
    if (target == process_current() || capable(CAP_SYS_NICE)) return true;
    struct credentials *other = process_credentials(target);
    bool allowed = own->euid == other->ids.euid || own->euid == other->ids.uid;
    credentials_put(other);
    return allowed;
}

// ---- nice values

// Calls visit for each thread of those that `which` and `who` name, with tasklist_lock held for groups and users.
struct priority_walk {
    int32_t nice;  // to set; the lowest found
    int32_t error; // of the last visit that failed
    bool found;
    void (*visit)(struct priority_walk *walk, struct context *context);
};

static void visit_get(struct priority_walk *walk, struct context *context) {
    if (!walk->found || context->nice < walk->nice) walk->nice = context->nice;
}

static void visit_set(struct priority_walk *walk, struct context *context) {
    uint64_t limit = context->process->limits[RLIMIT_NICE].current;
    if (!may_schedule(context->process))
        walk->error = -EPERM;
    else if (walk->nice < context->nice && (uint64_t)(20 - walk->nice) > limit && !capable(CAP_SYS_NICE))
        walk->error = -EACCES;
    else
        context_set_nice(context, walk->nice);
}

static void visit_process(struct priority_walk *walk, struct process *process) {
    struct context *leader = process->leader;
    if (!leader || process->state >= PROCESS_ZOMBIE) return;
    walk->visit(walk, leader);
    walk->found = true;
}

static bool selects(const struct process *process, uint32_t which, int32_t who) {
    const struct process *self = process_current();
    if (which == PRIORITY_OF_GROUP) return process->group == (who ? who : self->group);
    return process->credentials->ids.uid == (who ? (uint32_t)who : self->credentials->ids.uid);
}

static int32_t walk_priorities(struct priority_walk *walk, uint32_t which, int32_t who) {
    if (which > PRIORITY_OF_USER) return -EINVAL;
    if (which == PRIORITY_OF_PROCESS) {
        struct context *context = find_thread(who);
        if (!context) return -ESRCH;
        walk->visit(walk, context);
        context_put(context);
        return walk->error;
    }
    spin_lock(&tasklist_lock);
    list_for_each(process, &processes, struct process, all_link) {
        if (selects(process, which, who)) visit_process(walk, process);
    }
    spin_unlock(&tasklist_lock);
    return walk->found ? walk->error : -ESRCH;
}

int32_t kop_priority_get(uint32_t which, int32_t who, int32_t *nice) {
    struct priority_walk walk = {.visit = visit_get};
    int32_t error = walk_priorities(&walk, which, who);
    if (!error) *nice = walk.nice;
    return error;
}

int32_t kop_priority_set(uint32_t which, int32_t who, int32_t nice) {
    struct priority_walk walk = {.visit = visit_set, .nice = max(min(nice, 19), -20)};
    return walk_priorities(&walk, which, who);
}

// ---- policies

int32_t kop_scheduler_get(int32_t tid, uint32_t *policy, uint32_t *priority) {
    if (tid < 0) return -EINVAL;
    struct context *context = find_thread(tid);
    if (!context) return -ESRCH;
    *policy = context->policy | (context->reset_on_fork ? SCHEDULER_RESET_ON_FORK : 0);
    *priority = context->priority;
    context_put(context);
    return 0;
}

static bool realtime(uint32_t policy) {
    return policy == SCHED_FIFO || policy == SCHED_RR;
}

static int32_t check_policy(struct context *context, uint32_t policy, uint32_t priority, bool reset) {
    if (!may_schedule(context->process)) return -EPERM;
    if (capable(CAP_SYS_NICE)) return 0;
    if (context->reset_on_fork && !reset) return -EPERM;
    uint64_t limit = context->process->limits[RLIMIT_RTPRIO].current;
    if (realtime(policy)) {
        bool rises = !realtime(context->policy) || priority > context->priority;
        if ((policy != context->policy && !limit) || (rises && priority > limit)) return -EPERM;
    }
    uint64_t nice_limit = context->process->limits[RLIMIT_NICE].current;
    if (context->policy == SCHED_IDLE && policy != SCHED_IDLE && (uint64_t)(20 - context->nice) > nice_limit)
        return -EPERM;
    return 0;
}

int32_t kop_scheduler_set(int32_t tid, uint32_t policy, uint32_t priority) {
    bool reset = policy & SCHEDULER_RESET_ON_FORK;
    policy &= ~SCHEDULER_RESET_ON_FORK;
    if (tid < 0) return -EINVAL;
    if (policy > SCHED_IDLE || policy == 4) return -EINVAL;
    if (realtime(policy) ? priority < 1 || priority > 99 : priority != 0) return -EINVAL;
    struct context *context = find_thread(tid);
    if (!context) return -ESRCH;
    int32_t error = check_policy(context, policy, priority, reset);
    if (!error) {
        context->reset_on_fork = reset;
        context_set_policy(context, policy, priority);
    }
    context_put(context);
    return error;
}

// ---- affinity

static uint64_t processors_present(void) {
    return cpu_count >= 64 ? ~0ULL : (1ULL << cpu_count) - 1;
}

int32_t kop_affinity_get(int32_t tid, uint64_t *mask) {
    if (tid < 0) return -ESRCH;
    struct context *context = find_thread(tid);
    if (!context) return -ESRCH;
    *mask = context->affinity & processors_present();
    context_put(context);
    return 0;
}

int32_t kop_affinity_set(int32_t tid, uint64_t mask) {
    if (tid < 0) return -ESRCH;
    struct context *context = find_thread(tid);
    if (!context) return -ESRCH;
    int32_t error = may_schedule(context->process) ? context_set_affinity(context, mask) : -EPERM;
    bool self = context == context_current();
    context_put(context);
    // Moves at once: the caller may rely on where it runs.
    if (!error && self && !(mask >> cpu_current()->id & 1)) schedule();
    return error;
}
