// The command line of the host command.
// sources: tools/helctic/options.c tools/helctic/text.c
// flags: -D_GNU_SOURCE -lm
#include "tools/helctic/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct options options;

#define PARSE(...)                                                                                                     \
    parse((char *[]){"helctic", __VA_ARGS__, nullptr}, sizeof((char *[]){"helctic", __VA_ARGS__}) / sizeof(char *))

static int parse(char **arguments, size_t count) {
    options_free(&options);
    return options_parse((int)count, arguments, &options);
}

static void defaults(void **) {
    assert_int_equal(PARSE("run", "/bin/true"), 0);
    assert_int_equal(options.command, COMMAND_RUN);
    assert_int_equal(options.cpus, 1);
    assert_int_equal(options.memory_mib, 512);
    assert_int_equal(options.machine, MACHINE_Q35);
    assert_string_equal(options.root, "");
    assert_int_equal(options.argument_count, 1);
    assert_false(options.trace || options.strict || options.verbose || options.trace_summary);
}

static void options_end_at_the_program(void **) {
    assert_int_equal(PARSE("run", "--smp", "4", "ls", "--trace", "-l"), 0);
    assert_int_equal(options.cpus, 4);
    assert_false(options.trace);
    assert_int_equal(options.argument_count, 3);
    assert_string_equal(options.arguments[1], "--trace");
    assert_int_equal(PARSE("run", "--", "--odd-name"), 0);
    assert_string_equal(options.arguments[0], "--odd-name");
}

static void every_option(void **) {
    assert_int_equal(PARSE("run", "--trace=out.txt", "--trace-summary", "--strict", "--smp=2", "--memory=1G", "--env",
                           "A=b", "--env=HOME", "--workdir", "/x", "--volume", "/h:/g", "--timeout", "2.5", "--append",
                           "a b", "--kernel=k", "--verbose", "--root=/r", "--personality", "freebsd", "--machine",
                           "microvm", "p"),
                     0);
    assert_string_equal(options.trace_file, "out.txt");
    assert_true(options.trace && options.trace_summary && options.strict && options.verbose);
    assert_int_equal(options.cpus, 2);
    assert_int_equal(options.memory_mib, 1024);
    assert_int_equal(options.env.count, 2);
    assert_string_equal(options.env.items[0], "A=b");
    assert_string_equal(options.workdir, "/x");
    assert_string_equal(options.volumes.items[0], "/h:/g");
    assert_true(options.timeout == 2.5);
    assert_string_equal(options.append.items[0], "a b");
    assert_string_equal(options.kernel, "k");
    assert_string_equal(options.root, "/r");
    assert_string_equal(options.personality, "freebsd");
    assert_int_equal(options.machine, MACHINE_MICROVM);
    assert_string_equal(options.arguments[0], "p");
}

static void memory_sizes(void **) {
    static const struct {
        char *text;
        unsigned mib; // 0: refused
    } cases[] = {{"256", 256},     {"256M", 256}, {"256MiB", 256}, {"2g", 2048},
                 {"262144K", 256}, {"8", 0},      {"-512", 0},     {"", 0},
                 {"M", 0},         {"512X", 0},   {"512MM", 0},    {"99999999999999999999", 0},
                 {"4096G", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int result = PARSE("run", "--memory", cases[i].text, "p");
        assert_int_equal(result, cases[i].mib ? 0 : EXIT_MACHINE_FAILED);
        if (cases[i].mib) assert_int_equal(options.memory_mib, cases[i].mib);
    }
}

static void wrong_usage_is_refused(void **) {
    assert_int_equal(PARSE("walk"), EXIT_MACHINE_FAILED);
    assert_int_equal(PARSE("run"), EXIT_MACHINE_FAILED);
    assert_int_equal(PARSE("run", "--unknown", "p"), EXIT_MACHINE_FAILED);
    assert_int_equal(PARSE("run", "-x", "p"), EXIT_MACHINE_FAILED);
    assert_int_equal(PARSE("run", "--smp"), EXIT_MACHINE_FAILED);
    assert_int_equal(PARSE("run", "--smp", "0", "p"), EXIT_MACHINE_FAILED);
    assert_int_equal(PARSE("run", "--smp", "65", "p"), EXIT_MACHINE_FAILED);
    assert_int_equal(PARSE("run", "--smp", "-1", "p"), EXIT_MACHINE_FAILED);
    assert_int_equal(PARSE("run", "--strict=1", "p"), EXIT_MACHINE_FAILED);
    assert_int_equal(PARSE("run", "--timeout", "soon", "p"), EXIT_MACHINE_FAILED);
    assert_int_equal(PARSE("run", "--timeout", "nan", "p"), EXIT_MACHINE_FAILED);
    assert_int_equal(PARSE("run", "--timeout", "0", "p"), EXIT_MACHINE_FAILED);
    assert_int_equal(PARSE("run", "--workdir", "x", "p"), EXIT_MACHINE_FAILED);
    assert_int_equal(PARSE("run", "--personality", "plan9", "p"), EXIT_MACHINE_FAILED);
    assert_int_equal(PARSE("run", "--machine", "pc", "p"), EXIT_MACHINE_FAILED);
    assert_int_equal(PARSE("run", "--env", "=x", "p"), EXIT_MACHINE_FAILED);
    options_free(&options);
}

static void other_commands(void **) {
    assert_int_equal(PARSE("--help"), 0);
    assert_int_equal(options.command, COMMAND_HELP);
    assert_int_equal(PARSE("run", "--help"), 0);
    assert_int_equal(options.command, COMMAND_HELP);
    assert_int_equal(PARSE("--version"), 0);
    assert_int_equal(options.command, COMMAND_VERSION);
    assert_int_equal(PARSE("shell", "--smp", "2"), 0);
    assert_int_equal(options.command, COMMAND_SHELL);
    assert_int_equal(options.argument_count, 0);
    options_free(&options);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),     cmocka_unit_test(options_end_at_the_program), cmocka_unit_test(every_option),
        cmocka_unit_test(memory_sizes), cmocka_unit_test(wrong_usage_is_refused),     cmocka_unit_test(other_commands),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
