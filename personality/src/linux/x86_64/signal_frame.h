// The frame of a signal handler on x86_64, exactly as Linux lays it out.
#pragma once

#include "personality/src/linux/abi_process.h"

struct linux_sigcontext {
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15, di, si, bp, bx, dx, ax, cx, sp, ip, flags;
    uint16_t cs, gs, fs, ss;
    uint64_t err, trapno, oldmask, cr2, fpstate, reserved[8];
};
static_assert(sizeof(struct linux_sigcontext) == 256 && offsetof(struct linux_sigcontext, fpstate) == 184);

enum linux_uc_flags : uint64_t { UC_FP_XSTATE = 1, UC_SIGCONTEXT_SS = 2, UC_STRICT_RESTORE_SS = 4 };
struct linux_ucontext {
    uint64_t uc_flags, uc_link;
    struct linux_stack uc_stack;
    struct linux_sigcontext uc_mcontext;
    uint64_t uc_sigmask;
};
static_assert(offsetof(struct linux_ucontext, uc_mcontext) == 40 && sizeof(struct linux_ucontext) == 304);

struct linux_rt_sigframe {
    uint64_t pretcode;
    struct linux_ucontext uc;
    struct linux_siginfo info;
};
static_assert(sizeof(struct linux_rt_sigframe) == 440 && offsetof(struct linux_rt_sigframe, info) == 312);

// The software words of the FXSAVE image, at FPX_SOFTWARE_OFFSET; magic2 follows the extended image.
constexpr size_t LINUX_FPX_SOFTWARE_OFFSET = 464;
constexpr uint32_t LINUX_FP_XSTATE_MAGIC1 = 0x46505853;
constexpr uint32_t LINUX_FP_XSTATE_MAGIC2 = 0x46505845;
struct linux_fpx_software {
    uint32_t magic1, extended_size;
    uint64_t xfeatures;
    uint32_t xstate_size, padding[7];
};
static_assert(sizeof(struct linux_fpx_software) == 48);

enum linux_rflags : uint64_t {
    RFLAGS_TRAP = 1 << 8,
    RFLAGS_DIRECTION = 1 << 10,
    RFLAGS_RESUME = 1 << 16,
    // What sigreturn may set: carry, parity, adjust, zero, sign, trap, direction, overflow, resume, alignment check.
    RFLAGS_RESTORED = 0x50dd5,
};
