// Backtraces by the call-frame information that the compiler writes into .eh_frame (DWARF 5, 6.4; Linux Standard Base
// 10.6), so that no instruction is spent on frame pointers.
#include "src/arch/x86_64/x86.h"

#include <user_frame.h>

#include "lib/string.h"

// DWARF's numbers of the registers; the return address is the sixteenth.
enum dwarf_register : unsigned { DWARF_RBX = 3, DWARF_RBP = 6, DWARF_RSP = 7, DWARF_RIP = 16, DWARF_REGISTERS = 17 };
enum cfa_opcode : uint8_t {
    CFA_NOP = 0,
    CFA_ADVANCE1 = 2,
    CFA_ADVANCE2 = 3,
    CFA_ADVANCE4 = 4,
    CFA_OFFSET_EXTENDED = 5,
    CFA_REMEMBER = 0xa,
    CFA_RESTORE_STATE = 0xb,
    CFA_DEFINE = 0xc,
    CFA_DEFINE_REGISTER = 0xd,
    CFA_DEFINE_OFFSET = 0xe,
    CFA_ARGUMENTS_SIZE = 0x2e,
    // with an operand in the low six bits
    CFA_ADVANCE = 0x40,
    CFA_OFFSET = 0x80,
    CFA_RESTORE = 0xc0,
};
constexpr unsigned BACKTRACE_DEPTH = 40;
constexpr unsigned REMEMBERED_STATES = 4;

extern const uint8_t eh_frame_start[], eh_frame_end[];
extern const char text_start[], text_end[], trap_kernel_return[];

struct registers {
    uint64_t value[DWARF_REGISTERS];
};

// How to find the caller's registers: the frame's address is a register plus an offset, saved registers lie below it.
struct frame_rule {
    unsigned base;
    int64_t offset;
    int64_t saved_at[DWARF_REGISTERS]; // 0: not saved
};

struct description {
    const uint8_t *common, *common_end; // instructions of the CIE
    const uint8_t *own, *own_end;       // and of the FDE
    uintptr_t start;
    uint64_t code_factor;
    int64_t data_factor;
};

static uint32_t word_at(const uint8_t *at) {
    uint32_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

static uint64_t read_unsigned(const uint8_t **at) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = *(*at)++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) break;
    }
    return value;
}

static int64_t read_signed(const uint8_t **at) {
    uint64_t value = 0;
    unsigned shift = 0;
    uint8_t byte;
    do {
        byte = *(*at)++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
    } while ((byte & 0x80) && shift < 64);
    if ((byte & 0x40) && shift < 64) value |= ~0ULL << shift;
    return (int64_t)value;
}

// The description of a function's common part. False: not of the kind that our compiler writes ("zR", 32-bit relative
// addresses).
static bool read_common(const uint8_t *cie, struct description *description) {
    const uint8_t *at = cie + 8;
    if (*at++ != 1 || memcmp(at, "zR", 3) != 0) return false;
    at += 3;
    description->code_factor = read_unsigned(&at);
    description->data_factor = read_signed(&at);
    (void)read_unsigned(&at); // the return address's register
    uint64_t augmentation = read_unsigned(&at);
    if (*at != 0x1b) return false;
    description->common = at + augmentation;
    description->common_end = cie + 4 + word_at(cie);
    return true;
}

static bool find_description(uintptr_t pc, struct description *description) {
    for (const uint8_t *entry = eh_frame_start; entry + 8 <= eh_frame_end && word_at(entry);
         entry += 4 + word_at(entry)) {
        uint32_t back = word_at(entry + 4);
        if (!back) continue; // a CIE
        const uint8_t *at = entry + 8;
        uintptr_t start = (uintptr_t)at + (uintptr_t)(int64_t)(int32_t)word_at(at);
        if (pc < start || pc - start >= word_at(at + 4)) continue;
        if (!read_common(entry + 4 - back, description)) return false;
        at += 8;
        uint64_t augmentation = read_unsigned(&at);
        description->own = at + augmentation;
        description->own_end = entry + 4 + word_at(entry);
        description->start = start;
        return true;
    }
    return false;
}

struct machine {
    struct frame_rule rule, initial, remembered[REMEMBERED_STATES];
    unsigned depth;
    uintptr_t at;
};

// One instruction that is not a move of the address. False: unknown, the rule can't be trusted.
static bool execute(struct machine *machine, uint8_t opcode, const uint8_t **at, int64_t factor) {
    struct frame_rule *rule = &machine->rule;
    unsigned low = opcode & 0x3f;
    switch (opcode & 0xc0) {
    case CFA_OFFSET:
        if (low >= DWARF_REGISTERS) return false;
        rule->saved_at[low] = (int64_t)read_unsigned(at) * factor;
        return true;
    case CFA_RESTORE:
        if (low >= DWARF_REGISTERS) return false;
        rule->saved_at[low] = machine->initial.saved_at[low];
        return true;
    default:
        break;
    }
    switch (opcode) {
    case CFA_NOP:
        return true;
    case CFA_REMEMBER:
        if (machine->depth == REMEMBERED_STATES) return false;
        machine->remembered[machine->depth++] = *rule;
        return true;
    case CFA_RESTORE_STATE:
        if (!machine->depth) return false;
        *rule = machine->remembered[--machine->depth];
        return true;
    case CFA_DEFINE:
        rule->base = (unsigned)read_unsigned(at);
        rule->offset = (int64_t)read_unsigned(at);
        return rule->base < DWARF_REGISTERS;
    case CFA_DEFINE_REGISTER:
        rule->base = (unsigned)read_unsigned(at);
        return rule->base < DWARF_REGISTERS;
    case CFA_DEFINE_OFFSET:
        rule->offset = (int64_t)read_unsigned(at);
        return true;
    case CFA_ARGUMENTS_SIZE:
        (void)read_unsigned(at);
        return true;
    default:
        return false;
    }
}

