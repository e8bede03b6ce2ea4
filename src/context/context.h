// Contexts (threads) and processes.
#pragma once

#include <personality.h>

#include "lib/list.h"
#include "src/arch/arch.h"
#include "src/context/cpu.h"
#include "src/context/credentials.h"
#include "src/context/lock.h"
#include "src/context/object.h"
#include "src/context/signal.h"
#include "src/context/timer.h"

struct address_space;
struct handle_table;
struct file_system_state;
struct process;
struct thread_trace;

// Bits of context->work: reasons not to go straight back to user mode.
enum work : uint32_t {
    WORK_SIGNAL = 1,     // a deliverable signal may be pending
    WORK_RESCHEDULE = 2, // another thread should run
    WORK_STOP = 4,       // the process is stopped
    WORK_EXIT = 8,       // the process is exiting: this thread must die
    WORK_RESTORE_MASK = 16,
    WORK_TRACE = 32,
    WORK_INTERRUPTED = 64, // the frame's disposition must be looked at
    WORK_UNSHARE = 128,
    WORK_ALERT = 256, // something waits for an alertable wait of this thread (an APC)
};

enum context_state : uint32_t { CONTEXT_RUNNABLE, CONTEXT_BLOCKING, CONTEXT_BLOCKED, CONTEXT_STOPPED, CONTEXT_DEAD };

// Letters: (q) its run queue's lock, (s) the process's signal lock, (c) only the thread itself, (A) atomic, (t) thread
// list lock of the process, (i) immutable after creation.
struct context {
    uint32_t work;        // (A) enum work. First: entry.S tests it
    uint32_t personality; // (c) enum personality and flags; second: the trap passes it on
    struct arch_context arch;
    void *kernel_stack; // (i) lowest address

    struct object object;     // references: the process's list, handles, timers
    struct waitable exited;   // signalled at exit
    struct process *process;  // (i) a reference; nullptr: kernel thread
    int32_t tid;              // (i)
    char name[16];            // (c)
    struct list process_link; // (t)
    struct list id_link;      // guarded by the id table's lock

    // scheduling
    enum context_state state;  // (A) see wait.c
    uint32_t cpu;              // (q) whose run queue; last ran on
    bool on_cpu;               // (A) its registers are not saved yet
    bool queued;               // (q)
    bool in_system;            // (q) where the last tick found it: its time counts as that
    int32_t nice;              // (q)
    uint32_t policy, priority; // (q) SCHED_*
    bool reset_on_fork;        // (c) children do not inherit real-time policy and negative nice value
    uint64_t affinity;         // (q) mask
    nanoseconds virtual_time;  // (q) the fair scheduler's
    nanoseconds slice_start;   // (c)
    struct list run_link;      // (q)
    nanoseconds queued_since;  // (q) with several processors
    nanoseconds user_time, system_time, accounted; // (c)
    uint64_t voluntary_switches, involuntary_switches, minor_faults, major_faults;

    // waiting
    enum wait_flags wait_flags; // (A)
    struct timer wait_timer;    // (c)
    bool wait_timed_out;        // (A)
    bool stop_waiting;          // (A) sleeps until the process continues

    // signals
    signal_set blocked, saved_blocked;   // (s) write, (c) read; saved: restored on return (sigsuspend, ppoll)
    signal_set suspended_for;            // (s) sigtimedwait's set
    struct signal_queue pending;         // (s)
    struct signal_stack signal_stack;    // (c)
    struct user_address clear_child_tid; // (c)
    void *personality_slot;              // (c) the personality's
    int32_t exit_code;
    // vfork: completed at exec or exit; nullptr: none
    struct waitable *vfork_done;
    struct address_space *borrowed_space; // (c) kernel threads: whose user memory they work in; nullptr: nobody's
    struct kernel_siginfo trap;
    struct thread_trace *trace; // (A) src/context/trace.c; nullptr: not traced

    // a new thread's start (context_user_start); (c)
    void (*start_function)(void *); // runs before user mode; nullptr: none
    void *start_argument;
    uintptr_t start_thread_pointer;      // CLONE_SETTLS
    struct user_address start_tid_store; // CLONE_CHILD_SETTID
    bool start_sets_thread_pointer;
#ifdef KERNEL_DEBUG
    struct held_lock held[HELD_LOCKS_MAXIMUM]; // (c) src/context/lock_debug.c
    unsigned held_count;
#endif
};
static_assert(offsetof(struct context, work) == 0 && offsetof(struct context, personality) == 4);

enum process_state : uint32_t { PROCESS_RUNNING, PROCESS_STOPPED, PROCESS_ZOMBIE, PROCESS_REAPED };

// Letters: (T) tasklist_lock, (s) signal_lock, (m) lock, (A) atomic, (i) immutable.
struct process {
    struct object object;     // references: threads, handles, the pid table
    struct waitable exited;   // signalled when it becomes a zombie
    int32_t pid;              // (i)
    struct list id_link;      // guarded by the id table's lock
    uint32_t personality;     // (m)
    enum process_state state; // (T)

