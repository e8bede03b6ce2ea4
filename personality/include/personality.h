// The boundary between the core and the personality layer. The layer exports exactly the two functions below and calls
// nothing but the ops of struct kernel_ops; the core includes this header and nothing else of personality/.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "canonical.h"
#include "user_frame.h"

// The OS whose ABI a process expects. The low byte of the personality word; the rest are flags.
enum personality : uint32_t {
    PERSONALITY_NATIVE,
    PERSONALITY_LINUX,
    PERSONALITY_WINDOWS,
    PERSONALITY_DARWIN,
    PERSONALITY_FREEBSD,
    PERSONALITY_NETBSD,
    PERSONALITY_OPENBSD,
    PERSONALITY_COUNT,
    PERSONALITY_MASK = 0xff,
    PERSONALITY_TRACED = 0x100,   // the trap ORs it in: print this call
    PERSONALITY_STOPS = 0x800,    // stops at the entry and exit of each call, for its tracer
    PERSONALITY_FILTERED = 0x400, // the OS looks at each call before it is made
    PERSONALITY_STRICT = 0x200,   // a call that is not implemented ends the process
};

// What dispatch leaves in user_frame.disposition.
enum frame_disposition : uint32_t {
    FRAME_WRITE,              // the result register holds the answer
    FRAME_KEEP,               // the frame is final
    FRAME_RESTART,            // interrupted; restart when the handler has SA_RESTART, or when none runs
    FRAME_RESTART_NO_HANDLER, // interrupted; restart only when no handler runs
    FRAME_RESTART_WITH,       // interrupted; continue by the saved continuation when no handler runs
};

enum slot_kind : uint32_t { SLOT_THREAD, SLOT_PROCESS };
enum thread_pointer : uint32_t { THREAD_POINTER_FS, THREAD_POINTER_GS };
enum process_attribute : uint32_t {
    PROCESS_DUMPABLE,
    PROCESS_DEATH_SIGNAL,
    PROCESS_NO_NEW_PRIVILEGES,
    PROCESS_SUBREAPER,
    PROCESS_KEEP_CAPABILITIES,
    PROCESS_TIMER_SLACK,
};
enum reboot_kind : uint32_t { REBOOT_POWER_OFF, REBOOT_RESTART, REBOOT_HALT };

// What exec takes over: NUL-terminated strings one after the other in kernel memory (from the allocate op, one block).
struct kernel_exec {
    const char *strings; // arguments, then environment
    size_t strings_size;
    uint32_t argument_count, environment_count;
};

// The side data of a socket message. Descriptors are received and sent in descriptors (SCM_RIGHTS).
constexpr unsigned MESSAGE_DESCRIPTORS_MAXIMUM = 253;
struct kernel_message {
    struct kernel_socket_address address;
    int32_t *descriptors; // room for descriptor_capacity, kernel memory of the caller
    uint32_t descriptor_count, descriptor_capacity;
    uint32_t flags; // out: MSG_TRUNC, MSG_CTRUNC, MSG_EOR
    bool credentials_valid;
    int32_t pid; // SCM_CREDENTIALS
    uint32_t uid, gid;
};

// A mapped program that is about to start; filled by the core at exec.
struct program_image {
    uintptr_t entry;            // of the program itself
    uintptr_t start;            // where to begin: the interpreter's entry, or entry
    uintptr_t interpreter_base; // 0: none
    uintptr_t program_headers;  // their address in memory
    uint32_t program_header_size, program_header_count;
    uintptr_t stack_top; // highest address of the new stack, exclusive, page aligned
    uintptr_t vdso;      // where the personality's time page image was mapped; 0: none
    const struct kernel_exec *exec;
    uintptr_t *strings_address; // out: where the start hook put exec's strings
    const char *path;           // the program's name as given (AT_EXECFN)
    uint32_t uid, euid, gid, egid;
    bool secure; // exec gained privilege
    uint8_t random[16];
};

// An exception in canonical form: what a fault of user code means.
struct kernel_exception {
    struct kernel_siginfo info; // the signal an OS with POSIX signals would send
    uint32_t vector;
    uint64_t error_code;
};
enum exception_answer : uint32_t { EXCEPTION_DEFAULT, EXCEPTION_HANDLED, EXCEPTION_DELIVERED };

// Upcalls, called by the core in thread context with no lock held, for the current thread. An absent hook means the
// core's default. All return 0 or negative errno unless said.
struct personality_hooks {
    // Writes arguments, environment and auxiliary vector below image->stack_top of the (already current) new address
    // space and fills frame.
    int32_t (*start)(const struct program_image *image, struct user_frame *frame);
    // Builds the frame of a handler for a signal on the user stack; frame's disposition says what was interrupted.
    // mask is the set to restore on return. -EFAULT: the core forces SIGSEGV.
    int32_t (*signal_deliver)(const struct kernel_siginfo *info, const struct signal_action *action, signal_set mask,
                              const struct signal_stack *stack, struct user_frame *frame);
    // No handler runs after an interrupted call: rewind or answer "interrupted" as the disposition says.
    void (*interrupted)(struct user_frame *frame);
    enum exception_answer (*exception)(const struct kernel_exception *exception, struct user_frame *frame);
    // In the parent, for a new thread or process: *child_slot is the child's slot, still empty.
    int32_t (*thread_create)(void *parent_slot, void **child_slot);
    int32_t (*process_create)(void *parent_slot, void **child_slot);
    // In the dying thread, while its memory still exists (robust lists, clear_child_tid is the core's).
    void (*thread_exit)(void *slot);
    // exec has passed the point of no return: forget what belongs to the old image.
    void (*exec_commit)(void *thread_slot, void *process_slot);
    // Atomic: the last user of a slot is gone.
    void (*slot_release)(enum slot_kind kind, void *slot);
    // Atomic, also in a panic: the name of a call as the number register gave it; nullptr: unknown.
    const char *(*call_name)(uint64_t number);
};

// The ABI of struct kernel_ops: changed whenever the list changes in meaning.
constexpr uint32_t KERNEL_OPS_VERSION = 1;
constexpr unsigned KERNEL_OPS_RESERVED = 32;

struct kernel_ops {
    uint32_t version; // KERNEL_OPS_VERSION
    uint32_t size;    // sizeof(struct kernel_ops)
#define KERNEL_OP(name, class, parameters) int32_t(*name) parameters;
#include "kernel_ops.def"
#undef KERNEL_OP
    void (*reserved[KERNEL_OPS_RESERVED])(void);
};

enum kernel_op_index : uint32_t {
#define KERNEL_OP(name, class, parameters) KERNEL_OP_##name,
#include "kernel_ops.def"
#undef KERNEL_OP
    KERNEL_OP_COUNT,
};

// The core's side: one function per op, in src/syscall_handler.
#define KERNEL_OP(name, class, parameters) int32_t kop_##name parameters;
#include "kernel_ops.def"
#undef KERNEL_OP

// Installs the table, once, before any user code runs. Every personality registers its hooks here. A table of another
// version or size is refused: it is not installed (personality_syscall keeps answering -ENOSYS) and the refusal is
// written by ops->log when that can be trusted to be there.
void personality_init(const struct kernel_ops *ops);

// Dispatches a trap: a is the architecture's usual number register, b to f the first five arguments. Returns the word
// for the first result register; user_frame.disposition (through the user_frame op) says whether the trap must write
// it.
uintptr_t personality_syscall(uintptr_t a, uintptr_t b, uintptr_t c, uintptr_t d, uintptr_t e, uintptr_t f,
                              uint32_t personality);
