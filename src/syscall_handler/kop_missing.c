// Ops that no file of the core implements yet: weak definitions that answer -ENOSYS. A kop_*.c file that defines an op
// takes its place.
#include <personality.h>

#define KERNEL_OP(name, class, parameters)                                                                             \
    [[gnu::weak]] int32_t kop_##name parameters {                                                                      \
        return -ENOSYS;                                                                                                \
    }
#pragma clang diagnostic ignored "-Wunused-parameter"
#include <kernel_ops.def>
#undef KERNEL_OP
