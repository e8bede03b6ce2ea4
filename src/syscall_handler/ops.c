// The table of kernel ops and its installation.
#include <personality.h>

#include "src/context/context.h"
#include "src/kernel.h"
#include "src/syscall_handler/hooks.h"
#include "src/syscall_handler/syscall_handler.h"

static const struct kernel_ops ops = {
    .version = KERNEL_OPS_VERSION,
    .size = sizeof(struct kernel_ops),
#define KERNEL_OP(name, class, parameters) .name = kop_##name,
#include <kernel_ops.def>
#undef KERNEL_OP
};

// The index of an op is its place in the struct: native programs rely on it.
#define KERNEL_OP(name, class, parameters)                                                                             \
    static_assert(offsetof(struct kernel_ops, name) == 8 + KERNEL_OP_##name * sizeof(void (*)(void)));
#include <kernel_ops.def>
#undef KERNEL_OP

void syscall_handler_init(void) {
    personality_init(&ops);
    // An op that can't fail, called as a native program would: an error means that the table was refused.
    if ((intptr_t)personality_syscall(KERNEL_OP_extended_state_size, 0, 0, 0, 0, 0, PERSONALITY_NATIVE) < 0)
        panic("libpersonality.a refused the kernel-ops table: version %u, %zu bytes", ops.version, sizeof(ops));
    hooks_seal();
    log_info("personality", "%u ops installed, version %u", (unsigned)KERNEL_OP_COUNT, ops.version);
}

// `trace` and `strict` mean every process; with the prefix that the host command uses, all but its own process 1.
uint32_t personality_flags(void) {
    static bool known;
    static uint32_t of_all, of_programs;
    if (!known) {
        of_all = (command_line_flag("trace") ? PERSONALITY_TRACED : 0) |
                 (command_line_flag("strict") ? PERSONALITY_STRICT : 0);
        of_programs =
            (command_line_flag("helctic.trace") || command_line_flag("helctic.trace_summary") ? PERSONALITY_TRACED
                                                                                              : 0) |
            (command_line_flag("helctic.strict") ? PERSONALITY_STRICT : 0);
        known = true;
    }
    struct process *process = process_current(); // nullptr while process 1 is made
    return !process || process->pid == 1 ? of_all : of_all | of_programs;
}
