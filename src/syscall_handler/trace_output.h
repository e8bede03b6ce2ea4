// Where the tracer's lines go: the port that the host command opened for them, else the console. With
// `helctic.trace_summary` they are counted, and a table is written at the end.
#pragma once

#include <stddef.h>

// In process 1 before it runs: opens the port when calls are traced. May sleep.
void trace_output_open(void);
// One whole line. May sleep.
void trace_output_write(const char *line, size_t length);
// Before power-off: writes the summary and waits until the host has taken everything. May sleep.
void trace_output_finish(void);
