// The C side of a system call's trap, the same for every architecture and personality.
#include <personality.h>

#include "src/arch/arch.h"
#include "src/context/context.h"
#include "src/context/cpu.h"
#include "src/syscall_handler/syscall_handler.h"

static_assert((SYSCALL_RECORDS & (SYSCALL_RECORDS - 1)) == 0);
static_assert(FRAME_WRITE == 0, "the entry or user_frame_call_begin clears the disposition");

// The thread is asked for again after the call instead of being kept: that costs less than a saved register.
uint32_t syscall_trap(struct user_frame *frame) {
    struct cpu *cpu = cpu_current();
    const struct context *context = cpu->context;
    user_frame_call_begin(frame);
    const struct syscall_record record = {(uint32_t)frame->number, (uint32_t)context->tid};
    uint32_t personality = context->personality, at = cpu->syscall_at++ % SYSCALL_RECORDS;
    cpu->syscalls[at] = record;

    uintptr_t result = USER_FRAME_CALL(frame, personality_syscall, personality);

    struct context *self = context_current();
    if (unlikely(frame->disposition != FRAME_WRITE)) {
        if (frame->disposition == FRAME_KEEP) return 1;
        atomic_fetch_or_relaxed(&self->work, WORK_INTERRUPTED);
    }
    user_frame_set_result(frame, result);
    return atomic_load_relaxed(&self->work);
}

unsigned syscall_trap_last(void (*visit)(uint32_t number, uint32_t tid)) {
    const struct cpu *cpu = cpu_current();
    unsigned count = min(cpu->syscall_at, SYSCALL_RECORDS);
    for (unsigned i = cpu->syscall_at - count; i != cpu->syscall_at; i++)
        visit(cpu->syscalls[i % SYSCALL_RECORDS].number, cpu->syscalls[i % SYSCALL_RECORDS].tid);
    return count;
}
