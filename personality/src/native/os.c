// Helctic's own descriptor: a call's number is the op's index; results are the canonical ones.
#include "personality/src/os.h"

const struct os os_native = {
    .name = "native",
};
