// The two public functions: installing the ops, and dispatch.
//
// Dispatch has a short way for an OS whose number register is the index of its table and whose results are the
// canonical ones (Linux, native), and a general way for everything else: other OSes, missing calls, tracing. An answer
// that is not a result (restart, keep the frame) leaves both through dispatch_special.
#include <personality.h>

#include "lib/atomic.h"
#include "personality/src/dispatch.h"
#include "personality/src/trace.h"

const struct kernel_ops *kernel_ops;

// Empty before personality_init and for an OS that needs the general way.
static struct short_way {
    syscall_shim *const *handlers;
    uint32_t count;
} short_ways[PERSONALITY_COUNT];

constexpr uint32_t MISSING_REPORTS_MAXIMUM = 200;
static uint32_t missing_reports;

void personality_init(const struct kernel_ops *ops) {
    if (kernel_ops) return;
    if (ops->version != KERNEL_OPS_VERSION) return; // its log may be anything
    if (ops->size != sizeof(struct kernel_ops)) {
        static const char refusal[] = "personality: the table of kernel ops has another size than mine: refused\n";
        if (ops->size >= offsetof(struct kernel_ops, log) + sizeof(ops->log)) ops->log(refusal, sizeof(refusal) - 1);
        return;
    }
    kernel_ops = ops;
    for (uint32_t i = 0; i < PERSONALITY_COUNT; i++) {
        const struct os *os = os_list[i];
        if (os->hooks && kernel_ops->register_hooks(i, os->hooks) < 0)
            personality_log("personality: the hooks of %s were refused\n", os->name);
        if (os->initialise) os->initialise();
        if (os->table && !os->index && !os->encode)
            short_ways[i] = (struct short_way){os->table->handlers, os->table->count};
    }
}

// Ends the current process by SIGSYS whatever it does about that signal.
static void process_end(uint32_t number) {
    const struct signal_action action = {.disposition = SIGNAL_DEFAULT};
    const signal_set set = signal_bit(SIGSYS);
    const struct kernel_siginfo info = {.signal = SIGSYS, .code = SYS_SECCOMP, .error = ENOSYS, .value = number};
    kernel_ops->signal_action(SIGSYS, &action, nullptr);
    kernel_ops->signal_mask(SIG_UNBLOCK, &set, nullptr);
    kernel_ops->kill_thread(kernel_ops->get_pid(), kernel_ops->get_tid(), &info);
}

static bool report_wanted(const struct syscall_table *table, uint32_t number) {
    if (!table || number >= table->count) return true;
    uint32_t bit = 1U << (number % 32), *word = &table->reported[number / 32];
    return !(atomic_load_relaxed(word) & bit) && !(atomic_fetch_or_relaxed(word, bit) & bit);
}

// For a call that is gone from its OS, or that programs must do without by design, ENOSYS is the right answer.
static void report_missing(const struct call *call) {
    const struct syscall_table *table = call->os->table;
    bool listed = table && call->number < table->count;
    const char *name = listed ? table->descriptions[call->number].name : nullptr;
    if (listed && table->descriptions[call->number].status == SYSCALL_GONE) return;
    bool strict = call->personality & PERSONALITY_STRICT;
    if (strict ||
        (report_wanted(table, call->number) && atomic_fetch_add_relaxed(&missing_reports, 1) < MISSING_REPORTS_MAXIMUM))
        personality_log("%s: process %d: call %u (%s) is not implemented%s\n", call->os->name, kernel_ops->get_pid(),
                        call->number, name ? name : "unknown", strict ? ": ended (--strict)" : "");
    if (strict) process_end(call->number);
}

intptr_t call_perform(const struct call *call) {
    const struct syscall_table *table = call->os->table;
    syscall_shim *handler = table && call->number < table->count ? table->handlers[call->number] : nullptr;
    if (!handler) {
        report_missing(call);
        return -ENOSYS;
    }
    const uintptr_t *argument = call->arguments;
    return handler(argument[0], argument[1], argument[2], argument[3], argument[4]);
}

