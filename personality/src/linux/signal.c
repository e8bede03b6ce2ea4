// Signals: conversion of siginfo and alternate stacks, and the calls.
#include "personality/src/linux/process.h"
#include "personality/src/linux/shims.h"
#include "personality/src/shim.h"

constexpr size_t SIGNAL_SET_SIZE = sizeof(signal_set);
constexpr signal_set UNBLOCKABLE = 1ULL << (SIGKILL - 1) | 1ULL << (SIGSTOP - 1);
constexpr uint32_t LINUX_SA_EXPOSE_TAGBITS = 0x800;
constexpr uint32_t SA_KNOWN = SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | LINUX_SA_EXPOSE_TAGBITS | SA_RESTORER |
                              SA_ONSTACK | SA_RESTART | SA_NODEFER | SA_RESETHAND;
constexpr uint32_t AUDIT_ARCH_X86_64 = 0xc000003e;

// Clock ticks of 1/100 s, as si_utime counts.
static int64_t ticks(nanoseconds time) {
    return time / (NANOSECONDS_PER_SECOND / 100);
}

void linux_siginfo_from_kernel(struct linux_siginfo *to, const struct kernel_siginfo *from) {
    *to = (struct linux_siginfo){.si_signo = (int32_t)from->signal, .si_errno = from->error, .si_code = from->code};
    if (from->code == SI_TIMER) {
        to->si_tid = from->timer_id;
        to->si_overrun = from->status;
        to->si_timer_value = from->value == LINUX_TIMER_VALUE_IS_ID ? (uint64_t)from->timer_id : from->value;
        return;
    }
    bool from_kernel = from->code > 0 && from->code != SI_KERNEL;
    if (from_kernel) {
        switch (from->signal) {
        case SIGILL:
        case SIGFPE:
        case SIGSEGV:
        case SIGBUS:
        case SIGTRAP:
            to->si_addr = from->address;
            return;
        case SIGCHLD:
            to->si_pid = from->pid;
            to->si_uid = from->uid;
            to->si_status = from->status;
            to->si_utime = ticks(from->user_time);
            to->si_stime = ticks(from->system_time);
            return;
        case SIGIO:
            to->si_band = (int64_t)from->value;
            to->si_fd = from->status;
            return;
        case SIGSYS:
            to->si_call_addr = from->address;
            to->si_syscall = (int32_t)from->value;
            to->si_arch = AUDIT_ARCH_X86_64;
            return;
        }
    }
    to->si_pid = from->pid;
    to->si_uid = from->uid;
    to->si_value = from->value;
}

void linux_siginfo_to_kernel(struct kernel_siginfo *to, const struct linux_siginfo *from) {
    *to = (struct kernel_siginfo){.signal = (uint32_t)from->si_signo,
                                  .error = from->si_errno,
                                  .code = from->si_code,
                                  .pid = from->si_pid,
                                  .uid = from->si_uid,
                                  .value = from->si_value};
    if (from->si_code == SI_TIMER) {
        to->timer_id = from->si_tid;
        to->status = from->si_overrun;
    }
}

void linux_force_siginfo(const struct kernel_siginfo *info) {
    uint32_t signal = info->signal;
    struct signal_action old;
    signal_set mask, bit = signal_bit(signal);
    (void)kernel_ops->signal_mask(SIG_UNBLOCK, &bit, &mask);
    if (kernel_ops->signal_action(signal, nullptr, &old) == 0 &&
        ((mask & bit) != 0 || old.disposition == SIGNAL_IGNORE)) {
        const struct signal_action action = {.disposition = SIGNAL_DEFAULT};
        (void)kernel_ops->signal_action(signal, &action, nullptr);
    }
    (void)kernel_ops->kill_thread(kernel_ops->get_pid(), kernel_ops->get_tid(), info);
}

void linux_force_signal(uint32_t signal, int32_t code) {
    const struct kernel_siginfo info = {.signal = signal, .code = code};
    linux_force_siginfo(&info);
}

// ---- alternate stacks

struct linux_stack linux_stack_from_kernel(const struct signal_stack *stack) {
    if (stack->size == 0) return (struct linux_stack){.ss_flags = SS_DISABLE};
    return (struct linux_stack){
        .ss_sp = stack->base.value, .ss_flags = (int32_t)(stack->flags & SS_AUTODISARM), .ss_size = stack->size};
}