// Runs instructions up to the one that is about an address above pc.
static bool run(struct machine *machine, const struct description *description, const uint8_t *at, const uint8_t *end,
                uintptr_t pc) {
    while (at < end) {
        uint8_t opcode = *at++;
        uint64_t advance = 0;
        if ((opcode & 0xc0) == CFA_ADVANCE) {
            advance = opcode & 0x3f;
        } else if (opcode == CFA_ADVANCE1) {
            advance = *at++;
        } else if (opcode == CFA_ADVANCE2) {
            advance = at[0] | (uint64_t)at[1] << 8;
            at += 2;
        } else if (opcode == CFA_ADVANCE4) {
            advance = word_at(at);
            at += 4;
        } else {
            if (!execute(machine, opcode, &at, description->data_factor)) return false;
            continue;
        }
        machine->at += advance * description->code_factor;
        if (machine->at > pc) return true;
    }
    return true;
}

// Whether [at, at + 8) may be read as part of the stack whose lowest live address is `low`.
static bool on_stack(uintptr_t at, uintptr_t low) {
    return at >= low && at - low < KERNEL_STACK_SIZE && at % 8 == 0 && low >= DIRECT_MAP_BASE;
}

// Replaces registers by the caller's. at_call: rip is behind a call instruction.
static bool unwind(struct registers *registers, bool at_call) {
    struct description description;
    uint64_t *value = registers->value;
    uintptr_t pc = value[DWARF_RIP] - at_call;
    if (!find_description(pc, &description)) return false;
    struct machine machine = {.at = description.start};
    if (!run(&machine, &description, description.common, description.common_end, UINTPTR_MAX)) return false;
    machine.initial = machine.rule;
    if (!run(&machine, &description, description.own, description.own_end, pc)) return false;
    uintptr_t low = value[DWARF_RSP], frame = value[machine.rule.base] + (uintptr_t)machine.rule.offset;
    if (!on_stack(frame - 8, low)) return false;
    for (unsigned i = 0; i < DWARF_REGISTERS; i++) {
        uintptr_t place = frame + (uintptr_t)machine.rule.saved_at[i];
        if (machine.rule.saved_at[i] && on_stack(place, low)) value[i] = *(const uint64_t *)place;
    }
    value[DWARF_RSP] = frame;
    return true;
}

static void registers_of_frame(struct registers *registers, const struct user_frame *frame) {
    *registers = (struct registers){.value = {[0] = frame->rax,
                                              [1] = frame->rdx,
                                              [2] = frame->rcx,
                                              [DWARF_RBX] = frame->rbx,
                                              [4] = frame->rsi,
                                              [5] = frame->rdi,
                                              [DWARF_RBP] = frame->rbp,
                                              [DWARF_RSP] = frame->rsp,
                                              [8] = frame->r8,
                                              [9] = frame->r9,
                                              [10] = frame->r10,
                                              [11] = frame->r11,
                                              [12] = frame->r12,
                                              [13] = frame->r13,
                                              [14] = frame->r14,
                                              [15] = frame->r15,
                                              [DWARF_RIP] = frame->rip}};
}

static bool in_text(uintptr_t address) {
    return address >= (uintptr_t)text_start && address < (uintptr_t)text_end;
}

// The next frame out. Assembly has no description: a leaf's return address is at the stack pointer, and below the
// return from trap_from_kernel lies the frame of the interrupted code.
static bool step(struct registers *registers, bool *at_call) {
    uint64_t *value = registers->value;
    if (value[DWARF_RIP] == (uintptr_t)trap_kernel_return) {
        registers_of_frame(registers, (const struct user_frame *)value[DWARF_RSP]);
        *at_call = false;
        return true;
    }
    if (!unwind(registers, *at_call)) {
        if (*at_call || !on_stack(value[DWARF_RSP], value[DWARF_RSP])) return false;
        value[DWARF_RIP] = *(const uint64_t *)value[DWARF_RSP];
        value[DWARF_RSP] += 8;
    }
    *at_call = true;
    return true;
}

void arch_backtrace(const struct user_frame *frame, void (*visit)(uintptr_t address)) {
    struct registers registers = {};
    bool at_call = false;
    if (frame) {
        registers_of_frame(&registers, frame);
        visit(frame->rip);
        if (frame->cs & 3) return;
    } else {
        uint64_t *value = registers.value;
        __asm__ volatile("movq %%rbx, %0\nmovq %%rbp, %1\nmovq %%rsp, %2\nleaq 0f(%%rip), %%rax\n0: movq %%rax, %3\n"
                         : "=m"(value[DWARF_RBX]), "=m"(value[DWARF_RBP]), "=m"(value[DWARF_RSP]),
                           "=m"(value[DWARF_RIP])
                         :
                         : "rax");
        __asm__ volatile("movq %%r12, %0\nmovq %%r13, %1\nmovq %%r14, %2\nmovq %%r15, %3"
                         : "=m"(value[12]), "=m"(value[13]), "=m"(value[14]), "=m"(value[15]));
    }
    for (unsigned depth = 0; depth < BACKTRACE_DEPTH; depth++) {
        if (!step(&registers, &at_call) || !in_text(registers.value[DWARF_RIP])) return;
        visit(registers.value[DWARF_RIP]);
    }
}
