// sources: $(MOCKED_PERSONALITY)
// Every Linux call with words that point nowhere and with each of its ops failing in turn: no crash, no memory kept,
// and an answer that Linux could give.
#include "personality/src/os.h"
#include "personality/src/shim.h"
#include "tests/unit/include/mock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int initialise(void **) {
    personality_init(&mock_ops);
    return 0;
}

static const char *name_of(uint32_t number) {
    const char *name = os_linux.table->descriptions[number].name;
    return name ? name : "?";
}

// -1 to -4095, or a result; never an internal code.
static void assert_answer(uint32_t number, intptr_t result) {
    if (result < 0 && result >= -4095 && (-result >= 512 && -result <= 530))
        fail_msg("%s answers the internal code %ld", name_of(number), (long)result);
    if (mock_kept()) fail_msg("%s keeps %u blocks", name_of(number), mock_kept());
}

static intptr_t call(uint32_t number, const uintptr_t *word, uint32_t flags) {
    mock_frame.r9 = word[5];
    mock_frame.rsp = word[5];
    return (intptr_t)personality_syscall(number, word[0], word[1], word[2], word[3], word[4],
                                         PERSONALITY_LINUX | flags);
}

static void test_hostile_words(void **) {
    static const uintptr_t words[] = {
        0, 1, 8, 0x1000, 0x1003, UINT32_MAX, INT32_MAX, INT64_MAX, UINTPTR_MAX, UINTPTR_MAX - 7, 0xffff800000000000};
    uint32_t seed = 1;
    for (uint32_t number = 0; number < os_linux.table->count; number++) {
        for (unsigned round = 0; round < 400; round++) {
            uintptr_t word[6];
            mock_reset();
            for (unsigned i = 0; i < 6; i++) {
                seed = seed * 1103515245 + 12345;
                word[i] = words[(seed >> 16) % array_size(words)];
            }
            assert_answer(number, call(number, word, round % 4 == 3 ? PERSONALITY_TRACED : 0));
        }
    }
}

// All words point to readable memory: zeroes, ones, or a string.
static void test_readable_words(void **) {
    for (uint32_t number = 0; number < os_linux.table->count; number++) {
        for (unsigned round = 0; round < 64; round++) {
            uintptr_t word[6];
            mock_reset();
            uintptr_t memory = mock_user(4096);
            memset((void *)memory, round % 3 == 0 ? 0 : round % 3 == 1 ? 1 : 0xff, 4096);
            if (round % 5 == 4) strcpy((char *)memory, "/a/b");
            for (unsigned i = 0; i < 6; i++)
                word[i] = (round >> i) & 1 ? memory + 64 * i : round % 7;
            assert_answer(number, call(number, word, round % 8 == 7 ? PERSONALITY_TRACED : 0));
        }
    }
}

static void test_every_op_fails(void **) {
    for (uint32_t number = 0; number < os_linux.table->count; number++) {
        for (unsigned variant = 0; variant < 2; variant++) {
            for (unsigned n = 1; n < 200; n++) {
                mock_reset();
                uintptr_t memory = mock_user(4096);
                if (variant) strcpy((char *)memory, "/name");
                mock_fail(n, ENOMEM);
                const uintptr_t word[6] = {memory, memory, memory, memory, memory, memory},
                                small[6] = {3, memory, 8, memory, 0, memory};
                assert_answer(number, call(number, variant ? word : small, 0));
                if (!mock_failed) break;
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hostile_words),
        cmocka_unit_test(test_readable_words),
        cmocka_unit_test(test_every_op_fails),
    };
    return cmocka_run_group_tests(tests, initialise, nullptr);
}