int32_t linux_stack_set(const struct linux_stack *stack, uintptr_t stack_pointer) {
    uint32_t flags = (uint32_t)stack->ss_flags, mode = flags & ~(uint32_t)SS_AUTODISARM;
    struct signal_stack old;
    int32_t error = kernel_ops->signal_stack(nullptr, &old);
    if (error != 0) return error;
    if (linux_on_signal_stack(&old, stack_pointer)) return -EPERM;
    if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0) return -EINVAL;
    struct signal_stack new = {.flags = SS_DISABLE};
    if (mode != SS_DISABLE) {
        if (old.size == stack->ss_size && old.base.value == stack->ss_sp && old.size != 0 &&
            (old.flags & SS_AUTODISARM) == (flags & SS_AUTODISARM)) {
            return 0;
        }
        if (stack->ss_size < LINUX_MINSIGSTKSZ) return -ENOMEM;
        new = (struct signal_stack){.base = {stack->ss_sp}, .size = stack->ss_size, .flags = flags & SS_AUTODISARM};
    } else if (old.size == 0) {
        return 0;
    }
    return kernel_ops->signal_stack(&new, nullptr);
}

SHIM2(linux_sigaltstack, new_stack, old_stack) {
    struct linux_stack stack;
    struct signal_stack old;
    int32_t error = new_stack != 0 ? fetch_struct(&stack, new_stack) : 0;
    if (error == 0) error = kernel_ops->signal_stack(nullptr, &old);
    if (error != 0) return error;
    uintptr_t stack_pointer = user_frame_stack_pointer(current_frame());
    if (new_stack != 0) error = linux_stack_set(&stack, stack_pointer);
    if (error != 0 || old_stack == 0) return error;
    struct linux_stack answer = linux_stack_from_kernel(&old);
    if (linux_on_signal_stack(&old, stack_pointer)) answer.ss_flags |= SS_ONSTACK;
    return store_struct(old_stack, &answer);
}

// ---- actions and masks

SHIM4(linux_rt_sigaction, signal, new_action, old_action, set_size) {
    struct linux_sigaction given;
    struct signal_action action, old;
    if (set_size != SIGNAL_SET_SIZE) return -EINVAL;
    if (new_action != 0) {
        int32_t error = fetch_struct(&given, new_action);
        if (error != 0) return error;
    }
    uint32_t number = (uint32_t)signal;
    if (number < 1 || number > SIGNAL_COUNT) return -EINVAL;
    if (new_action != 0) {
        if ((signal_bit(number) & UNBLOCKABLE) != 0) return -EINVAL;
        action.disposition = given.sa_handler == LINUX_SIG_DFL   ? SIGNAL_DEFAULT
                             : given.sa_handler == LINUX_SIG_IGN ? SIGNAL_IGNORE
                                                                 : SIGNAL_HANDLER;
        action.flags = (uint32_t)given.sa_flags & SA_KNOWN;
        action.mask = given.sa_mask & ~UNBLOCKABLE;
        action.handler = given.sa_handler;
        action.restorer = given.sa_restorer;
    }
    int32_t error = kernel_ops->signal_action(number, new_action != 0 ? &action : nullptr, &old);
    if (error != 0 || old_action == 0) return error;
    const struct linux_sigaction answer = {
        .sa_handler = old.disposition == SIGNAL_DEFAULT  ? LINUX_SIG_DFL
                      : old.disposition == SIGNAL_IGNORE ? LINUX_SIG_IGN
                                                         : old.handler,
        .sa_flags = old.flags,
        .sa_restorer = old.restorer,
        .sa_mask = old.mask,
    };
    return store_struct(old_action, &answer);
}

SHIM4(linux_rt_sigprocmask, how, new_set, old_set, set_size) {
    signal_set set, old;
    if (set_size != SIGNAL_SET_SIZE) return -EINVAL;
    if (new_set != 0) {
        int32_t error = fetch_struct(&set, new_set);
        if (error != 0) return error;
        if ((uint32_t)how > SIG_SETMASK) return -EINVAL;
        set &= ~UNBLOCKABLE;
    }
    int32_t error = kernel_ops->signal_mask(new_set != 0 ? (enum signal_mask_how)how : SIG_BLOCK,
                                            new_set != 0 ? &set : nullptr, &old);
    if (error != 0 || old_set == 0) return error;
    return store_struct(old_set, &old);
}

SHIM2(linux_rt_sigpending, to, set_size) {
    signal_set set;
    if (set_size > SIGNAL_SET_SIZE) return -EINVAL;
    int32_t error = kernel_ops->signal_pending(&set);
    return error != 0 ? error : kernel_ops->store(user_pointer(to), &set, set_size);
}

// ---- waiting

static intptr_t suspend(signal_set mask) {
    int32_t result = kernel_ops->signal_suspend(mask & ~UNBLOCKABLE);
    return linux_was_interrupted(result) ? -KERNEL_ERESTART_NO_HANDLER : result;
}

SHIM2(linux_rt_sigsuspend, from, set_size) {
    signal_set mask;
    if (set_size != SIGNAL_SET_SIZE) return -EINVAL;
    int32_t error = fetch_struct(&mask, from);
    return error != 0 ? error : suspend(mask);
}

SHIM0(linux_pause) {
    signal_set mask;
    int32_t error = kernel_ops->signal_mask(SIG_BLOCK, nullptr, &mask);
    return error != 0 ? error : suspend(mask);
}

