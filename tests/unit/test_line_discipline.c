// sources: src/scheme/line_discipline.c
// The line discipline against what a Linux terminal does with the same bytes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "src/scheme/line_discipline.h"

size_t strlen(const char *s);

static struct line_discipline line;
static char echoed[LINE_OUTPUT_SIZE + 1];

static int setup(void **) {
    line_init(&line);
    return 0;
}

static uint32_t type(const char *text) {
    uint32_t signal = 0;
    for (size_t i = 0; i < strlen(text); i++) {
        uint32_t sent = line_input(&line, text[i]);
        signal = sent ? sent : signal;
    }
    return signal;
}

static const char *output(void) {
    size_t length = 0;
    const char *bytes;
    uint32_t size;
    while ((size = line_output_peek(&line, &bytes)) > 0) {
        for (uint32_t i = 0; i < size; i++)
            echoed[length++] = bytes[i];
        line_output_consume(&line, size);
    }
    echoed[length] = 0;
    return echoed;
}

static const char *taken(uint32_t size) {
    static char buffer[LINE_INPUT_SIZE + 1];
    uint32_t length = line_read(&line, buffer, size);
    buffer[length] = 0;
    return buffer;
}

static void canonical_line(void **) {
    bool end_of_file;
    type("abc");
    assert_int_equal(line_readable(&line, &end_of_file), 0);
    type("\r");
    assert_string_equal(output(), "abc\r\n");
    assert_int_equal(line_readable(&line, &end_of_file), 4);
    assert_string_equal(taken(2), "ab");
    assert_string_equal(taken(100), "c\n");
    assert_int_equal(line_readable(&line, &end_of_file), 0);
}

static void one_line_at_a_time(void **) {
    type("a\nb\n");
    assert_string_equal(taken(100), "a\n");
    assert_string_equal(taken(100), "b\n");
}

static void erase_and_kill(void **) {
    type("ab\x7f");
    assert_string_equal(output(), "ab\b \b");
    type("\x15");
    assert_string_equal(output(), "\b \b");
    type("\x7f");
    assert_string_equal(output(), "");
    type("one two\x17");
    type("\n");
    assert_string_equal(taken(100), "one \n");
}

static void erase_of_wide_and_control(void **) {
    type("\xc3\xa4\x7f");
    assert_string_equal(output(), "\xc3\xa4\b \b");
    type("\x01\x7f");
    assert_string_equal(output(), "^A\b \b\b \b");
    type("\t\x7f\n");
    assert_string_equal(taken(10), "\n");
}

static void end_of_file(void **) {
    bool at_end;
    type("\x04");
    line_readable(&line, &at_end);
    assert_true(at_end);
    assert_string_equal(taken(10), "");
    line_readable(&line, &at_end);
    assert_false(at_end);
    type("xy\x04");
    assert_string_equal(taken(10), "xy");
    line_readable(&line, &at_end);
    assert_false(at_end);
    type("xy\x04");
    assert_string_equal(taken(2), "xy");
    line_readable(&line, &at_end);
    assert_false(at_end);
}

static void signals(void **) {
    assert_int_equal(type("abc\x03"), SIGINT);
    assert_string_equal(output(), "^C");
    type("\n");
    assert_string_equal(taken(10), "\n");
    assert_int_equal(type("\x1a"), SIGTSTP);
    assert_int_equal(type("\x1c"), SIGQUIT);
    struct kernel_termios raw = line.termios;
    raw.local &= ~(uint32_t)(ISIG | ICANON | ECHO);
    line_set(&line, &raw);
    assert_int_equal(type("\x03"), 0);
    assert_string_equal(taken(10), "\x03");
}

static void literal_next(void **) {
    assert_int_equal(type("\x16\x03\n"), 0);
    assert_string_equal(taken(10), "\x03\n");
}

static void raw_mode_gives_the_edited_line(void **) {
    struct kernel_termios raw = line.termios;
    raw.local &= ~(uint32_t)ICANON;
    type("abc");
    line_set(&line, &raw);
    assert_string_equal(taken(10), "abc");
}

static void flow_control(void **) {
    type("\x13");
    assert_true(line.stopped);
    type("\x11");
    assert_false(line.stopped);
    bool at_end;
    assert_int_equal(line_readable(&line, &at_end), 0);
}

static void output_processing(void **) {
    assert_int_equal(line_write(&line, "a\nb", 3), 3);
    assert_string_equal(output(), "a\r\nb");
    struct kernel_termios termios = line.termios;
    termios.output |= XTABS;
    line_set(&line, &termios);
    line_write(&line, "\tx", 2);
    assert_string_equal(output(), "       x");
}

static void full_buffers(void **) {
    for (uint32_t i = 0; i < 3 * LINE_INPUT_SIZE; i++) {
        line_input(&line, 'x');
        output();
    }
    type("\n");
    bool at_end;
    assert_int_equal(line_readable(&line, &at_end), LINE_INPUT_SIZE);
    uint32_t taken_count = 0;
    for (uint32_t i = 0; i < 3 * LINE_OUTPUT_SIZE; i++)
        taken_count += line_write(&line, "y", 1);
    assert_true(taken_count < LINE_OUTPUT_SIZE);
    assert_true(taken_count > LINE_OUTPUT_SIZE - 16);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(canonical_line, setup), cmocka_unit_test_setup(one_line_at_a_time, setup),
        cmocka_unit_test_setup(erase_and_kill, setup), cmocka_unit_test_setup(erase_of_wide_and_control, setup),
        cmocka_unit_test_setup(end_of_file, setup),    cmocka_unit_test_setup(signals, setup),
        cmocka_unit_test_setup(literal_next, setup),   cmocka_unit_test_setup(raw_mode_gives_the_edited_line, setup),
        cmocka_unit_test_setup(flow_control, setup),   cmocka_unit_test_setup(output_processing, setup),
        cmocka_unit_test_setup(full_buffers, setup),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
