// Exceptions and interrupts, on the C side of entry.S.
#include "src/arch/x86_64/x86.h"

#include <canonical.h>
#include <user_frame.h>

#include "src/context/context.h"
#include "src/kernel.h"
#include "src/memory/kernel_map.h"

static_assert(offsetof(struct cpu, context) == CPU_CONTEXT);
static_assert(offsetof(struct cpu, kernel_stack_top) == CPU_KERNEL_STACK_TOP);
static_assert(offsetof(struct cpu, user_stack) == CPU_USER_STACK);
static_assert(offsetof(struct cpu, syscall_at) == CPU_SYSCALL_AT);
static_assert(offsetof(struct cpu, syscalls) == CPU_SYSCALLS && sizeof(struct syscall_record) == 8);
static_assert(SYSCALL_RECORDS == CPU_SYSCALL_RECORDS);
static_assert(offsetof(struct context, work) == CONTEXT_WORK);
static_assert(offsetof(struct context, personality) == CONTEXT_PERSONALITY);
static_assert(offsetof(struct context, tid) == CONTEXT_TID);
static_assert(offsetof(struct user_frame, rbp) == FRAME_RBP && offsetof(struct user_frame, rbx) == FRAME_RBX);
static_assert(offsetof(struct user_frame, r11) == FRAME_R11 && offsetof(struct user_frame, r10) == FRAME_R10);
static_assert(offsetof(struct user_frame, r9) == FRAME_R9 && offsetof(struct user_frame, r8) == FRAME_R8);
static_assert(offsetof(struct user_frame, rax) == FRAME_RAX && offsetof(struct user_frame, rcx) == FRAME_RCX);
static_assert(offsetof(struct user_frame, rdx) == FRAME_RDX && offsetof(struct user_frame, rsi) == FRAME_RSI);
static_assert(offsetof(struct user_frame, rdi) == FRAME_RDI);
static_assert(offsetof(struct user_frame, disposition) == FRAME_DISPOSITION);
static_assert(offsetof(struct user_frame, number) == FRAME_NUMBER);
static_assert(offsetof(struct user_frame, rip) == FRAME_RIP);
static_assert(offsetof(struct user_frame, cs) == FRAME_CS);
static_assert(offsetof(struct user_frame, rflags) == FRAME_RFLAGS);
static_assert(offsetof(struct user_frame, rsp) == FRAME_RSP);
static_assert(sizeof(struct user_frame) == FRAME_SIZE && TRAP_SYSCALL == 0x101);

enum vector : uint32_t {
    VECTOR_DEBUG = 1,
    VECTOR_NMI = 2,
    VECTOR_DOUBLE_FAULT = 8,
    VECTOR_PAGE_FAULT = 14,
    VECTOR_X87 = 16,
    VECTOR_MACHINE_CHECK = 18,
    VECTOR_SIMD = 19,
};

static const char *const exception_names[32] = {"divide error",
                                                "debug",
                                                "NMI",
                                                "breakpoint",
                                                "overflow",
                                                "bound range",
                                                "invalid opcode",
                                                "no device",
                                                "double fault",
                                                "coprocessor overrun",
                                                "invalid TSS",
                                                "no segment",
                                                "stack fault",
                                                "general protection",
                                                "page fault",
                                                "reserved",
                                                "x87 error",
                                                "alignment",
                                                "machine check",
                                                "SIMD error",
                                                "virtualization",
                                                "control protection"};

// What a program gets for an exception; those with `at` report the instruction's address.
struct exception_signal {
    uint8_t signal;
    bool at;
    int32_t code;
};
static const struct exception_signal exception_signals[32] = {
    [0] = {SIGFPE, true, FPE_INTDIV},   [1] = {SIGTRAP, true, TRAP_TRACE},  [3] = {SIGTRAP, false, SI_KERNEL},
    [4] = {SIGSEGV, false, SI_KERNEL},  [5] = {SIGSEGV, false, SI_KERNEL},  [6] = {SIGILL, true, 2 /* ILL_ILLOPN */},
    [7] = {SIGSEGV, false, SI_KERNEL},  [9] = {SIGFPE, false, SI_KERNEL},   [10] = {SIGSEGV, false, SI_KERNEL},
    [11] = {SIGBUS, false, SI_KERNEL},  [12] = {SIGBUS, false, SI_KERNEL},  [13] = {SIGSEGV, false, SI_KERNEL},
    [16] = {SIGFPE, true, 0},           [17] = {SIGBUS, false, BUS_ADRALN}, [19] = {SIGFPE, true, 0},
    [21] = {SIGSEGV, false, SI_KERNEL},
};

// si_code of a floating-point exception from its unmasked status bits.
static int32_t floating_point_code(uint32_t vector) {
    uint32_t status, mask;
    if (vector == VECTOR_X87) {
        uint16_t control_word, status_word;
        __asm__ volatile("fnstcw %0\nfnstsw %1" : "=m"(control_word), "=m"(status_word));
        status = status_word;
        mask = control_word;
    } else {
        uint32_t mxcsr;
        __asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
        status = mxcsr;
        mask = mxcsr >> 7;
    }
    static const int32_t codes[] = {7 /* FLTINV */, 5 /* denormal: FLTUND */, 3 /* FLTDIV */,
                                    4 /* FLTOVF */, 5 /* FLTUND */,           6 /* FLTRES */};
    static const uint8_t order[] = {0, 2, 3, 1, 4, 5};
    for (unsigned i = 0; i < array_size(order); i++) {
        if (status & ~mask & 1u << order[i]) return codes[order[i]];
    }
    return SI_KERNEL;
}

static uint32_t fault_access_of(uint64_t error_code) {
    if (error_code & 16) return FAULT_EXECUTE;
    return error_code & 2 ? FAULT_WRITE : FAULT_READ;
}

