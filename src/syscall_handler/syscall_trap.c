// The C side of a system call's trap, the same for every architecture and personality.
#include <personality.h>

#include "src/arch/arch.h"
#include "src/context/context.h"
#include "src/context/cpu.h"
#include "src/syscall_handler/syscall_handler.h"

static_assert((SYSCALL_RECORDS & (SYSCALL_RECORDS - 1)) == 0);
static_assert(FRAME_WRITE == 0, "the entry or user_frame_call_begin clears the disposition");

// The thread is asked for again after the call instead of being kept: that costs less than a saved register.
void syscall_trap_end(struct user_frame *frame, uintptr_t result) {
    if (frame->disposition == FRAME_KEEP) return;
    if (frame->disposition != FRAME_WRITE) atomic_fetch_or_relaxed(&context_current()->work, WORK_INTERRUPTED);
    user_frame_set_result(frame, result);
}

// x86_64's entry.S does this by hand: change both.
uint32_t syscall_trap(struct user_frame *frame) {
    struct cpu *cpu = cpu_current();
    struct context *context = cpu->context;
    user_frame_call_begin(frame);
    cpu->syscalls[cpu->syscall_at++ % SYSCALL_RECORDS] =
        (struct syscall_record){(uint32_t)frame->number, (uint32_t)context->tid};
    syscall_trap_end(frame, USER_FRAME_CALL(frame, personality_syscall, context->personality));
    return atomic_load_relaxed(&context->work) | (frame->disposition == FRAME_KEEP);
}

unsigned syscall_trap_last(void (*visit)(uint32_t number, uint32_t tid)) {
    const struct cpu *cpu = cpu_current();
    unsigned count = min(cpu->syscall_at, SYSCALL_RECORDS);
    for (unsigned i = cpu->syscall_at - count; i != cpu->syscall_at; i++)
        visit(cpu->syscalls[i % SYSCALL_RECORDS].number, cpu->syscalls[i % SYSCALL_RECORDS].tid);
    return count;
}
