// seccomp: strict mode, and filters in classic BPF, run before a call is made. A thread's filters are a chain that its
// children share; a filter is never changed once it is in a chain.
#include "personality/src/linux/seccomp.h"

#include "lib/atomic.h"
#include "lib/refcount.h"
#include "personality/src/dispatch.h"
#include "personality/src/linux/process.h"
#include "personality/src/linux/shims.h"
#include "personality/src/shim.h"

enum seccomp_operation : uint32_t { SET_MODE_STRICT, SET_MODE_FILTER, GET_ACTION_AVAIL, GET_NOTIF_SIZES };
enum seccomp_flags : uint32_t { FILTER_FLAG_LOG = 2, FILTER_FLAG_SPEC_ALLOW = 4 };
enum seccomp_action : uint32_t {
    RET_KILL_PROCESS = 0x80000000,
    RET_KILL_THREAD = 0,
    RET_TRAP = 0x30000,
    RET_ERRNO = 0x50000,
    RET_USER_NOTIF = 0x7fc00000,
    RET_TRACE = 0x7ff00000,
    RET_LOG = 0x7ffc0000,
    RET_ALLOW = 0x7fff0000,
    RET_ACTION = 0xffff0000,
    RET_DATA = 0xffff,
};
constexpr uint32_t ARCHITECTURE = 0xc000003e; // AUDIT_ARCH_X86_64
constexpr uint32_t INSTRUCTIONS_MAXIMUM = 4096, MEMORY_WORDS = 16;
constexpr uint32_t ERRNO_MAXIMUM = 4095;

struct instruction {
    uint16_t code;
    uint8_t jump_true, jump_false;
    uint32_t k;
};
struct program {
    uint16_t length;
    uint64_t instructions;
};
static_assert(sizeof(struct instruction) == 8 && sizeof(struct program) == 16);

struct seccomp_data {
    int32_t number;
    uint32_t architecture;
    uint64_t instruction_pointer, arguments[6];
};
static_assert(sizeof(struct seccomp_data) == 64);

struct linux_filter {
    struct refcount references;
    struct linux_filter *previous; // a reference
    uint32_t length;
    struct instruction instructions[];
};

void linux_filter_get(struct linux_filter *filter) {
    if (filter != nullptr) refcount_get(&filter->references);
}

void linux_filter_put(struct linux_filter *filter) {
    while (filter != nullptr && refcount_put(&filter->references)) {
        struct linux_filter *previous = filter->previous;
        (void)!kernel_ops->release(filter);
        filter = previous;
    }
}

// ---- classic BPF: codes are class | size or operation | source

enum bpf : uint16_t {
    BPF_LD = 0,
    BPF_LDX,
    BPF_ST,
    BPF_STX,
    BPF_ALU,
    BPF_JMP,
    BPF_RET,
    BPF_MISC,
    BPF_ABS = 0x20,
    BPF_MEM = 0x60,
    BPF_LEN = 0x80,
    BPF_X = 8,
    BPF_ADD = 0x00,
    BPF_SUB = 0x10,
    BPF_MUL = 0x20,
    BPF_DIV = 0x30,
    BPF_OR = 0x40,
    BPF_AND = 0x50,
    BPF_LSH = 0x60,
    BPF_RSH = 0x70,
    BPF_NEG = 0x80,
    BPF_XOR = 0xa0,
    BPF_JA = 0x00,
    BPF_JEQ = 0x10,
    BPF_JGT = 0x20,
    BPF_JGE = 0x30,
    BPF_JSET = 0x40,
    BPF_A = 0x10,
    BPF_TAX = 0x00,
    BPF_TXA = 0x80,
};

static bool arithmetic_valid(const struct instruction *instruction) {
    bool constant = (instruction->code & BPF_X) == 0;
    switch (instruction->code & 0xf0) {
    case BPF_ADD:
    case BPF_SUB:
    case BPF_MUL:
    case BPF_OR:
    case BPF_AND:
    case BPF_XOR:
        return true;
    case BPF_DIV:
        return !constant || instruction->k != 0;
    case BPF_LSH:
    case BPF_RSH:
        return !constant || instruction->k < 32;
    case BPF_NEG:
        return constant;
    default:
        return false;
    }
}

// rest: the number of instructions behind this one.
static bool jump_valid(const struct instruction *instruction, uint32_t rest) {
    switch (instruction->code & 0xf0) {
    case BPF_JA:
        return (instruction->code & BPF_X) == 0 && instruction->k < rest;
    case BPF_JEQ:
    case BPF_JGT:
    case BPF_JGE:
    case BPF_JSET:
        return instruction->jump_true < rest && instruction->jump_false < rest;
    default:
        return false;
    }
}

