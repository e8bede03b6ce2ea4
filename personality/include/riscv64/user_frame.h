// The registers of a program at its entry into the kernel, on riscv64.
#pragma once

#include <stdint.h>

struct user_frame {
    uint64_t x[32]; // x[0] is unused
    uint64_t pc;
    uint64_t number;         // a7 as the program gave it
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
    return frame->x[2];
}

static inline void user_frame_set_stack_pointer(struct user_frame *frame, uintptr_t stack_pointer) {
    frame->x[2] = stack_pointer;
}

// Whether the program was interrupted before its first instruction after a system call: then the interrupt had come
// while the kernel ran (no trace is left in the registers).
static inline bool user_frame_fresh_from_call(const struct user_frame *frame) {
    return frame->cause == TRAP_SYSCALL;
}

// The sixth argument of a call in the convention of the System V ABIs.
static inline uintptr_t user_frame_sixth_argument(const struct user_frame *frame) {
    return frame->x[15];
}

// Goes back to the instruction that made the call, with its registers as they were: it will be made again.
static inline void user_frame_rewind(struct user_frame *frame) {
    frame->pc -= 4; // ecall
    frame->x[10] = frame->first_argument;
}

// The error indication of the BSDs: register t0.
static inline void user_frame_set_error(struct user_frame *frame, bool error) {
    frame->x[5] = error;
}

// At the entry of a system call: notes what the result will overwrite.
static inline void user_frame_call_begin(struct user_frame *frame) {
    frame->number = frame->x[17];
    frame->first_argument = frame->x[10];
    frame->cause = TRAP_SYSCALL;
    frame->disposition = 0;
}

// The number register and the first five arguments: CALL(number, b, c, d, e, f, …).
#define USER_FRAME_CALL(frame, CALL, ...)                                                                              \
    CALL((frame)->number, (frame)->x[10], (frame)->x[11], (frame)->x[12], (frame)->x[13], (frame)->x[14], __VA_ARGS__)

static inline uintptr_t user_frame_result(const struct user_frame *frame) {
    return frame->x[10];
}

static inline void user_frame_set_result(struct user_frame *frame, uintptr_t result) {
    frame->x[10] = result;
}

static inline void user_frame_init(struct user_frame *frame, uintptr_t program_counter, uintptr_t stack_pointer) {
    *frame = (struct user_frame){.pc = program_counter, .x[2] = stack_pointer, .cause = TRAP_SYSCALL};
}
