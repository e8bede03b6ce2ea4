#pragma once
// A run from the packed archive to the exit code: starts the machine, moves the streams, watches signals, time and the
// control channel.
#include "tools/helctic/machine.h"
#include "tools/helctic/program.h"

// `packed_ns` is how long packing took, for --verbose. Returns the exit code of `helctic`.
[[nodiscard]] int session_run(const struct options *options, const char *kernel, int initrd,
                              const struct streams *streams, int64_t packed_ns);

// Nanoseconds of a clock that only goes forward.
[[nodiscard]] int64_t clock_now(void);
