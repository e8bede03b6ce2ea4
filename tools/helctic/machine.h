#pragma once
// The QEMU machine that a run boots: accelerator, devices, command line.
#include "tools/helctic/options.h"

#include <sys/types.h>

// Channels between us and the machine, each one end of a socket pair.
enum channel {
    CHANNEL_SERIAL,
    CHANNEL_CONTROL,
    CHANNEL_STDIN,
    CHANNEL_STDOUT,
    CHANNEL_STDERR,
    CHANNEL_TRACE,
    CHANNEL_TTY,
    CHANNEL_COUNT,
};

struct machine {
    pid_t process;
    int channels[CHANNEL_COUNT]; // our ends, non-blocking; -1 when the machine lacks that one
    int errors;                  // what QEMU itself prints
    bool kvm;
};

// True when the processor has svm or vmx and /dev/kvm makes virtual machines.
[[nodiscard]] bool machine_kvm_works(void);

// Starts QEMU with `kernel` and the archive `initrd` (an open file). Returns 0, or an exit code after a message.
[[nodiscard]] int machine_start(struct machine *machine, const struct options *options, const char *kernel, int initrd,
                                bool terminal);
