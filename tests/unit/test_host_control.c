// The control protocol's reader.
// sources: tools/helctic/control.c
#include "tools/helctic/control.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct control_message feed(const char *text) {
    struct control_reader reader = {};
    struct control_message message;
    size_t size = strlen(text);
    control_feed(&reader, &text, &size, &message);
    return message;
}

static void each_message(void **) {
    assert_int_equal(feed("ready\n").kind, CONTROL_READY);
    struct control_message message = feed("exit 42\n");
    assert_int_equal(message.kind, CONTROL_EXIT);
    assert_int_equal(message.value, 42);
    message = feed("killed 11 core\n");
    assert_int_equal(message.kind, CONTROL_KILLED);
    assert_int_equal(message.value, 11);
    assert_true(message.core);
    message = feed("killed 2\n");
    assert_int_equal(message.value, 2);
    assert_false(message.core);
    message = feed("failed 127 /bin/x: not found\n");
    assert_int_equal(message.kind, CONTROL_FAILED);
    assert_int_equal(message.value, 127);
    assert_string_equal(message.text, "/bin/x: not found");
}

static void nonsense_is_unknown(void **) {
    static const char *const lines[] = {"exit\n",       "exit 256\n", "exit x\n",     "exit 1 2\n",
                                        "exit -1\n",    "killed 0\n", "killed 128\n", "killed 9 cor\n",
                                        "failed 1 x\n", "READY\n",    "\n",           "ready \n"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        assert_int_equal(feed(lines[i]).kind, CONTROL_UNKNOWN);
}

static void lines_arrive_in_pieces(void **) {
    struct control_reader reader = {};
    struct control_message message;
    const char *text = "exit 7\nready\n";
    for (size_t i = 0; i < 6; i++) {
        size_t one = 1;
        control_feed(&reader, &text, &one, &message);
        assert_int_equal(message.kind, CONTROL_NONE);
    }
    size_t left = strlen(text);
    control_feed(&reader, &text, &left, &message);
    assert_int_equal(message.kind, CONTROL_EXIT);
    assert_int_equal(left, 6);
    control_feed(&reader, &text, &left, &message);
    assert_int_equal(message.kind, CONTROL_READY);
    assert_int_equal(left, 0);
}

static void a_flood_is_cut(void **) {
    static char flood[100'000];
    memset(flood, 'x', sizeof flood);
    flood[sizeof flood - 1] = '\n';
    struct control_reader reader = {};
    struct control_message message;
    const char *data = flood;
    size_t size = sizeof flood;
    control_feed(&reader, &data, &size, &message);
    assert_int_equal(message.kind, CONTROL_UNKNOWN);
    assert_int_equal(strlen(message.text), CONTROL_LINE_MAX - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_message),
        cmocka_unit_test(nonsense_is_unknown),
        cmocka_unit_test(lines_arrive_in_pieces),
        cmocka_unit_test(a_flood_is_cut),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
