// What the Linux ABI leaves to the processor. One implementation per architecture, in the folder of its name.
#pragma once

#include "personality.h"

struct linux_platform {
    const char *name; // AT_PLATFORM
    uint64_t hwcap, hwcap2;
};
extern const struct linux_platform linux_platform;

// The least size of a stack on which a signal can be delivered (AT_MINSIGSTKSZ).
size_t linux_signal_frame_size(void);

// The signal_deliver and interrupted hooks.
int32_t linux_signal_deliver(const struct kernel_siginfo *info, const struct signal_action *action, signal_set mask,
                             const struct signal_stack *stack, struct user_frame *frame);
void linux_interrupted(struct user_frame *frame);

// Registers the vDSO's image, where there is one.
void linux_vdso_register(void);
