#include "src/syscall_handler/trace_summary.h"

#include "lib/format.h"
#include "lib/string.h"

// The call's name: behind the thread's number, up to the parenthesis.
static bool call_name(const char *line, size_t length, const char **name, size_t *name_length) {
    const char *space = memchr(line, ' ', length);
    if (!space) return false;
    const char *start = space + 1;
    const char *end = memchr(start, '(', length - (size_t)(start - line));
    if (!end || end == start || (size_t)(end - start) >= TRACE_NAME_SIZE) return false;
    *name = start;
    *name_length = (size_t)(end - start);
    return true;
}

// The result stands behind the last ") = ".
static bool call_failed(const char *line, size_t length) {
    static const char mark[] = ") = ", failed[] = ") = -1 ";
    for (size_t left = sizeof(mark) - 1; left <= length; left++) {
        const char *at = line + length - left;
        if (!memcmp(at, mark, sizeof(mark) - 1))
            return left >= sizeof(failed) - 1 && !memcmp(at, failed, sizeof(failed) - 1);
    }
    return false;
}

static struct trace_count *find(struct trace_summary *summary, const char *name, size_t length) {
    for (uint32_t i = 0; i < summary->used; i++) {
        struct trace_count *count = &summary->counts[i];
        if (!memcmp(count->name, name, length) && !count->name[length]) return count;
    }
    if (summary->used == TRACE_NAMES_MAXIMUM) return nullptr;
    struct trace_count *count = &summary->counts[summary->used++];
    memcpy(count->name, name, length);
    return count;
}

void trace_summary_count(struct trace_summary *summary, const char *line, size_t length) {
    const char *name;
    size_t name_length;
    if (!call_name(line, length, &name, &name_length)) return;
    struct trace_count *count = find(summary, name, name_length);
    bool failed = call_failed(line, length);
    summary->calls++;
    summary->errors += failed;
    if (!count) return;
    count->calls++;
    count->errors += failed;
}

static void sort(struct trace_summary *summary) {
    for (uint32_t i = 1; i < summary->used; i++) {
        struct trace_count moved = summary->counts[i];
        uint32_t at = i;
        for (; at && summary->counts[at - 1].calls < moved.calls; at--)
            summary->counts[at] = summary->counts[at - 1];
        summary->counts[at] = moved;
    }
}

void trace_summary_print(struct trace_summary *summary, void (*write)(void *data, const char *line, size_t length),
                         void *data) {
    char line[80];
    sort(summary);
    size_t length = format_string(line, sizeof(line), "%10s %10s  %s\n", "calls", "errors", "system call");
    write(data, line, length);
    for (uint32_t i = 0; i < summary->used; i++) {
        const struct trace_count *count = &summary->counts[i];
        length = format_string(line, sizeof(line), "%10u %10u  %s\n", count->calls, count->errors, count->name);
        write(data, line, length);
    }
    length = format_string(line, sizeof(line), "%10u %10u  total\n", summary->calls, summary->errors);
    write(data, line, length);
}
