// sources: $(MOCKED_PERSONALITY)
// Sequences of Linux calls chosen by the fuzzer, on the mock of the ops. Input: per call two bytes of number, a byte of
// flags, six bytes that choose the words, then data for the program's memory.
#include "personality/src/os.h"
#include "tests/unit/include/mock.h"

#include <stdlib.h>
#include <string.h>

constexpr size_t CALL_SIZE = 9, MEMORY_SIZE = 8192;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// A lock that nobody gives up is waited for a few times, then a signal comes.
static unsigned waits;
int32_t kop_futex_wait(struct user_address, uint32_t, uint32_t, nanoseconds, uint32_t) {
    return ++waits > 8 ? -KERNEL_ERESTART : 0;
}

static uintptr_t word(uint8_t choice, uintptr_t memory) {
    static const uintptr_t numbers[] = {0, 1, 2, 3, 8, 16, 4096, UINTPTR_MAX, INT64_MAX, INT32_MAX, UINT32_MAX, 0x1000};
    if (choice < 128) return memory + choice * 64;
    if (choice < 128 + array_size(numbers)) return numbers[choice - 128];
    return choice;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static bool initialised;
    if (!initialised) personality_init(&mock_ops);
    initialised = true;
    mock_reset();
    waits = 0;
    uintptr_t memory = mock_user(MEMORY_SIZE);
    unsigned calls = size ? data[0] % 4 + 1 : 0;
    if (size < 1 + calls * CALL_SIZE) return 0;
    const uint8_t *call = data + 1, *bytes = call + calls * CALL_SIZE;
    for (; calls; calls--, call += CALL_SIZE) {
        size_t left = (size_t)(data + size - bytes);
        memcpy((void *)memory, bytes, left < MEMORY_SIZE ? left : MEMORY_SIZE);
        if (call[2] & 0x70) mock_fail((call[2] >> 4) & 7, ENOMEM);
        mock_frame.r9 = mock_frame.rsp = word(call[8], memory);
        personality_syscall(call[0] | call[1] << 8, word(call[3], memory), word(call[4], memory), word(call[5], memory),
                            word(call[6], memory), word(call[7], memory),
                            PERSONALITY_LINUX | (call[2] & 1 ? PERSONALITY_TRACED : 0));
    }
    mock_fail(0, 0);
    if (mock_kept()) abort();
    return 0;
}
