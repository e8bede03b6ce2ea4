// Handlers on x86_64: the frame below the red zone or on the alternate stack, and the way back.
#include "personality/src/linux/x86_64/signal_frame.h"

#include "lib/string.h"
#include "personality/src/linux/arch.h"
#include "personality/src/linux/process.h"
#include "personality/src/linux/shims.h"
#include "personality/src/shim.h"

constexpr uintptr_t RED_ZONE = 128;
constexpr uintptr_t USER_LIMIT = 0x7ffffffff000;
constexpr uint64_t USER_CODE_SELECTOR = 0x33, USER_STACK_SELECTOR = 0x2b;
constexpr uint64_t NUMBER_RESTART_SYSCALL = 219;
constexpr uint64_t SYSCALL_LENGTH = 2;
constexpr size_t FXSAVE_SIZE = 512;

// What every x86_64 processor has, in the bits of CPUID leaf 1, EDX.
const struct linux_platform linux_platform = {.name = "x86_64", .hwcap = 0x078bfbff};

static size_t vector_size(void) {
    size_t size = 0;
    return kernel_ops->extended_state_size(&size) == 0 ? size : 0;
}

// An image with an XSAVE header is followed by the second magic word.
static size_t vector_frame_size(size_t size) {
    return size > FXSAVE_SIZE ? size + sizeof(LINUX_FP_XSTATE_MAGIC2) : size;
}

size_t linux_signal_frame_size(void) {
    size_t size = sizeof(struct linux_rt_sigframe) + vector_frame_size(vector_size()) + 64 + 16;
    return align_up(size, 16);
}

// The components that an image of this size can hold: x87, SSE, AVX, AVX-512, PKRU in the standard format.
static uint64_t vector_features(size_t size) {
    uint64_t features = 3;
    if (size >= 832) features |= 4;
    if (size >= 2688) features |= 0xe0;
    if (size >= 2696) features |= 0x200;
    return features;
}

static int32_t store_vector_state(uintptr_t address, size_t size) {
    struct linux_fpx_software software = {};
    int32_t error = kernel_ops->extended_state_store((struct user_address){address});
    if (error == 0 && size > FXSAVE_SIZE) {
        software.magic1 = LINUX_FP_XSTATE_MAGIC1;
        software.extended_size = (uint32_t)(size + sizeof(LINUX_FP_XSTATE_MAGIC2));
        software.xfeatures = vector_features(size);
        software.xstate_size = (uint32_t)size;
        error = kernel_ops->store((struct user_address){address + size}, &LINUX_FP_XSTATE_MAGIC2,
                                  sizeof(LINUX_FP_XSTATE_MAGIC2));
    }
    if (error == 0) {
        error =
            kernel_ops->store((struct user_address){address + LINUX_FPX_SOFTWARE_OFFSET}, &software, sizeof(software));
    }
    return error;
}

// What the interrupted call answers when a handler runs: it starts again only if the handler says so.
static void settle_interrupted_call(const struct signal_action *action, struct user_frame *frame) {
    switch ((enum frame_disposition)frame->disposition) {
    case FRAME_RESTART:
        if ((action->flags & SA_RESTART) != 0) {
            frame->rax = frame->number;
            frame->rip -= SYSCALL_LENGTH;
            break;
        }
        [[fallthrough]];
    case FRAME_RESTART_NO_HANDLER:
    case FRAME_RESTART_WITH:
        frame->rax = (uint64_t)-(int64_t)EINTR;
        break;
    case FRAME_WRITE:
    case FRAME_KEEP:
        break;
    }
    frame->disposition = FRAME_KEEP;
}

void linux_interrupted(struct user_frame *frame) {
    switch ((enum frame_disposition)frame->disposition) {
    case FRAME_RESTART:
    case FRAME_RESTART_NO_HANDLER:
        frame->rax = frame->number;
        frame->rip -= SYSCALL_LENGTH;
        frame->disposition = FRAME_KEEP;
        break;
    case FRAME_RESTART_WITH:
        frame->rax = NUMBER_RESTART_SYSCALL;
        frame->rip -= SYSCALL_LENGTH;
        frame->disposition = FRAME_KEEP;
        break;
    case FRAME_WRITE:
    case FRAME_KEEP:
        break;
    }
}

static void save_registers(struct linux_sigcontext *context, const struct user_frame *frame) {
    *context = (struct linux_sigcontext){
        .r8 = frame->r8,
        .r9 = frame->r9,
        .r10 = frame->r10,
        .r11 = frame->r11,
        .r12 = frame->r12,
        .r13 = frame->r13,
        .r14 = frame->r14,
        .r15 = frame->r15,
        .di = frame->rdi,
        .si = frame->rsi,
        .bp = frame->rbp,
        .bx = frame->rbx,
        .dx = frame->rdx,
        .ax = frame->rax,
        .cx = frame->rcx,
        .sp = frame->rsp,
        .ip = frame->rip,
        .flags = frame->rflags,
        .cs = (uint16_t)frame->cs,
        .ss = (uint16_t)frame->ss,
    };
}

static void restore_registers(struct user_frame *frame, const struct linux_sigcontext *context) {
    frame->r8 = context->r8;
    frame->r9 = context->r9;
    frame->r10 = context->r10;
    frame->r11 = context->r11;
    frame->r12 = context->r12;
    frame->r13 = context->r13;
    frame->r14 = context->r14;
    frame->r15 = context->r15;
    frame->rdi = context->di;
    frame->rsi = context->si;
    frame->rbp = context->bp;
    frame->rbx = context->bx;
    frame->rdx = context->dx;
    frame->rax = context->ax;
    frame->rcx = context->cx;
    frame->rsp = context->sp;
    frame->rip = context->ip;
    frame->rflags = (frame->rflags & ~RFLAGS_RESTORED) | (context->flags & RFLAGS_RESTORED);
}