static bool instruction_valid(const struct instruction *instruction, uint32_t rest) {
    switch (instruction->code & 7) {
    case BPF_LD:
        if (instruction->code == (BPF_LD | BPF_ABS)) {
            return instruction->k % 4 == 0 && instruction->k < sizeof(struct seccomp_data);
        }
        [[fallthrough]];
    case BPF_LDX:
        return (instruction->code & ~1) == 0 || (instruction->code & ~1) == BPF_LEN ||
               ((instruction->code & ~1) == BPF_MEM && instruction->k < MEMORY_WORDS);
    case BPF_ST:
    case BPF_STX:
        return (instruction->code & ~7) == 0 && instruction->k < MEMORY_WORDS;
    case BPF_ALU:
        return instruction->code < 0x100 && arithmetic_valid(instruction);
    case BPF_JMP:
        return instruction->code < 0x100 && jump_valid(instruction, rest);
    case BPF_RET:
        return instruction->code == BPF_RET || instruction->code == (BPF_RET | BPF_A);
    default:
        return instruction->code == (BPF_MISC | BPF_TAX) || instruction->code == (BPF_MISC | BPF_TXA);
    }
}

static bool program_valid(const struct linux_filter *filter) {
    for (uint32_t i = 0; i < filter->length; i++) {
        if (!instruction_valid(&filter->instructions[i], filter->length - 1 - i)) return false;
    }
    return (filter->instructions[filter->length - 1].code & 7) == BPF_RET;
}

static uint32_t calculate(uint16_t code, uint32_t a, uint32_t operand) {
    switch (code & 0xf0) {
    case BPF_ADD:
        return a + operand;
    case BPF_SUB:
        return a - operand;
    case BPF_MUL:
        return a * operand;
    case BPF_DIV:
        return operand == 0 ? 0 : a / operand;
    case BPF_OR:
        return a | operand;
    case BPF_AND:
        return a & operand;
    case BPF_LSH:
        return operand < 32 ? a << operand : 0;
    case BPF_RSH:
        return operand < 32 ? a >> operand : 0;
    case BPF_XOR:
        return a ^ operand;
    default:
        return -a; // BPF_NEG
    }
}

static bool compare(uint16_t code, uint32_t a, uint32_t operand) {
    switch (code & 0xf0) {
    case BPF_JEQ:
        return a == operand;
    case BPF_JGT:
        return a > operand;
    case BPF_JGE:
        return a >= operand;
    default:
        return (a & operand) != 0; // BPF_JSET
    }
}

// Jumps only lead forward, so a valid program ends.
static uint32_t run(const struct linux_filter *filter, const struct seccomp_data *data) {
    uint32_t a = 0, x = 0, memory[MEMORY_WORDS] = {};
    for (uint32_t at = 0; at < filter->length; at++) {
        const struct instruction *instruction = &filter->instructions[at];
        uint32_t k = instruction->k, operand = (instruction->code & BPF_X) != 0 ? x : k, loaded;
        switch (instruction->code & 7) {
        case BPF_LD:
        case BPF_LDX:
            loaded = (instruction->code & 0xe0) == BPF_ABS   ? ((const uint32_t *)data)[k / 4]
                     : (instruction->code & 0xe0) == BPF_MEM ? memory[k]
                     : (instruction->code & 0xe0) == BPF_LEN ? (uint32_t)sizeof(*data)
                                                             : k;
            *((instruction->code & 7) == BPF_LD ? &a : &x) = loaded;
            break;
        case BPF_ST:
            memory[k] = a;
            break;
        case BPF_STX:
            memory[k] = x;
            break;
        case BPF_ALU:
            a = calculate(instruction->code, a, operand);
            break;
        case BPF_JMP:
            if ((instruction->code & 0xf0) == BPF_JA) {
                at += k;
            } else {
                at += compare(instruction->code, a, operand) ? instruction->jump_true : instruction->jump_false;
            }
            break;
        case BPF_RET:
            return instruction->code == BPF_RET ? k : a;
        default:
            *(instruction->code == (BPF_MISC | BPF_TAX) ? &x : &a) = instruction->code == (BPF_MISC | BPF_TAX) ? a : x;
            break;
        }
    }
    return RET_KILL_PROCESS;
}

// ---- before a call

// Of all filters' answers the sternest counts: the least as a signed number.
static uint32_t run_all(const struct linux_filter *filter, const struct seccomp_data *data) {
    uint32_t answer = RET_ALLOW;
    for (; filter != nullptr; filter = filter->previous) {
        uint32_t one = run(filter, data);
        if ((int32_t)(one & RET_ACTION) < (int32_t)(answer & RET_ACTION)) answer = one;
    }
    return answer;
}

static void end_by(uint32_t signal) {
    const struct kernel_siginfo info = {.signal = signal, .code = SI_KERNEL};
    const struct signal_action action = {.disposition = SIGNAL_DEFAULT};
    signal_set bit = signal_bit(signal);
    (void)!kernel_ops->signal_action(signal, &action, nullptr);
    (void)!kernel_ops->signal_mask(SIG_UNBLOCK, &bit, nullptr);
    (void)!kernel_ops->kill_thread(kernel_ops->get_pid(), kernel_ops->get_tid(), &info);
}

static void trap(uint32_t number, uint32_t data, const struct user_frame *frame) {
    const struct kernel_siginfo info = {.signal = SIGSYS,
                                        .error = (int32_t)data,
                                        .code = SYS_SECCOMP,
                                        .address = user_frame_program_counter(frame),
                                        .value = number};
    linux_force_siginfo(&info);
}

