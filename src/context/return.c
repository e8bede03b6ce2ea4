// The way back to user mode when there is work.
#include "src/context/context.h"
#include "src/context/scheduler.h"
#include "src/context/signal_internal.h"
#include "src/syscall_handler/trace_output.h"

void return_to_user_work(struct user_frame *frame) {
    struct context *self = context_current();
    for (;;) {
        uint32_t work = atomic_load_acquire(&self->work);
        if (!(work & ~(uint32_t)(WORK_TRACE | WORK_ALERT))) return;
        if (work & WORK_EXIT) {
            struct process *process = self->process;
            uint32_t signal = process->exiting ? (uint32_t)process->exit_request & 0x7f : 0;
            if (unlikely(signal && self->personality & PERSONALITY_TRACED)) trace_output_killed(signal);
            context_exit(process->exiting ? process->exit_request : 0);
        }
        if (work & WORK_STOP) signal_stop_sleep();
        if (work & WORK_RESCHEDULE) schedule();
        if (work & (WORK_SIGNAL | WORK_INTERRUPTED | WORK_RESTORE_MASK)) signal_deliver_pending(frame);
        if (work & WORK_UNSHARE) atomic_fetch_and_relaxed(&self->work, ~(uint32_t)WORK_UNSHARE);
    }
}
