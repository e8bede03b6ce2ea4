// A mock of the kernel ops for hosted tests of the personality layer. Sources: build/host/mock_ops.c tests/unit/mock.c.
//
// Every kop_NAME is weak: a test that needs another behaviour defines its own. The generated ones record the call,
// clear their out-parameters and answer mock_results[op]. User memory is an arena; every address outside is -EFAULT.
#pragma once

#include <personality.h>

struct mock_call {
    enum kernel_op_index op;
    uintptr_t arguments[10];
    int32_t result;
};

constexpr unsigned MOCK_CALLS_MAXIMUM = 512;
extern struct mock_call mock_calls[MOCK_CALLS_MAXIMUM]; // the first ones since mock_reset
extern unsigned mock_call_count;                        // may be more than are kept
extern int32_t mock_results[KERNEL_OP_COUNT];
extern const char *const mock_names[KERNEL_OP_COUNT];
extern const struct kernel_ops mock_ops;
extern struct user_frame mock_frame;
extern const struct personality_hooks *mock_hooks[PERSONALITY_COUNT];
extern char mock_log[4096], mock_trace[8192];
extern void *mock_slots[2];

// Gives the slots up through the OS's hook; then: blocks that were not released.
unsigned mock_kept(void);
// Forgets calls, results, slots, user memory and texts; checks nothing.
void mock_reset(void);
// The n-th op from now (1: the next) answers -error; 0: none does. mock_failed says whether it came to that.
void mock_fail(unsigned n, int32_t error);
extern bool mock_failed;
// Records the call; true: it must fail. *result is what to answer.
bool mock_enter(enum kernel_op_index op, const uintptr_t *arguments, unsigned count, int32_t *result);
// The n-th recorded call (from 0) of an op; nullptr: there was none.
const struct mock_call *mock_find(enum kernel_op_index op, unsigned n);

// Room in user memory, 16-byte aligned, zeroed; the address a program would use.
constexpr size_t MOCK_USER_SIZE = 1 << 17;
uintptr_t mock_user(size_t size);
uintptr_t mock_user_bytes(const void *bytes, size_t size);
uintptr_t mock_user_string(const char *text);
