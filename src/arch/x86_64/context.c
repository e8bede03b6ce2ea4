// Threads: stacks, thread pointers (FS and GS base), vector state.
#include "src/context/context.h"

#include <user_frame.h>

#include "lib/string.h"
#include "src/arch/x86_64/x86.h"
#include "src/memory/heap.h"

void switch_stacks(uintptr_t *save, uintptr_t load);
extern char kernel_thread_start[], user_thread_start[];

// What switch_stacks pops.
struct switch_frame {
    uint64_t r15, r14, r13, r12, rbx, rbp;
    uintptr_t return_address;
};

constexpr uint32_t NO_PROCESSOR = UINT32_MAX;
constexpr size_t VECTOR_STATE_ALIGNMENT = 64;
constexpr size_t LEGACY_SIZE = 512; // of the FXSAVE image
constexpr uint32_t MXCSR_DEFAULT = 0x1f80;
constexpr uint16_t FCW_DEFAULT = 0x37f;

// The XSAVE area (Intel SDM vol. 1, 13.4).
struct vector_state {
    uint16_t fcw, fsw, ftw, fop;
    uint64_t fip, fdp;
    uint32_t mxcsr, mxcsr_mask;
    uint8_t registers[432];
    // For software: we describe the area as Linux programs expect (struct _fpx_sw_bytes) but for its magic number.
    uint32_t magic, extended_size;
    uint64_t features;
    uint32_t size;
    uint32_t reserved[7];
    // with XSAVE only
    uint64_t present, compaction, header_reserved[6];
};
static_assert(offsetof(struct vector_state, magic) == 464 && offsetof(struct vector_state, present) == LEGACY_SIZE);

static uintptr_t stack_top(const struct context *context) {
    return (uintptr_t)context->kernel_stack + KERNEL_STACK_SIZE;
}

struct user_frame *arch_context_user_frame(struct context *context) {
    return (struct user_frame *)(stack_top(context) - sizeof(struct user_frame));
}

void arch_context_init_kernel(struct context *context, void (*entry)(void *), void *argument) {
    struct switch_frame *frame = (struct switch_frame *)(stack_top(context) - sizeof(*frame));
    *frame = (struct switch_frame){
        .rbx = (uintptr_t)entry, .r12 = (uintptr_t)argument, .return_address = (uintptr_t)kernel_thread_start};
    context->arch = (struct arch_context){.kernel_stack_pointer = (uintptr_t)frame, .vector_cpu = NO_PROCESSOR};
}

void arch_context_init_user(struct context *context) {
    struct switch_frame *frame = (struct switch_frame *)arch_context_user_frame(context) - 1;
    *frame = (struct switch_frame){.return_address = (uintptr_t)user_thread_start};
    context->arch.kernel_stack_pointer = (uintptr_t)frame;
}

// ---- vector state

static void vector_save(struct vector_state *state) {
    const struct cpu_features *f = &cpu_features;
    if (f->xsaveopt)
        __asm__ volatile("xsaveopt64 %0" : "+m"(*state) : "a"((uint32_t)f->xsave_mask), "d"(0) : "memory");
    else if (f->xsave)
        __asm__ volatile("xsave64 %0" : "+m"(*state) : "a"((uint32_t)f->xsave_mask), "d"(0) : "memory");
    else
        __asm__ volatile("fxsave64 %0" : "+m"(*state)::"memory");
}

static void vector_load(const struct vector_state *state) {
    const struct cpu_features *f = &cpu_features;
    if (f->xsave)
        __asm__ volatile("xrstor64 %0" ::"m"(*state), "a"((uint32_t)f->xsave_mask), "d"(0) : "memory");
    else
        __asm__ volatile("fxrstor64 %0" ::"m"(*state) : "memory");
}

static void vector_state_init(struct vector_state *state) {
    memset(state, 0, cpu_features.xsave_size);
    state->fcw = FCW_DEFAULT;
    state->mxcsr = MXCSR_DEFAULT;
}

static struct vector_state *vector_state_alloc(void) {
    struct vector_state *state = heap_alloc_aligned(cpu_features.xsave_size, VECTOR_STATE_ALIGNMENT);
    if (state) vector_state_init(state);
    return state;
}

// The running thread's registers now hold what its area holds.
static void vector_loaded(struct context *context) {
    struct cpu *cpu = cpu_current();
    context->arch.vector_cpu = cpu->id;
    ((struct cpu_arch *)cpu->arch)->loaded_state = context->arch.extended_state;
}

size_t arch_extended_state_size(void) {
    return cpu_features.xsave_size;
}

int32_t user_xsave(uintptr_t to, uint64_t components);
int32_t user_xrstor(uintptr_t from, uint64_t components);

int32_t arch_extended_state_store(struct user_address to) {
    struct vector_state *state = context_current()->arch.extended_state;
    size_t size = cpu_features.xsave_size;
    if (to.value >= USER_LIMIT || size > USER_LIMIT - to.value) return -EFAULT;
    if (cpu_features.xsave && to.value % VECTOR_STATE_ALIGNMENT == 0)
        return user_xsave(to.value, cpu_features.xsave_mask);
    if (cpu_features.xsave)
        __asm__ volatile("xsave64 %0" : "+m"(*state) : "a"((uint32_t)cpu_features.xsave_mask), "d"(0) : "memory");
    else
        vector_save(state);
    state->features = cpu_features.xsave ? cpu_features.xsave_mask : 3;
    state->size = (uint32_t)size;
    return arch_copy_to_user(to.value, state, size) ? -EFAULT : 0;
}