struct fault_signal {
    int32_t error;
    uint32_t signal;
    int32_t code;
};
static const struct fault_signal fault_signals[] = {
    {-EFAULT, SIGSEGV, SEGV_MAPERR}, {-EACCES, SIGSEGV, SEGV_ACCERR}, {-EIO, SIGBUS, BUS_ADRERR},
    {-ENXIO, SIGBUS, BUS_ADRERR},    {-ENOMEM, SIGKILL, SI_KERNEL},
};

// A present page that user code may not touch as the supervisor: an access that the processor makes on its own behalf.
// None of ours faults; emulators read the stack of a far return so, and would fault again for ever under SMAP.
constexpr uint64_t FAULT_PRESENT_BIT = 1, FAULT_USER_BIT = 4;

static void user_page_fault(struct user_frame *frame) {
    uintptr_t address = cr2_read();
    int32_t error = -EFAULT;
    if (frame->error_code & 8) panic_at(frame, "reserved bit in the page table for %#lx", address);
    if ((frame->error_code & (FAULT_PRESENT_BIT | FAULT_USER_BIT)) == FAULT_PRESENT_BIT)
        return user_exception(frame, SIGSEGV, SI_KERNEL, 0);
    if (address < USER_LIMIT) error = page_fault(address, fault_access_of(frame->error_code), true);
    if (likely(error == 0)) return;
    for (unsigned i = 0; i < array_size(fault_signals); i++) {
        if (fault_signals[i].error == error)
            return user_exception(frame, fault_signals[i].signal, fault_signals[i].code, address);
    }
    user_exception(frame, SIGSEGV, SEGV_MAPERR, address);
}

static void non_maskable_interrupt(struct user_frame *frame) {
    power_stop_if_stopping();
    log_warning("x86", "NMI at %#lx", (unsigned long)frame->rip);
}

void trap_from_user(struct user_frame *frame) {
    uint32_t vector = frame->cause;
    if (vector == VECTOR_PAGE_FAULT) return user_page_fault(frame);
    if (vector >= 32) {
        frame->cause = TRAP_INTERRUPT;
        return interrupt_dispatch(vector);
    }
    if (vector == VECTOR_NMI) return non_maskable_interrupt(frame);
    const struct exception_signal *entry = &exception_signals[vector];
    if (!entry->signal)
        panic_at(frame, "%s in user mode", exception_names[vector] ? exception_names[vector] : "exception");
    int32_t code = entry->code;
    if (vector == VECTOR_X87 || vector == VECTOR_SIMD) code = floating_point_code(vector);
    if (vector == VECTOR_DEBUG) {
        uint64_t status;
        __asm__ volatile("movq %%dr6, %0" : "=r"(status));
        __asm__ volatile("movq %0, %%dr6" ::"r"(0xffff0ff0UL));
        code = status & 0x4000 ? TRAP_TRACE : TRAP_BRKPT;
    }
    user_exception(frame, entry->signal, code, entry->at ? frame->rip : 0);
}

struct fixup {
    uintptr_t at, to;
};
extern const struct fixup fixups_start[], fixups_end[];

static uintptr_t fixup_of(uintptr_t at) {
    for (const struct fixup *fixup = fixups_start; fixup < fixups_end; fixup++) {
        if (fixup->at == at) return fixup->to;
    }
    return 0;
}

static void kernel_page_fault(struct user_frame *frame) {
    uintptr_t address = cr2_read();
    uintptr_t fixup = fixup_of(frame->rip);
    if (fixup && address < USER_LIMIT) {
        if (page_fault(address, fault_access_of(frame->error_code), false) != 0) frame->rip = fixup;
        return;
    }
    panic_at(frame, "kernel %s of %#lx",
             frame->error_code & 16  ? "execution"
             : frame->error_code & 2 ? "write"
                                     : "read",
             address);
}

void trap_from_kernel(struct user_frame *frame) {
    uint32_t vector = frame->cause;
    if (vector == VECTOR_PAGE_FAULT) return kernel_page_fault(frame);
    if (vector >= 32) return interrupt_dispatch(vector);
    if (vector == VECTOR_NMI) return non_maskable_interrupt(frame);
    if (vector == VECTOR_DEBUG) { // a program's single step that hit at the entry: nothing of ours
        frame->rflags &= ~(uint64_t)RFLAGS_TF;
        return;
    }
    uintptr_t fixup = fixup_of(frame->rip);
    if (fixup) {
        frame->rip = fixup;
        return;
    }
    if (vector == VECTOR_DOUBLE_FAULT && kernel_stack_is_guard(cr2_read())) panic_at(frame, "kernel stack overflow");
    panic_at(frame, "%s (error code %#lx)", exception_names[vector] ? exception_names[vector] : "exception",
             (unsigned long)frame->error_code);
}

// frame: the fault at user_iretq, whose stack still holds what iretq refused; the general registers are the program's.
struct user_frame *trap_rebuild_user_frame(struct user_frame *frame) {
    struct user_frame rebuilt = *frame;
    const uint64_t *refused = (const uint64_t *)frame->rsp;
    rebuilt.rip = refused[0];
    rebuilt.cs = refused[1];
    rebuilt.rflags = refused[2];
    rebuilt.rsp = refused[3];
    rebuilt.ss = refused[4];
    struct user_frame *top = (struct user_frame *)(cpu_current()->kernel_stack_top - FRAME_SIZE);
    *top = rebuilt;
    return top;
}

void trap_bad_user_frame(struct user_frame *frame) {
    frame->cs = USER_CS;
    frame->ss = USER_SS;
    user_exception(frame, SIGSEGV, SI_KERNEL, 0);
}
