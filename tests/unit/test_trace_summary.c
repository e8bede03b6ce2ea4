// sources: src/syscall_handler/trace_summary.c lib/format.c
// Counting the tracer's lines.
#include "src/syscall_handler/trace_summary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct trace_summary summary;
static char printed[4096];

static void count(const char *line) {
    trace_summary_count(&summary, line, strlen(line));
}

static void write_line(void *, const char *line, size_t length) {
    strncat(printed, line, length);
}

static void test_counts(void **) {
    summary = (struct trace_summary){};
    count("12 read(3, \"x\", 1) = 1\n");
    count("12 openat(AT_FDCWD, \"/(a) = -1 b\", O_RDONLY) = 3\n");
    count("13 openat(AT_FDCWD, \"/b\", O_RDONLY) = -1 ENOENT (No such file or directory)\n");
    count("13 readv(3, [], 0) = 0\n");
    count("no call at all\n");
    count("");
    count("12 (");
    count("12 exit_group(0) = ?\n");
    assert_int_equal(summary.used, 4);
    assert_int_equal(summary.calls, 5);
    assert_int_equal(summary.errors, 1);
    printed[0] = 0;
    trace_summary_print(&summary, write_line, nullptr);
    assert_non_null(strstr(printed, "     calls     errors  system call\n         2          1  openat\n"));
    assert_non_null(strstr(printed, "         5          1  total\n"));
}

static void test_overflow_of_names(void **) {
    summary = (struct trace_summary){};
    char line[64];
    for (unsigned i = 0; i < TRACE_NAMES_MAXIMUM + 10; i++) {
        snprintf(line, sizeof(line), "1 call%u() = 0\n", i);
        count(line);
    }
    count("1 a_name_that_is_longer_than_any_call_has() = 0\n");
    assert_int_equal(summary.used, TRACE_NAMES_MAXIMUM);
    assert_int_equal(summary.calls, TRACE_NAMES_MAXIMUM + 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_counts), cmocka_unit_test(test_overflow_of_names)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
