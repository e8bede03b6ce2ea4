// The registers of a program at its entry into the kernel, on aarch64.
#pragma once

#include <stdint.h>

struct user_frame {
    uint64_t x[31];
    uint64_t sp, pc, pstate;
    uint64_t number;         // x8 (Linux) as the program gave it
    uint64_t first_argument; // the first result register before the result was written
    uint32_t cause;          // enum trap_cause
    uint32_t disposition;    // enum frame_disposition
};

enum trap_cause : uint32_t {
    TRAP_INTERRUPT = 0x100,
    TRAP_SYSCALL = 0x101,
};

static inline uintptr_t user_frame_program_counter(const struct user_frame *frame) {
    return frame->pc;
}

static inline uintptr_t user_frame_stack_pointer(const struct user_frame *frame) {
    return frame->sp;
}

static inline void user_frame_set_stack_pointer(struct user_frame *frame, uintptr_t stack_pointer) {
    frame->sp = stack_pointer;
}

// Whether the program was interrupted before its first instruction after a system call: then the interrupt had come
// while the kernel ran (no trace is left in the registers).
static inline bool user_frame_fresh_from_call(const struct user_frame *frame) {
    return frame->cause == TRAP_SYSCALL;
}

// The sixth argument of a call in the convention of the System V ABIs.
static inline uintptr_t user_frame_sixth_argument(const struct user_frame *frame) {
    return frame->x[5];
}

// Goes back to the instruction that made the call, with its registers as they were: it will be made again.
static inline void user_frame_rewind(struct user_frame *frame) {
    frame->pc -= 4; // svc
    frame->x[0] = frame->first_argument;
}

// The error indication of the BSDs and Darwin: the carry flag.
static inline void user_frame_set_error(struct user_frame *frame, bool error) {
    frame->pstate = (frame->pstate & ~(1ULL << 29)) | (uint64_t)error << 29;
}

// At the entry of a system call: notes what the result will overwrite.
static inline void user_frame_call_begin(struct user_frame *frame) {
    frame->number = frame->x[8];
    frame->first_argument = frame->x[0];
    frame->cause = TRAP_SYSCALL;
    frame->disposition = 0;
}

// The number register and the first five arguments: CALL(number, b, c, d, e, f, …).
#define USER_FRAME_CALL(frame, CALL, ...)                                                                              \
    CALL((frame)->number, (frame)->x[0], (frame)->x[1], (frame)->x[2], (frame)->x[3], (frame)->x[4], __VA_ARGS__)

static inline uintptr_t user_frame_result(const struct user_frame *frame) {
    return frame->x[0];
}

static inline void user_frame_set_result(struct user_frame *frame, uintptr_t result) {
    frame->x[0] = result;
}

static inline void user_frame_init(struct user_frame *frame, uintptr_t program_counter, uintptr_t stack_pointer) {
    *frame = (struct user_frame){.pc = program_counter, .sp = stack_pointer, .cause = TRAP_SYSCALL};
}