static bool vector_state_valid(const struct vector_state *state) {
    if (state->mxcsr & ~cpu_features.mxcsr_mask) return false;
    if (!cpu_features.xsave) return true;
    uint64_t reserved = state->compaction;
    for (unsigned i = 0; i < array_size(state->header_reserved); i++)
        reserved |= state->header_reserved[i];
    return !reserved && !(state->present & ~cpu_features.xsave_mask);
}

// A refused image may have changed some registers: they get their first values.
static int32_t load_directly(struct context *context, uintptr_t from) {
    int32_t error = user_xrstor(from, cpu_features.xsave_mask);
    if (error) {
        vector_state_init(context->arch.extended_state);
        vector_load(context->arch.extended_state);
    }
    vector_loaded(context);
    return error;
}

int32_t arch_extended_state_load(struct user_address from) {
    struct context *context = context_current();
    size_t size = cpu_features.xsave_size;
    if (from.value >= USER_LIMIT || size > USER_LIMIT - from.value) return -EFAULT;
    if (cpu_features.xsave && from.value % VECTOR_STATE_ALIGNMENT == 0) return load_directly(context, from.value);
    // A copy of its own: the copy may sleep, and a switch overwrites the thread's area.
    struct vector_state *state = heap_alloc_aligned(size, VECTOR_STATE_ALIGNMENT);
    if (!state) return -ENOMEM;
    int32_t result = arch_copy_from_user(state, from.value, size) ? -EFAULT : 0;
    if (!result && !vector_state_valid(state)) result = -EINVAL;
    if (!result) {
        memcpy(context->arch.extended_state, state, size);
        vector_load(context->arch.extended_state);
        vector_loaded(context);
    }
    heap_free(state);
    return result;
}

// ---- thread pointers

static inline uintptr_t fs_base_read(void) {
    uintptr_t base;
    if (!cpu_features.fsgsbase) return msr_read(MSR_FS_BASE);
    __asm__ volatile("rdfsbase %0" : "=r"(base));
    return base;
}

static inline void fs_base_write(uintptr_t base) {
    if (cpu_features.fsgsbase)
        __asm__ volatile("wrfsbase %0" ::"r"(base));
    else
        msr_write(MSR_FS_BASE, base);
}

// The program's GS base lies in the MSR while the kernel runs.
uintptr_t arch_thread_pointer_get(unsigned which) {
    return which == THREAD_POINTER_FS ? fs_base_read() : msr_read(MSR_KERNEL_GS_BASE);
}

int32_t arch_thread_pointer_set(unsigned which, uintptr_t value) {
    if (value >= USER_LIMIT) return -EPERM;
    if (which == THREAD_POINTER_FS)
        fs_base_write(value);
    else
        msr_write(MSR_KERNEL_GS_BASE, value);
    return 0;
}

// ---- life

int32_t arch_context_copy(struct context *child) {
    struct context *parent = context_current();
    child->arch.fs_base = fs_base_read();
    child->arch.gs_base = msr_read(MSR_KERNEL_GS_BASE);
    child->arch.vector_cpu = NO_PROCESSOR;
    child->arch.extended_state = vector_state_alloc();
    if (!child->arch.extended_state) return -ENOMEM;
    if (parent->arch.extended_state) {
        vector_save(parent->arch.extended_state);
        memcpy(child->arch.extended_state, parent->arch.extended_state, cpu_features.xsave_size);
    }
    return 0;
}

int32_t arch_context_reset(void) {
    struct context *context = context_current();
    if (!context->arch.extended_state)
        context->arch.extended_state = vector_state_alloc();
    else
        vector_state_init(context->arch.extended_state);
    if (!context->arch.extended_state) return -ENOMEM;
    vector_load(context->arch.extended_state);
    vector_loaded(context);
    fs_base_write(0);
    msr_write(MSR_KERNEL_GS_BASE, 0);
    return 0;
}

void arch_context_release(struct context *context) {
    heap_free(context->arch.extended_state);
    context->arch.extended_state = nullptr;
}

void arch_context_switch(struct context *from, struct context *to) {
    struct cpu *cpu = cpu_current();
    struct cpu_arch *arch = cpu->arch;
    if (from->arch.extended_state) {
        from->arch.fs_base = fs_base_read();
        from->arch.gs_base = msr_read(MSR_KERNEL_GS_BASE);
        vector_save(from->arch.extended_state);
    }
    if (to->arch.extended_state) {
        if (arch->loaded_state != to->arch.extended_state || to->arch.vector_cpu != cpu->id) {
            vector_load(to->arch.extended_state);
            to->arch.vector_cpu = cpu->id;
            arch->loaded_state = to->arch.extended_state;
        }
        fs_base_write(to->arch.fs_base);
        if (!from->arch.extended_state || from->arch.gs_base != to->arch.gs_base)
            msr_write(MSR_KERNEL_GS_BASE, to->arch.gs_base);
    }
    cpu->context = to;
    cpu->kernel_stack_top = stack_top(to);
    arch->tss.rsp[0] = cpu->kernel_stack_top;
    switch_stacks(&from->arch.kernel_stack_pointer, to->arch.kernel_stack_pointer);
}

// ---- frames

constexpr uint64_t RFLAGS_OF_PROGRAMS = 0x250dd5; // CF PF AF ZF SF TF DF OF RF AC ID; and NT is not
constexpr uint64_t RFLAGS_FIXED = 0x202;          // IF and the bit that is always set

bool arch_user_frame_valid(struct user_frame *frame) {
    if (frame->cs != USER_CS || frame->ss != USER_SS || frame->rip >= USER_LIMIT) return false;
    frame->rflags = (frame->rflags & RFLAGS_OF_PROGRAMS) | RFLAGS_FIXED;
    return true;
}

void arch_single_step_set(struct user_frame *frame, bool on) {
    frame->rflags = on ? frame->rflags | RFLAGS_TF : frame->rflags & ~(uint64_t)RFLAGS_TF;
}
