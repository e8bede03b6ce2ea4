// The boundary has one definition, and mistakes in it do not compile: this test runs the compiler on changed copies of
// the lists, from the repository's top.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include <cmocka.h>

#define FOLDER "build/host/ops_list"

static char *file_read(const char *path) {
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *text = calloc(1, 1 << 20);
    size_t size = fread(text, 1, (1 << 20) - 1, file);
    assert_true(size > 0);
    fclose(file);
    return text;
}

static void file_write(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    fclose(file);
}

// A fresh copy of the headers and the layer's sources.
static int copy(void **) {
    return system("rm -rf " FOLDER " && mkdir -p " FOLDER "/personality && cp -r lib " FOLDER
                  " && cp -r personality/include personality/src " FOLDER "/personality");
}

static bool compiles(const char *source) {
    char command[512];
    snprintf(command, sizeof command,
             "cd " FOLDER " && clang-19 -std=c23 -Wall -Wextra -Werror -fsyntax-only -I. -Ipersonality/include "
             "-Ipersonality/include/x86_64 -Ipersonality/src/linux/x86_64 %s >compiler.log 2>&1",
             source);
    return system(command) == 0;
}

// Swaps the first line that starts with each of two texts.
static void swap_lines(const char *path, const char *first, const char *second) {
    char *text = file_read(path), *changed = calloc(1, 1 << 20);
    char *a = strstr(text, first), *b = strstr(text, second);
    assert_true(a && b && a < b);
    size_t a_size = strcspn(a, "\n") + 1, b_size = strcspn(b, "\n") + 1;
    sprintf(changed, "%.*s%.*s%.*s%.*s%s", (int)(a - text), text, (int)b_size, b, (int)(b - a - (long)a_size),
            a + a_size, (int)a_size, a, b + b_size);
    file_write(path, changed);
    free(text);
    free(changed);
}

static void replace(const char *path, const char *from, const char *to) {
    char *text = file_read(path), *changed = calloc(1, 1 << 20), *at = strstr(text, from);
    assert_non_null(at);
    sprintf(changed, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    file_write(path, changed);
    free(text);
    free(changed);
}

static const char list[] = FOLDER "/personality/include/kernel_ops.def";
static const char native[] = "personality/src/native/table.c", linux_table[] = "personality/src/linux/table.c";

static void test_unchanged(void **) {
    assert_true(compiles(native));
    assert_true(compiles(linux_table));
}

static void test_swapped_ops(void **) {
    swap_lines(list, "KERNEL_OP(open,", "KERNEL_OP(stat,");
    assert_false(compiles(native));
}

// The types can't tell these two apart; the pinned numbers do.
static void test_swapped_ops_of_one_type(void **) {
    swap_lines(list, "KERNEL_OP(set_uid,", "KERNEL_OP(set_gid,");
    assert_false(compiles(native));
}

static void test_changed_signature(void **) {
    replace(list, "KERNEL_OP(umask, ATOMIC, (uint32_t mask))", "KERNEL_OP(umask, ATOMIC, (uint64_t mask))");
    assert_false(compiles(native));
}

static void test_wrong_core_signature(void **) {
    file_write(FOLDER "/core.c",
               "#include <personality.h>\nint32_t kop_close(int64_t descriptor) { return (int32_t)descriptor; }\n");
    assert_false(compiles("core.c"));
    file_write(FOLDER "/core.c",
               "#include <personality.h>\nint32_t kop_close(int32_t descriptor) { return (int32_t)descriptor; }\n");
    assert_true(compiles("core.c"));
}

static void test_duplicate_number(void **) {
    replace(FOLDER "/personality/src/linux/x86_64/linux.tbl", "SYSCALL(1, write,", "SYSCALL(0, write,");
    assert_false(compiles(linux_table));
}

static void test_dereferenced_user_address(void **) {
    file_write(FOLDER "/shim.c", "#include \"personality/src/shim.h\"\nint f(struct user_address a);\n"
                                 "int f(struct user_address a) { return *(int *)a; }\n");
    assert_false(compiles("shim.c"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_unchanged, copy),
        cmocka_unit_test_setup(test_swapped_ops, copy),
        cmocka_unit_test_setup(test_swapped_ops_of_one_type, copy),
        cmocka_unit_test_setup(test_changed_signature, copy),
        cmocka_unit_test_setup(test_wrong_core_signature, copy),
        cmocka_unit_test_setup(test_duplicate_number, copy),
        cmocka_unit_test_setup(test_dereferenced_user_address, copy),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
