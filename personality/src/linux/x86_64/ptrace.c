// ptrace on x86_64: stops at signals, exec, system calls and single steps. Events (PTRACE_O_TRACEFORK and its like) are
// not reported.
#include "personality/src/linux/process.h"
#include "personality/src/linux/shims.h"
#include "personality/src/linux/x86_64/signal_frame.h"
#include "personality/src/shim.h"

enum linux_ptrace : uint32_t {
    PTRACE_TRACEME,
    PTRACE_PEEKTEXT,
    PTRACE_PEEKDATA,
    PTRACE_PEEKUSER,
    PTRACE_POKETEXT,
    PTRACE_POKEDATA,
    PTRACE_POKEUSER,
    PTRACE_CONT,
    PTRACE_KILL,
    PTRACE_SINGLESTEP,
    PTRACE_GETREGS = 12,
    PTRACE_SETREGS,
    PTRACE_ATTACH = 16,
    PTRACE_DETACH,
    PTRACE_SYSCALL = 24,
    PTRACE_SETOPTIONS = 0x4200,
    PTRACE_GETEVENTMSG,
    PTRACE_GETSIGINFO,
    PTRACE_SETSIGINFO,
    PTRACE_GETREGSET = 0x4204,
    PTRACE_SETREGSET,
    PTRACE_SEIZE,
    PTRACE_INTERRUPT,
};

struct linux_user_regs {
    uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi, orig_rax, rip, cs, eflags, rsp,
        ss, fs_base, gs_base, ds, es, fs, gs;
};
static_assert(sizeof(struct linux_user_regs) == 216);
constexpr uintptr_t USER_LIMIT = 0x7ffffffff000;

static intptr_t word_in_memory(int32_t pid, uintptr_t address, uint64_t *word, bool write) {
    const struct segment local = segment_kernel(word, sizeof(*word));
    const struct segment remote = segment_user(user_pointer(address), sizeof(*word));
    size_t done = 0;
    int32_t error = kernel_ops->process_memory(pid, &local, 1, &remote, 1, write ? 3 : 0, &done);
    return error < 0 || done != sizeof(*word) ? -EIO : 0;
}

static void registers_of(struct linux_user_regs *to, const struct user_frame *frame) {
    *to = (struct linux_user_regs){
        .r15 = frame->r15,
        .r14 = frame->r14,
        .r13 = frame->r13,
        .r12 = frame->r12,
        .rbp = frame->rbp,
        .rbx = frame->rbx,
        .r11 = frame->r11,
        .r10 = frame->r10,
        .r9 = frame->r9,
        .r8 = frame->r8,
        .rax = frame->rax,
        .rcx = frame->rcx,
        .rdx = frame->rdx,
        .rsi = frame->rsi,
        .rdi = frame->rdi,
        .orig_rax = frame->cause == TRAP_SYSCALL ? frame->number : ~0ULL,
        .rip = frame->rip,
        .cs = frame->cs,
        .eflags = frame->rflags,
        .rsp = frame->rsp,
        .ss = frame->ss,
    };
}

// -EIO: what no program may have.
static int32_t set_registers(struct user_frame *frame, const struct linux_user_regs *from) {
    if (from->rip >= USER_LIMIT || (from->cs | 3) != frame->cs) return -EIO;
    frame->r15 = from->r15;
    frame->r14 = from->r14;
    frame->r13 = from->r13;
    frame->r12 = from->r12;
    frame->rbp = from->rbp;
    frame->rbx = from->rbx;
    frame->r11 = from->r11;
    frame->r10 = from->r10;
    frame->r9 = from->r9;
    frame->r8 = from->r8;
    frame->rax = from->rax;
    frame->rcx = from->rcx;
    frame->rdx = from->rdx;
    frame->rsi = from->rsi;
    frame->rdi = from->rdi;
    frame->rip = from->rip;
    frame->rsp = from->rsp;
    frame->rflags = (frame->rflags & ~RFLAGS_RESTORED) | (from->eflags & RFLAGS_RESTORED);
    return 0;
}

static intptr_t registers(int32_t tid, uintptr_t address, bool set) {
    struct user_frame frame;
    struct linux_user_regs words;
    int32_t error = kernel_ops->trace_frame(tid, &frame, 0);
    if (error != 0) return error;
    if (!set) {
        registers_of(&words, &frame);
        return store_struct(address, &words);
    }
    error = fetch_struct(&words, address);
    if (error == 0) error = set_registers(&frame, &words);
    return error != 0 ? error : kernel_ops->trace_frame(tid, &frame, 1);
}

// Only the general registers; the vector's length becomes what was moved.
static intptr_t register_set(int32_t tid, uintptr_t type, uintptr_t vector, bool set) {
    constexpr uintptr_t general = 1; // NT_PRSTATUS
    struct {
        uint64_t base, length;
    } place;
    int32_t error = fetch_struct(&place, vector);
    if (error != 0) return error;
    if (type != general || place.length % 8 != 0) return -EINVAL;
    if (place.length < sizeof(struct linux_user_regs)) return -EIO;
    error = (int32_t)registers(tid, place.base, set);
    if (error != 0) return error;
    place.length = sizeof(struct linux_user_regs);
    return store_struct(vector, &place);
}

