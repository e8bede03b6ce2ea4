// Linux's descriptor. Results are encoded as the canonical ones: a negative errno in the result register.
#include "personality/src/os.h"

#include "personality/src/linux/arch.h"
#include "personality/src/linux/process.h"
#include "personality/src/linux/seccomp.h"
#include "personality/src/linux/shims.h"

const struct os os_linux = {
    .name = "Linux",
    .table = &linux_table,
    .filter = linux_filter_call,
    .hooks = &linux_hooks,
    .initialise = linux_vdso_register,
};
