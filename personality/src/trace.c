#include "personality/src/trace.h"

#include "lib/string.h"
#include "personality/src/trace_print.h"

constexpr size_t ARGUMENT_TEXT_SIZE = 160;
constexpr size_t LINE_SIZE = 1400;
constexpr unsigned ARGUMENTS_MAXIMUM = 6;

// In memory of the allocate op: too much for a kernel stack that the call needs too.
struct trace {
    uintptr_t words[ARGUMENTS_MAXIMUM];
    unsigned count;
    const struct syscall_description *description; // nullptr: unknown call
    char arguments[ARGUMENTS_MAXIMUM][ARGUMENT_TEXT_SIZE];
    char line[LINE_SIZE];
};

static bool does_not_return(const struct trace *trace) {
    return trace->description && trace->description->kinds[0] == KIND_EXIT_CODE;
}

static void trace_prepare(struct trace *trace, const struct call *call) {
    const struct syscall_table *table = call->os->table;
    memcpy(trace->words, call->arguments, sizeof(call->arguments));
    trace->count = ARGUMENTS_MAXIMUM - 1;
    if (!table || call->number >= table->count || !table->descriptions[call->number].name) return;
    trace->description = &table->descriptions[call->number];
    for (trace->count = 0; trace->count < ARGUMENTS_MAXIMUM && trace->description->kinds[trace->count]; trace->count++)
        ;
    if (trace->count == ARGUMENTS_MAXIMUM) trace->words[ARGUMENTS_MAXIMUM - 1] = sixth_argument();
}

// Prints the arguments that are due before or after the call.
static void print_arguments(struct trace *trace, bool after, intptr_t result) {
    for (unsigned i = 0; i < trace->count; i++) {
        const struct trace_kind *kind = &trace_kinds[trace->description ? trace->description->kinds[i] : KIND_HEX];
        if (kind->after != after) continue;
        struct trace_text text = {trace->arguments[i], ARGUMENT_TEXT_SIZE, 0};
        kind->print(&text, &(struct traced_argument){&trace->words[i], trace->count - i, result});
    }
}

static void print_result(struct trace_text *line, const struct call *call, intptr_t result) {
    static const struct {
        int32_t error;
        const char *text;
    } internals[] = {
        {KERNEL_ERESTART, "? (interrupted, to be restarted)"},
        {KERNEL_ERESTART_NO_HANDLER, "? (interrupted, to be restarted without a handler)"},
        {KERNEL_ERESTART_WITH, "? (interrupted, to be continued)"},
        {KERNEL_EKEEP_FRAME, "0"},
    };
    for (size_t i = 0; i < array_size(internals); i++) {
        if (result != -internals[i].error) continue;
        trace_append(line, "%s", internals[i].text);
        return;
    }
    if (result < 0 && result >= -4095) {
        const char *name = call->os->errno_name ? call->os->errno_name((int32_t)-result) : nullptr;
        trace_append(line, "-1 %s (%s)", name ? name : trace_errno_name((int32_t)-result),
                     trace_errno_text((int32_t)-result));
    } else if (result > 0xffff || result < 0) {
        trace_append(line, "%#lx", (unsigned long)result);
    } else {
        trace_append(line, "%ld", (long)result);
    }
}

static void write_line(struct trace *trace, const struct call *call, bool returned, intptr_t result) {
    struct trace_text line = {trace->line, LINE_SIZE - 1, 0};
    trace_append(&line, "%d ", kernel_ops->get_tid());
    if (trace->description)
        trace_append(&line, "%s(", trace->description->name);
    else
        trace_append(&line, "%s_%u(", "syscall", call->number);
    for (unsigned i = 0; i < trace->count; i++)
        trace_append(&line, "%s%s", i ? ", " : "", trace->arguments[i]);
    trace_append(&line, ") = ");
    if (returned)
        print_result(&line, call, result);
    else
        trace_append(&line, "?");
    trace->line[line.length++] = '\n';
    kernel_ops->trace_write(trace->line, line.length);
}

intptr_t trace_call(const struct call *call) {
    void *memory;
    if (kernel_ops->allocate(sizeof(struct trace), &memory) < 0) return call_perform(call);
    struct trace *trace = memory;
    trace_prepare(trace, call);
    print_arguments(trace, false, 0);
    if (does_not_return(trace)) {
        write_line(trace, call, false, 0);
        kernel_ops->release(trace);
        return call_perform(call);
    }
    intptr_t result = call_perform(call);
    print_arguments(trace, true, result);
    write_line(trace, call, true, result);
    kernel_ops->release(trace);
    return result;
}
