// What of the Linux ABI exists on riscv64 so far: programs start; handlers of signals are not built yet.
#include "personality/src/linux/arch.h"

const struct linux_platform linux_platform = {.name = "riscv64"};

size_t linux_signal_frame_size(void) {
    return 0;
}

int32_t linux_signal_deliver(const struct kernel_siginfo *, const struct signal_action *, signal_set,
                             const struct signal_stack *, struct user_frame *) {
    return -ENOSYS; // the core then ends the program
}

void linux_interrupted(struct user_frame *frame) {
    user_frame_set_result(frame, (uintptr_t)-(intptr_t)EINTR);
    frame->disposition = FRAME_KEEP;
}

void linux_vdso_register(void) {
    // None is built for this architecture.
}