static bool strict_allows(uint32_t number) {
    constexpr uint32_t number_read = 0, number_write = 1, number_sigreturn = 15, number_exit = 60;
    return number == number_read || number == number_write || number == number_sigreturn || number == number_exit;
}

bool linux_filter_call(const struct call *call, intptr_t *result) {
    const struct linux_thread *thread = linux_thread_existing();
    if (thread == nullptr) return false;
    const struct user_frame *frame = current_frame();
    *result = -ENOSYS;
    if (thread->seccomp_strict) {
        if (strict_allows(call->number)) return false;
        end_by(SIGKILL);
        return true;
    }
    struct seccomp_data data = {.number = (int32_t)call->number,
                                .architecture = ARCHITECTURE,
                                .instruction_pointer = user_frame_program_counter(frame)};
    for (unsigned i = 0; i < 5; i++)
        data.arguments[i] = call->arguments[i];
    data.arguments[5] = user_frame_sixth_argument(frame);
    uint32_t answer = run_all(thread->filters, &data);
    switch (answer & RET_ACTION) {
    case RET_ALLOW:
    case RET_LOG:
        return false;
    case RET_ERRNO:
        *result = -(intptr_t)min(answer & RET_DATA, ERRNO_MAXIMUM);
        return true;
    case RET_TRAP:
        trap(call->number, answer & RET_DATA, frame);
        *result = (intptr_t)call->number; // the register as it was
        return true;
    case RET_TRACE:
    case RET_USER_NOTIF:
        return true; // nobody listens
    default:
        end_by(SIGSYS);
        return true;
    }
}

// ---- the calls

static int32_t filtered_from_now_on(void) {
    uint32_t personality;
    int32_t error = kernel_ops->personality_get(&personality);
    return error != 0 ? error : kernel_ops->personality_set(personality | PERSONALITY_FILTERED);
}

intptr_t linux_seccomp_strict(void) {
    struct linux_thread *thread;
    int32_t error = linux_thread_current(&thread);
    if (error != 0) return error;
    if (thread->filters != nullptr) return -EINVAL;
    thread->seccomp_strict = true;
    return filtered_from_now_on();
}

static bool may_filter(void) {
    struct kernel_credentials own;
    uint64_t no_new_privileges;
    return (kernel_ops->process_attribute_get(PROCESS_NO_NEW_PRIVILEGES, &no_new_privileges) == 0 &&
            no_new_privileges != 0) ||
           (kernel_ops->credentials_get(0, &own) == 0 && (own.capabilities_effective >> CAP_SYS_ADMIN & 1) != 0);
}

intptr_t linux_seccomp_filter(uintptr_t address) {
    struct program program;
    struct linux_thread *thread;
    struct linux_filter *filter;
    int32_t error = fetch_struct(&program, address);
    if (error != 0) return error;
    if (program.length == 0 || program.length > INSTRUCTIONS_MAXIMUM) return -EINVAL;
    if (!may_filter()) return -EACCES;
    error = linux_thread_current(&thread);
    if (error != 0) return error;
    if (thread->seccomp_strict) return -EINVAL;
    size_t size = program.length * sizeof(struct instruction);
    error = kernel_ops->allocate(sizeof(*filter) + size, (void **)&filter);
    if (error < 0) return error;
    refcount_init(&filter->references);
    filter->length = program.length;
    error = kernel_ops->fetch(filter->instructions, user_pointer(program.instructions), size);
    if (error == 0 && !program_valid(filter)) error = -EINVAL;
    if (error == 0) error = filtered_from_now_on();
    if (error != 0) {
        (void)!kernel_ops->release(filter);
        return error;
    }
    filter->previous = thread->filters;
    thread->filters = filter;
    return 0;
}

static intptr_t action_available(uintptr_t address) {
    uint32_t action;
    int32_t error = fetch_struct(&action, address);
    if (error != 0) return error;
    switch (action) {
    case RET_KILL_PROCESS:
    case RET_KILL_THREAD:
    case RET_TRAP:
    case RET_ERRNO:
    case RET_TRACE:
    case RET_LOG:
    case RET_ALLOW:
        return 0;
    default:
        return -EOPNOTSUPP;
    }
}

SHIM3(linux_seccomp, operation, flags, argument) {
    switch ((uint32_t)operation) {
    case SET_MODE_STRICT:
        return flags != 0 || argument != 0 ? -EINVAL : linux_seccomp_strict();
    case SET_MODE_FILTER:
        // Other threads' filters can't be set and there are no listeners.
        if ((flags & ~(uintptr_t)(FILTER_FLAG_LOG | FILTER_FLAG_SPEC_ALLOW)) != 0) return -EINVAL;
        return linux_seccomp_filter(argument);
    case GET_ACTION_AVAIL:
        return flags != 0 ? -EINVAL : action_available(argument);
    case GET_NOTIF_SIZES: {
        const uint16_t sizes[3] = {80, 24, sizeof(struct seccomp_data)};
        return flags != 0 ? -EINVAL : store_struct(argument, &sizes);
    }
    default:
        return -EINVAL;
    }
}