    // family
    struct process *parent;       // (T) never nullptr but for pid 1
    int32_t parent_pid;           // (A) its pid, for getppid
    struct list children;         // (T)
    struct list sibling;          // (T)
    int32_t group, session;       // (T) ids
    struct tty *terminal;         // (T) controlling terminal; a reference
    struct list all_link;         // (T)
    struct wait_queue child_wait; // woken when a child changes state, and when a thread of an exiting process ends
    struct waitable vfork_done;   // where the child of a vfork signals its parent
    uint32_t exit_signal;         // (T) to the parent
    int32_t exit_status;          // (T) valid for zombies: code << 8 | signal | 0x80 core, as wait(2)
    enum child_code wait_code;    // (T) of the last state change
    bool wait_pending;            // (T) a stop or continue nobody has waited for yet
    bool child_subreaper, executed, no_new_privileges, dumpable, keep_capabilities, vforked;
    bool has_semaphore_undo; // (A)
    uint32_t death_signal;
    uint64_t timer_slack, timer_slack_default; // (c)
    int32_t kill_preference;                   // (A) -1000 to 1000: who is killed when memory runs out; -1000: never

    // threads
    struct spinlock lock;  // RANK_PROCESS (t)(m)
    struct list threads;   // (t)
    uint32_t thread_count; // (t)
    struct context *leader;
    bool exiting;             // (t) no new threads; all must die
    struct context *survivor; // (t) all but this one must die (exec)
    int32_t exit_request;     // (t) the wait status to end with

    // what threads share
    struct address_space *address_space;   // (m) replaced by exec
    struct handle_table *handles;          // (m)
    struct file_system_state *file_system; // (m) root, working directory, umask
    struct credentials *credentials;       // (m)
    struct file *executable;               // (m) for /proc/pid/exe and ETXTBSY
    uint64_t security_generation;

    // signals
    struct spinlock signal_lock;        // RANK_SIGNAL (s)
    struct signal_actions *actions;     // (s) shared by CLONE_SIGHAND
    struct signal_queue pending;        // (s)
    struct wait_queue signal_readiness; // woken by each signal that is sent to it or its threads (signalfd)
    uint32_t stop_signal;               // (s)
    bool stopped;                       // (s)

    // accounting and limits
    struct kernel_rlimit limits[RLIMIT_COUNT];  // (m)
    struct kernel_rusage usage, children_usage; // (T)
    nanoseconds start_time;
    struct interval_timer *interval_timers; // src/context/interval_timer.c
    struct list posix_timers;
    uint32_t signals_queued; // (s) entries in all its queues
    bool signal_forced;      // (s) process 1 may die of this one
    void *personality_slot;
};

extern struct spinlock tasklist_lock; // RANK_PROCESS - 1: taken before process->lock
extern struct list processes;         // (T) all, in order of pid
extern uint32_t process_count;        // (A)

static inline struct process *process_current(void) {
    return context_current()->process;
}

// ---- life of processes and threads (src/context/process.c, exit.c, clone.c)
void context_init(void); // the boot processor's idle context becomes current
// Process 1, with an empty address space; it runs function(argument), which execs. Returns a reference.
[[nodiscard]] struct process *process_create_first(void (*function)(void *), void *argument);
[[nodiscard]] struct context *kernel_thread_create(const char *name, void (*function)(void *), void *argument);
[[nodiscard]] int32_t process_clone(const struct kernel_clone *clone, int32_t *id);
// Ends the running thread; the last one ends the process. status as wait(2).
[[noreturn]] void context_exit(int32_t status);
// Makes all other threads of the running process die (exec, exit_group). May sleep. -EAGAIN when another does it
// already.
[[nodiscard]] int32_t process_kill_other_threads(void);
[[noreturn]] void process_exit(int32_t status); // exit_group
// By id, with a reference; nullptr: none. Zombies are found.
[[nodiscard]] struct process *process_find(int32_t pid);
[[nodiscard]] struct context *context_find(int32_t tid);
static inline void process_put(struct process *process) {
    object_put(&process->object);
}
static inline void context_put(struct context *context) {
    object_put(&context->object);
}
[[nodiscard]] int32_t process_wait(enum wait_for which, int32_t id, uint32_t options,
                                   struct kernel_wait_result *result);
// Whether the running process may look into or change another (ptrace's rule). 0, -EPERM, -ESRCH.
[[nodiscard]] int32_t process_access(struct process *process);
uint64_t process_limit(enum resource_limit which); // of the running process
// Copies the limits that an address space must know into it.
void process_apply_limits(struct process *process, struct address_space *space);
// Out of memory: kills the process with the most resident pages (never pid 1); returns its pid or 0.
int32_t process_kill_largest(void);

// ---- exec (src/context/exec.c)
[[nodiscard]] int32_t process_exec(int32_t directory, const char *path, size_t length, uint32_t flags,
                                   const struct kernel_exec *arguments);

// ---- scheduler (src/context/scheduler.c)
void scheduler_init(void);
void scheduler_init_processor(unsigned cpu, struct context *idle);
void context_start(struct context *context); // a new one becomes runnable
void schedule(void);                         // gives the processor to the next thread; may return at once
void context_yield(void);
// In long kernel stretches: lets interrupts in and reschedules when due. May sleep.
void preemption_point(void);
void context_set_nice(struct context *context, int32_t nice);
[[nodiscard]] int32_t context_set_affinity(struct context *context, uint64_t mask);