SHIM4(linux_rt_sigtimedwait, from, info_to, timeout, set_size) {
    signal_set set;
    struct kernel_siginfo info;
    nanoseconds deadline = TIME_NEVER, span;
    if (set_size != SIGNAL_SET_SIZE) return -EINVAL;
    int32_t error = fetch_struct(&set, from);
    if (error == 0 && timeout != 0) {
        error = linux_fetch_timespec(user_pointer(timeout), &span);
        if (error == 0) deadline = linux_deadline(CLOCK_MONOTONIC, span);
    }
    if (error == 0) error = kernel_ops->signal_wait(set & ~UNBLOCKABLE, &info, deadline);
    if (linux_was_interrupted(error)) return -EINTR;
    if (error == -ETIMEDOUT || error == -EAGAIN) return -EAGAIN;
    if (error < 0) return error;
    if (info_to != 0) {
        struct linux_siginfo answer;
        linux_siginfo_from_kernel(&answer, &info);
        error = store_struct(info_to, &answer);
        if (error != 0) return error;
    }
    return (intptr_t)info.signal;
}

// ---- sending

static struct kernel_siginfo own_siginfo(uint32_t signal, int32_t code) {
    struct kernel_siginfo info = {.signal = signal, .code = code, .pid = kernel_ops->get_pid()};
    struct kernel_credentials credentials;
    if (kernel_ops->credentials_get(0, &credentials) == 0) info.uid = credentials.uid;
    return info;
}

SHIM2(linux_kill, pid, signal) {
    if ((int32_t)pid == INT32_MIN) return -ESRCH;
    struct kernel_siginfo info = own_siginfo((uint32_t)signal, SI_USER);
    return kernel_ops->kill((int32_t)pid, &info);
}

SHIM2(linux_tkill, tid, signal) {
    if ((int32_t)tid <= 0) return -EINVAL;
    struct kernel_siginfo info = own_siginfo((uint32_t)signal, SI_TKILL);
    return kernel_ops->kill_thread(-1, (int32_t)tid, &info);
}

SHIM3(linux_tgkill, pid, tid, signal) {
    if ((int32_t)pid <= 0 || (int32_t)tid <= 0) return -EINVAL;
    struct kernel_siginfo info = own_siginfo((uint32_t)signal, SI_TKILL);
    return kernel_ops->kill_thread((int32_t)pid, (int32_t)tid, &info);
}

// A program may pretend to be the kernel, kill or tkill only towards itself.
static bool may_pretend(const struct kernel_siginfo *info, int32_t target) {
    return (info->code < 0 && info->code != SI_TKILL) || target == kernel_ops->get_pid();
}

static int32_t fetch_siginfo(struct kernel_siginfo *info, uintptr_t from, uintptr_t signal) {
    struct linux_siginfo given;
    int32_t error = fetch_struct(&given, from);
    if (error != 0) return error;
    linux_siginfo_to_kernel(info, &given);
    info->signal = (uint32_t)signal;
    return 0;
}

SHIM3(linux_rt_sigqueueinfo, pid, signal, from) {
    struct kernel_siginfo info;
    int32_t error = fetch_siginfo(&info, from, signal);
    if (error != 0) return error;
    if (!may_pretend(&info, (int32_t)pid)) return -EPERM;
    return (int32_t)pid <= 0 ? -ESRCH : kernel_ops->kill((int32_t)pid, &info);
}

SHIM4(linux_rt_tgsigqueueinfo, pid, tid, signal, from) {
    struct kernel_siginfo info;
    int32_t error = fetch_siginfo(&info, from, signal);
    if (error != 0) return error;
    if ((int32_t)pid <= 0 || (int32_t)tid <= 0) return -EINVAL;
    if (!may_pretend(&info, (int32_t)pid)) return -EPERM;
    return kernel_ops->kill_thread((int32_t)pid, (int32_t)tid, &info);
}

constexpr uint32_t PIDFD_SIGNAL_FLAGS = 7; // thread, thread group, process group

SHIM4(linux_pidfd_send_signal, descriptor, signal, from, flags) {
    struct kernel_siginfo info;
    int32_t pid;
    if ((flags & ~(uintptr_t)PIDFD_SIGNAL_FLAGS) != 0 || (flags & (flags - 1)) != 0) return -EINVAL;
    int32_t error = kernel_ops->process_file_pid((int32_t)descriptor, &pid);
    if (error < 0) return error;
    if (from == 0) {
        info = own_siginfo((uint32_t)signal, SI_USER);
    } else {
        struct linux_siginfo given;
        error = fetch_struct(&given, from);
        if (error != 0) return error;
        if (given.si_signo != (int32_t)signal) return -EINVAL;
        linux_siginfo_to_kernel(&info, &given);
        if (!may_pretend(&info, pid)) return -EPERM;
    }
    if (flags == 1) return kernel_ops->kill_thread(-1, pid, &info);
    return kernel_ops->kill(flags == 4 ? -pid : pid, &info);
}
