// Counts traced calls by name, from the tracer's lines. Pure; the caller locks.
#pragma once

#include <stddef.h>
#include <stdint.h>

constexpr size_t TRACE_NAMES_MAXIMUM = 512;
constexpr size_t TRACE_NAME_SIZE = 28;

struct trace_count {
    char name[TRACE_NAME_SIZE];
    uint32_t calls, errors;
};
struct trace_summary {
    uint32_t used;
    uint32_t calls, errors; // of all
    struct trace_count counts[TRACE_NAMES_MAXIMUM];
};

// line: "12 openat(…) = -1 ENOENT (…)\n". Other lines are ignored.
void trace_summary_count(struct trace_summary *summary, const char *line, size_t length);
// The table, most frequent first, line by line. Sorts the counts.
void trace_summary_print(struct trace_summary *summary, void (*write)(void *data, const char *line, size_t length),
                         void *data);
