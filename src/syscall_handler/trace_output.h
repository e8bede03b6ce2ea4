// Where the tracer's lines go: the port that the host command opened for them, else the console. With
// `helctic.trace_summary` they are counted, and a table is written at the end.
#pragma once

#include <stddef.h>
#include <stdint.h>

// In process 1 before it runs: opens the port when calls are traced. May sleep.
void trace_output_open(void);
// One whole line. May sleep.
void trace_output_write(const char *line, size_t length);
// A line about a signal that the running thread takes: by a handler, or by the default action, which may be death.
struct kernel_siginfo;
void trace_output_signal(const struct kernel_siginfo *info, bool handled);
// The running thread dies of a signal.
void trace_output_killed(uint32_t signal);
// Before power-off: writes the summary and waits until the host has taken everything. May sleep.
void trace_output_finish(void);