// Where the frame and the vector state go. False: they don't fit on the alternate stack.
static bool place_frame(const struct signal_action *action, const struct signal_stack *stack, uintptr_t stack_pointer,
                        size_t vector, uintptr_t *frame, uintptr_t *vector_state) {
    uintptr_t top = stack_pointer - RED_ZONE;
    bool on_stack = linux_on_signal_stack(stack, top);
    bool bounded = linux_on_signal_stack(stack, stack_pointer);
    if ((action->flags & SA_ONSTACK) != 0 && !on_stack && stack->size != 0 && (stack->flags & SS_DISABLE) == 0) {
        top = stack->base.value + stack->size;
        bounded = true;
    }
    *vector_state = align_down(top - vector_frame_size(vector), 64);
    *frame = align_down(*vector_state - sizeof(struct linux_rt_sigframe), 16) - 8;
    return *frame < top && (!bounded || (*frame > stack->base.value && *frame - stack->base.value <= stack->size));
}

int32_t linux_signal_deliver(const struct kernel_siginfo *info, const struct signal_action *action, signal_set mask,
                             const struct signal_stack *stack, struct user_frame *frame) {
    settle_interrupted_call(action, frame);
    size_t vector = vector_size();
    uintptr_t address, vector_state;
    if (!place_frame(action, stack, frame->rsp, vector, &address, &vector_state)) return -EFAULT;
    struct linux_rt_sigframe image = {
        .pretcode = action->restorer,
        .uc = {.uc_flags = UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS | (vector > FXSAVE_SIZE ? UC_FP_XSTATE : 0),
               .uc_stack = linux_stack_from_kernel(stack),
               .uc_sigmask = mask},
    };
    if ((action->flags & SA_RESTORER) == 0) return -EFAULT;
    save_registers(&image.uc.uc_mcontext, frame);
    image.uc.uc_mcontext.oldmask = mask;
    image.uc.uc_mcontext.fpstate = vector != 0 ? vector_state : 0;
    if (frame->cause < TRAP_INTERRUPT) {
        image.uc.uc_mcontext.trapno = frame->cause;
        image.uc.uc_mcontext.err = frame->error_code;
        image.uc.uc_mcontext.cr2 = info->address;
    }
    linux_siginfo_from_kernel(&image.info, info);
    int32_t error = vector != 0 ? store_vector_state(vector_state, vector) : 0;
    if (error == 0) error = kernel_ops->store((struct user_address){address}, &image, sizeof(image));
    if (error != 0) return -EFAULT;
    if ((stack->flags & SS_AUTODISARM) != 0) {
        const struct signal_stack none = {.flags = SS_DISABLE};
        (void)kernel_ops->signal_stack(&none, nullptr);
    }
    frame->rdi = info->signal;
    frame->rsi = address + offsetof(struct linux_rt_sigframe, info);
    frame->rdx = address + offsetof(struct linux_rt_sigframe, uc);
    frame->rax = 0;
    frame->rip = action->handler;
    frame->rsp = address;
    frame->rflags &= ~(uint64_t)(RFLAGS_DIRECTION | RFLAGS_TRAP | RFLAGS_RESUME);
    frame->cs = USER_CODE_SELECTOR;
    frame->ss = USER_STACK_SELECTOR;
    return 0;
}

// An image whose software words are damaged is taken for a plain FXSAVE image by Linux; ops load only whole ones, so it
// is refused.
static int32_t load_vector_state(uintptr_t address) {
    size_t size = vector_size();
    if (address == 0 || size == 0) return 0;
    if (size > FXSAVE_SIZE) {
        struct linux_fpx_software software;
        uint32_t magic2;
        if (kernel_ops->fetch(&software, (struct user_address){address + LINUX_FPX_SOFTWARE_OFFSET},
                              sizeof(software)) != 0 ||
            kernel_ops->fetch(&magic2, (struct user_address){address + size}, sizeof(magic2)) != 0) {
            return -EFAULT;
        }
        if (software.magic1 != LINUX_FP_XSTATE_MAGIC1 || software.xstate_size != size ||
            magic2 != LINUX_FP_XSTATE_MAGIC2) {
            return -EINVAL;
        }
    }
    return kernel_ops->extended_state_load((struct user_address){address});
}

intptr_t linux_rt_sigreturn(uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t) {
    struct user_frame *frame;
    struct linux_ucontext context;
    kernel_ops->user_frame(&frame);
    // The handler's return has popped pretcode.
    uintptr_t address = frame->rsp - sizeof(uint64_t);
    int32_t error = kernel_ops->fetch(&context, (struct user_address){address + offsetof(struct linux_rt_sigframe, uc)},
                                      sizeof(context));
    const struct linux_sigcontext *registers = &context.uc_mcontext;
    if (error == 0 && ((registers->cs | 3) != USER_CODE_SELECTOR || registers->ip >= USER_LIMIT)) error = -EFAULT;
    if (error == 0) error = load_vector_state(registers->fpstate);
    if (error != 0) {
        linux_force_signal(SIGSEGV, SI_KERNEL);
        return -KERNEL_EKEEP_FRAME;
    }
    signal_set mask = context.uc_sigmask;
    (void)kernel_ops->signal_mask(SIG_SETMASK, &mask, nullptr);
    restore_registers(frame, registers);
    // As Linux does it: a stack that can't be set leaves the present one.
    (void)!linux_stack_set(&context.uc_stack, frame->rsp);
    return -KERNEL_EKEEP_FRAME;
}
