#pragma once
// Small text helpers of /init; no libc here.
#include <stddef.h>

[[nodiscard]] size_t text_length(const char *text);
[[nodiscard]] bool text_equal(const char *a, const char *b);

// The rest of `text` after `prefix`, or null.
[[nodiscard]] const char *text_after(const char *text, const char *prefix);

// Reads a decimal number and moves the cursor behind it and the blanks that follow. -1 when there is none.
[[nodiscard]] int text_number(const char **cursor);

// A line being built; what does not fit is cut.
struct line {
    char text[512];
    size_t used;
};

void line_add(struct line *line, const char *text);
void line_add_number(struct line *line, int value);