// One word of the area that starts with the registers.
static intptr_t user_word(int32_t tid, uintptr_t offset, uintptr_t data, bool set) {
    constexpr uintptr_t area = 928; // sizeof(struct user)
    union {
        struct linux_user_regs registers;
        uint64_t words[sizeof(struct linux_user_regs) / 8];
    } all;
    struct user_frame frame;
    uint64_t word = 0;
    int32_t error = kernel_ops->trace_frame(tid, &frame, 0);
    if (error != 0) return error;
    if (offset % 8 != 0 || offset >= area) return -EIO;
    registers_of(&all.registers, &frame);
    bool there = offset < sizeof(all.registers);
    if (!set) {
        if (there) word = all.words[offset / 8];
        return store_struct(data, &word);
    }
    if (!there) return -EIO;
    all.words[offset / 8] = data;
    error = set_registers(&frame, &all.registers);
    return error != 0 ? error : kernel_ops->trace_frame(tid, &frame, 1);
}

static intptr_t signal_information(int32_t tid, uintptr_t address, bool set) {
    struct kernel_siginfo info;
    struct linux_siginfo words;
    if (set) {
        int32_t error = fetch_struct(&words, address);
        if (error != 0) return error;
        linux_siginfo_to_kernel(&info, &words);
        return kernel_ops->trace_siginfo(tid, &info, 1);
    }
    int32_t error = kernel_ops->trace_siginfo(tid, &info, 0);
    if (error != 0) return error;
    linux_siginfo_from_kernel(&words, &info);
    return store_struct(address, &words);
}

// Lets the thread go on; with step for one instruction only.
static intptr_t resume(int32_t tid, enum trace_request how, bool step, uintptr_t signal) {
    struct user_frame frame;
    uint64_t result;
    int32_t error = kernel_ops->trace_frame(tid, &frame, 0);
    if (error != 0) return error;
    if (signal <= SIGNAL_COUNT && step != ((frame.rflags & RFLAGS_TRAP) != 0)) {
        frame.rflags ^= RFLAGS_TRAP;
        error = kernel_ops->trace_frame(tid, &frame, 1);
        if (error != 0) return error;
    }
    return kernel_ops->trace(how, tid, signal, &result);
}

// Requests to a stopped thread.
static intptr_t perform(uint32_t request, int32_t tid, int32_t pid, uintptr_t address, uintptr_t data) {
    uint64_t word = data, result;
    switch (request) {
    case PTRACE_PEEKTEXT:
    case PTRACE_PEEKDATA: {
        intptr_t error = word_in_memory(pid, address, &word, false);
        return error != 0 ? error : store_struct(data, &word);
    }
    case PTRACE_POKETEXT:
    case PTRACE_POKEDATA:
        return word_in_memory(pid, address, &word, true);
    case PTRACE_PEEKUSER:
    case PTRACE_POKEUSER:
        return user_word(tid, address, data, request == PTRACE_POKEUSER);
    case PTRACE_GETREGS:
    case PTRACE_SETREGS:
        return registers(tid, data, request == PTRACE_SETREGS);
    case PTRACE_GETREGSET:
    case PTRACE_SETREGSET:
        return register_set(tid, address, data, request == PTRACE_SETREGSET);
    case PTRACE_GETSIGINFO:
    case PTRACE_SETSIGINFO:
        return signal_information(tid, data, request == PTRACE_SETSIGINFO);
    case PTRACE_CONT:
        return resume(tid, TRACE_CONTINUE, false, data);
    case PTRACE_SYSCALL:
        return resume(tid, TRACE_CONTINUE_TO_CALL, false, data);
    case PTRACE_SINGLESTEP:
        return resume(tid, TRACE_CONTINUE, true, data);
    case PTRACE_DETACH:
        return resume(tid, TRACE_DETACH, false, data);
    case PTRACE_SETOPTIONS:
        return kernel_ops->trace(TRACE_OPTIONS, tid, data, &result);
    case PTRACE_GETEVENTMSG: {
        int32_t error = kernel_ops->trace(TRACE_MESSAGE, tid, 0, &result);
        return error != 0 ? error : store_struct(data, &result);
    }
    default:
        return -EIO;
    }
}

SHIM4(linux_ptrace, request, tid, address, data) {
    uint64_t pid = 0, result;
    switch ((uint32_t)request) {
    case PTRACE_TRACEME:
        return kernel_ops->trace(TRACE_ME, 0, 0, &result);
    case PTRACE_ATTACH:
        return kernel_ops->trace(TRACE_ATTACH, (int32_t)tid, 0, &result);
    case PTRACE_SEIZE:
        return address != 0 ? -EIO : kernel_ops->trace(TRACE_SEIZE, (int32_t)tid, data, &result);
    case PTRACE_KILL:
        return kernel_ops->trace(TRACE_KILL, (int32_t)tid, 0, &result);
    case PTRACE_INTERRUPT:
        return kernel_ops->trace(TRACE_INTERRUPT, (int32_t)tid, 0, &result);
    default:
        break;
    }
    int32_t error = kernel_ops->trace(TRACE_CHECK, (int32_t)tid, 0, &pid);
    return error != 0 ? error : perform((uint32_t)request, (int32_t)tid, (int32_t)pid, address, data);
}
