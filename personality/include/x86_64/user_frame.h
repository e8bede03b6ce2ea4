// The registers of a program at its entry into the kernel, on x86_64. Lies at the top of the thread's kernel stack.
// The order is the one in which src/arch/x86_64/entry.S pushes: change both together.
#pragma once

#include <stdint.h>

struct user_frame {
    uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
    uint64_t number;      // the system call's number as the program gave it (rax); unchanged by the result
    uint32_t cause;       // enum trap_cause, or the exception's vector
    uint32_t disposition; // enum frame_disposition
    uint64_t error_code;  // the processor's, for exceptions
    uint64_t rip, cs, rflags, rsp, ss;
};

enum trap_cause : uint32_t {
    // 0 to 31: exception vectors
    TRAP_INTERRUPT = 0x100,
    TRAP_SYSCALL = 0x101,
};

static inline uintptr_t user_frame_program_counter(const struct user_frame *frame) {
    return frame->rip;
}

static inline uintptr_t user_frame_stack_pointer(const struct user_frame *frame) {
    return frame->rsp;
}

static inline void user_frame_set_stack_pointer(struct user_frame *frame, uintptr_t stack_pointer) {
    frame->rsp = stack_pointer;
}

// Whether the program was interrupted before its first instruction after a system call: then the interrupt had come
// while the kernel ran (sysret leaves the return address in rcx).
static inline bool user_frame_fresh_from_call(const struct user_frame *frame) {
    return frame->rcx == frame->rip;
}

// The sixth argument of a call in the convention of the System V ABIs.
static inline uintptr_t user_frame_sixth_argument(const struct user_frame *frame) {
    return frame->r9;
}

// Goes back to the instruction that made the call, with its registers as they were: it will be made again.
static inline void user_frame_rewind(struct user_frame *frame) {
    frame->rip -= 2; // syscall
    frame->rax = frame->number;
}

// The error indication of the BSDs and Darwin: the carry flag.
static inline void user_frame_set_error(struct user_frame *frame, bool error) {
    frame->rflags = (frame->rflags & ~1ULL) | error;
}

// At the entry of a system call: notes what the result will overwrite. Here entry.S has done it.
static inline void user_frame_call_begin(struct user_frame *) {
}

// The number register and the first five arguments in the System V convention: CALL(number, b, c, d, e, f).
#define USER_FRAME_CALL(frame, CALL, ...)                                                                              \
    CALL((frame)->number, (frame)->rdi, (frame)->rsi, (frame)->rdx, (frame)->r10, (frame)->r8, __VA_ARGS__)

static inline uintptr_t user_frame_result(const struct user_frame *frame) {
    return frame->rax;
}

static inline void user_frame_set_result(struct user_frame *frame, uintptr_t result) {
    frame->rax = result;
}

// The first instruction's address and the stack pointer of a fresh program; all other registers become 0.
// The caller keeps cs, ss and rflags valid through user_frame_init.
static inline void user_frame_init(struct user_frame *frame, uintptr_t program_counter, uintptr_t stack_pointer) {
    *frame = (struct user_frame){
        .rip = program_counter, .cs = 0x33, .rflags = 0x202, .rsp = stack_pointer, .ss = 0x2b, .cause = TRAP_SYSCALL};
}