// -KERNEL_EKEEP_FRAME … -KERNEL_ERESTART are no results.
static bool is_special(intptr_t result) {
    return (uintptr_t)(result + KERNEL_EKEEP_FRAME) <= KERNEL_EKEEP_FRAME - KERNEL_ERESTART;
}

// os nullptr: results are the canonical ones.
static uintptr_t encode(const struct os *os, intptr_t result, struct user_frame *frame) {
    return os && os->encode ? os->encode(result, frame) : (uintptr_t)result;
}

// Says by the disposition what the program's return path must do; the word is "interrupted" for a restart, to be
// written in case the signal hooks decide not to restart.
[[gnu::noinline]] static uintptr_t dispatch_special(const struct os *os, intptr_t result) {
    struct user_frame *frame = current_frame();
    switch (-result) {
    case KERNEL_ERESTART:
        frame->disposition = FRAME_RESTART;
        break;
    case KERNEL_ERESTART_NO_HANDLER:
        frame->disposition = FRAME_RESTART_NO_HANDLER;
        break;
    case KERNEL_ERESTART_WITH:
        frame->disposition = FRAME_RESTART_WITH;
        break;
    case KERNEL_EKEEP_FRAME:
        frame->disposition = FRAME_KEEP;
        return 0;
    }
    return encode(os, -EINTR, frame);
}

// The tracer sees, and may change, the result register.
static uintptr_t stop_at_call(uint32_t exit, intptr_t result) {
    struct user_frame *frame = current_frame();
    user_frame_set_result(frame, (uintptr_t)result);
    kernel_ops->trace_call(exit);
    return user_frame_result(frame);
}

[[gnu::noinline]] static uintptr_t dispatch_generally(uintptr_t a, uintptr_t b, uintptr_t c, uintptr_t d, uintptr_t e,
                                                      uintptr_t f, uint32_t personality) {
    uint32_t os_number = personality & PERSONALITY_MASK;
    if (!kernel_ops || os_number >= PERSONALITY_COUNT) return (uintptr_t)-ENOSYS;
    const struct os *os = os_list[os_number];
    struct user_frame *frame = os->index || os->encode ? current_frame() : nullptr;
    const struct call call = {
        .os = os,
        .number = os->index ? os->index(a, frame) : (uint32_t)a,
        .personality = personality,
        .arguments = {b, c, d, e, f},
    };
    intptr_t answer;
    if (unlikely(personality & PERSONALITY_FILTERED) && os->filter && os->filter(&call, &answer))
        return (uintptr_t)answer;
    bool stops = unlikely(personality & PERSONALITY_STOPS) && !os->encode;
    if (stops) stop_at_call(0, -ENOSYS);
    intptr_t result = personality & PERSONALITY_TRACED ? trace_call(&call) : call_perform(&call);
    if (stops && !is_special(result)) return stop_at_call(1, result);
    if (stops && result == -KERNEL_EKEEP_FRAME) kernel_ops->trace_call(1);
    if (stops && result != -KERNEL_EKEEP_FRAME) stop_at_call(1, result);
    return is_special(result) ? dispatch_special(os, result) : encode(os, result, frame);
}

uintptr_t personality_syscall(uintptr_t a, uintptr_t b, uintptr_t c, uintptr_t d, uintptr_t e, uintptr_t f,
                              uint32_t personality) {
    if (likely(personality < PERSONALITY_COUNT)) {
        const struct short_way *way = &short_ways[personality];
        uint32_t number = (uint32_t)a;
        syscall_shim *handler = likely(number < way->count) ? way->handlers[number] : nullptr;
        if (likely(handler)) {
            intptr_t result = handler(b, c, d, e, f);
            return likely(!is_special(result)) ? (uintptr_t)result : dispatch_special(nullptr, result);
        }
    }
    [[clang::musttail]] return dispatch_generally(a, b, c, d, e, f, personality);
}
