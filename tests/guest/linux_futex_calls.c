// Every command of futex, futex_waitv, robust lists.
#include "raw_call.h"

#include <linux/futex.h>
#include <stddef.h>
#include <sys/mman.h>

#define FUTEX_WAITV_NUMBER 449 // newer than some headers

static volatile uint32_t *words; // shared with children

static long futex(volatile uint32_t *word, int operation, uint32_t value, const void *timeout,
                  volatile uint32_t *second, uint32_t third) {
    return syscall(SYS_futex, word, operation, value, timeout, second, third);
}

// A child that waits on a word; its exit status is 0 when it was woken, else the error.
static pid_t waiter(volatile uint32_t *word, int operation, uint32_t value, uint32_t bits) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        long result = futex(word, operation, value, nullptr, nullptr, bits);
        _exit(result == 0 ? 0 : errno);
    }
    sleep_milliseconds(30);
    return child;
}

static int ended(pid_t child) {
    int status;
    waitpid(child, &status, 0);
    return WEXITSTATUS(status);
}

static int still_waits(pid_t child) {
    int status;
    return waitpid(child, &status, WNOHANG) == 0;
}

static void no_action(int) {
}

static void test_wait(void) {
    struct timespec moment = {0, 20000000}, bad = {0, 1000000000}, negative = {-1, 0}, absolute;
    words[0] = 5;
    FAILS("futex: FUTEX_WAIT EAGAIN for another value", EAGAIN, futex(words, FUTEX_WAIT, 4, nullptr, nullptr, 0));
    FAILS("futex: FUTEX_WAIT EFAULT", EFAULT, futex(nowhere, FUTEX_WAIT, 4, nullptr, nullptr, 0));
    FAILS("futex: FUTEX_WAIT EINVAL for an odd address", EINVAL,
          futex((void *)((char *)words + 1), FUTEX_WAIT, 4, nullptr, nullptr, 0));
    FAILS("futex: FUTEX_WAIT EFAULT for the time", EFAULT, futex(words, FUTEX_WAIT, 5, nowhere, nullptr, 0));
    FAILS("futex: FUTEX_WAIT EINVAL for nanoseconds", EINVAL, futex(words, FUTEX_WAIT, 5, &bad, nullptr, 0));
    FAILS("futex: FUTEX_WAIT EINVAL for a negative time", EINVAL, futex(words, FUTEX_WAIT, 5, &negative, nullptr, 0));
    long before = milliseconds_now();
    FAILS("futex: FUTEX_WAIT ETIMEDOUT", ETIMEDOUT, futex(words, FUTEX_WAIT, 5, &moment, nullptr, 0));
    HOLDS("futex: FUTEX_WAIT waited", milliseconds_now() - before >= 19);
    FAILS("futex: FUTEX_WAIT_BITSET EINVAL for no bits", EINVAL,
          futex(words, FUTEX_WAIT_BITSET, 5, nullptr, nullptr, 0));
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &absolute);
    FAILS("futex: FUTEX_WAIT_BITSET ETIMEDOUT for a passed time", ETIMEDOUT,
          futex(words, FUTEX_WAIT_BITSET, 5, &absolute, nullptr, ~0U));
    syscall(SYS_clock_gettime, CLOCK_REALTIME, &absolute);
    absolute.tv_nsec += 10000000;
    if (absolute.tv_nsec >= 1000000000) {
        absolute.tv_nsec -= 1000000000;
        absolute.tv_sec++;
    }
    FAILS("futex: FUTEX_CLOCK_REALTIME ETIMEDOUT", ETIMEDOUT,
          futex(words, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 5, &absolute, nullptr, ~0U));
    FAILS("futex: ENOSYS for a command", ENOSYS, futex(words, 77, 0, nullptr, nullptr, 0));
    FAILS("futex: ENOSYS for FUTEX_CLOCK_REALTIME with FUTEX_WAKE", ENOSYS,
          futex(words, FUTEX_WAKE | FUTEX_CLOCK_REALTIME, 1, nullptr, nullptr, 0));
    struct sigaction action = {.sa_handler = no_action};
    sigaction(SIGALRM, &action, nullptr);
    ualarm(20000, 0);
    FAILS("futex: FUTEX_WAIT EINTR", EINTR, futex(words, FUTEX_WAIT, 5, nullptr, nullptr, 0));
}

static void test_wake(void) {
    ANSWERS("futex: FUTEX_WAKE nobody", 0, futex(words, FUTEX_WAKE, 1, nullptr, nullptr, 0));
    FAILS("futex: FUTEX_WAKE EINVAL for an odd address", EINVAL,
          futex((void *)((char *)words + 2), FUTEX_WAKE, 1, nullptr, nullptr, 0));
    FAILS("futex: FUTEX_WAKE EFAULT", EFAULT, futex(nowhere, FUTEX_WAKE, 1, nullptr, nullptr, 0));
    FAILS("futex: FUTEX_WAKE_BITSET EINVAL for no bits", EINVAL,
          futex(words, FUTEX_WAKE_BITSET, 1, nullptr, nullptr, 0));
    pid_t first = waiter(words, FUTEX_WAIT, 5, 0), second = waiter(words, FUTEX_WAIT, 5, 0);
    ANSWERS("futex: FUTEX_WAKE one", 1, futex(words, FUTEX_WAKE, 1, nullptr, nullptr, 0));
    ANSWERS("futex: FUTEX_WAKE the other", 1, futex(words, FUTEX_WAKE, 10, nullptr, nullptr, 0));
    ANSWERS("futex: both were woken", 0, ended(first) + ended(second));
    first = waiter(words, FUTEX_WAIT_BITSET, 5, 2);
    ANSWERS("futex: FUTEX_WAKE_BITSET other bits", 0, futex(words, FUTEX_WAKE_BITSET, 1, nullptr, nullptr, 5));
    ANSWERS("futex: FUTEX_WAKE_BITSET its bit", 1, futex(words, FUTEX_WAKE_BITSET, 1, nullptr, nullptr, 6));
    ended(first);
    first = waiter(words, FUTEX_WAIT_PRIVATE, 5, 0);
    ANSWERS("futex: private in another process", 0, futex(words, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0));
    end_child(first);
}

static void test_requeue(void) {
    words[0] = words[1] = 5;
    FAILS("futex: FUTEX_CMP_REQUEUE EAGAIN", EAGAIN, futex(words, FUTEX_CMP_REQUEUE, 1, (void *)1, words + 1, 4));
    FAILS("futex: FUTEX_REQUEUE EINVAL for a negative count", EINVAL,
          futex(words, FUTEX_REQUEUE, -1U, (void *)1, words + 1, 0));
    FAILS("futex: FUTEX_REQUEUE EFAULT", EFAULT, futex(words, FUTEX_CMP_REQUEUE, 1, (void *)1, nowhere, 5));
    pid_t children[3];
    for (int i = 0; i < 3; i++)
        children[i] = waiter(words, FUTEX_WAIT, 5, 0);
    ANSWERS("futex: FUTEX_CMP_REQUEUE wakes one, moves one", 2,
            futex(words, FUTEX_CMP_REQUEUE, 1, (void *)1, words + 1, 5));
    ANSWERS("futex: one is still there", 1, futex(words, FUTEX_WAKE, 10, nullptr, nullptr, 0));
    ANSWERS("futex: one was moved", 1, futex(words + 1, FUTEX_WAKE, 10, nullptr, nullptr, 0));
    int sum = 0;
    for (int i = 0; i < 3; i++)
        sum += ended(children[i]);
    ANSWERS("futex: all three were woken", 0, sum);
    children[0] = waiter(words, FUTEX_WAIT, 5, 0);
    ANSWERS("futex: FUTEX_REQUEUE wakes", 1, futex(words, FUTEX_REQUEUE, 1, (void *)1, words + 1, 0));
    ended(children[0]);
}

static void test_wake_operation(void) {
    words[0] = 5;
    words[1] = 7;
    pid_t first = waiter(words, FUTEX_WAIT, 5, 0), second = waiter(words + 1, FUTEX_WAIT, 7, 0);
    ANSWERS("futex: FUTEX_WAKE_OP wakes both", 2,
            futex(words, FUTEX_WAKE_OP, 1, (void *)1, words + 1, FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_EQ, 7)));
    HOLDS("futex: FUTEX_WAKE_OP adds", words[1] == 10);
    ANSWERS("futex: both ended", 0, ended(first) + ended(second));
    second = waiter(words + 1, FUTEX_WAIT, 10, 0);
    ANSWERS("futex: FUTEX_WAKE_OP compares", 0,
            futex(words, FUTEX_WAKE_OP, 1, (void *)1, words + 1, FUTEX_OP(FUTEX_OP_OR, 5, FUTEX_OP_CMP_LT, 7)));
    HOLDS("futex: FUTEX_WAKE_OP ors", words[1] == 15);
    futex(words, FUTEX_WAKE_OP, 1, (void *)1, words + 1, FUTEX_OP(FUTEX_OP_ANDN, 1, FUTEX_OP_CMP_GE, 15));
    HOLDS("futex: FUTEX_WAKE_OP clears", words[1] == 14);
    ended(second);
    futex(words, FUTEX_WAKE_OP, 1, (void *)1, words + 1,
          FUTEX_OP(FUTEX_OP_XOR | FUTEX_OP_OPARG_SHIFT, 4, FUTEX_OP_CMP_NE, 0));
    HOLDS("futex: FUTEX_WAKE_OP flips a bit", words[1] == (14 ^ 16));
    FAILS("futex: FUTEX_WAKE_OP EFAULT", EFAULT, futex(words, FUTEX_WAKE_OP, 1, (void *)1, nowhere, 0));
    FAILS("futex: FUTEX_WAKE_OP ENOSYS for an operation", ENOSYS,
          futex(words, FUTEX_WAKE_OP, 1, (void *)1, words + 1, 7U << 28));
}

static void test_priority(void) {
    uint32_t self = (uint32_t)gettid();
    words[0] = 0;
    ANSWERS("futex: FUTEX_LOCK_PI takes", 0, futex(words, FUTEX_LOCK_PI, 0, nullptr, nullptr, 0));
    HOLDS("futex: FUTEX_LOCK_PI the owner's tid", (words[0] & FUTEX_TID_MASK) == self);
    FAILS("futex: FUTEX_LOCK_PI EDEADLK", EDEADLK, futex(words, FUTEX_LOCK_PI, 0, nullptr, nullptr, 0));
    FAILS("futex: FUTEX_TRYLOCK_PI EDEADLK", EDEADLK, futex(words, FUTEX_TRYLOCK_PI, 0, nullptr, nullptr, 0));
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        if (futex(words, FUTEX_TRYLOCK_PI, 0, nullptr, nullptr, 0) != -1 || errno != EAGAIN) _exit(1);
        if (futex(words, FUTEX_UNLOCK_PI, 0, nullptr, nullptr, 0) != -1 || errno != EPERM) _exit(2);
        if (futex(words, FUTEX_LOCK_PI, 0, nullptr, nullptr, 0) != 0) _exit(3);
        if ((words[0] & FUTEX_TID_MASK) != (uint32_t)gettid()) _exit(4);
        _exit(futex(words, FUTEX_UNLOCK_PI, 0, nullptr, nullptr, 0) == 0 ? 0 : 5);
    }
    sleep_milliseconds(40);
    HOLDS("futex: FUTEX_LOCK_PI sets the waiters' bit", (words[0] & FUTEX_WAITERS) != 0 && still_waits(child));
    ANSWERS("futex: FUTEX_UNLOCK_PI", 0, futex(words, FUTEX_UNLOCK_PI, 0, nullptr, nullptr, 0));
    ANSWERS("futex: the waiter took it over", 0, ended(child));
    FAILS("futex: FUTEX_UNLOCK_PI EPERM", EPERM, futex(words, FUTEX_UNLOCK_PI, 0, nullptr, nullptr, 0));
    words[0] = 4000000;
    FAILS("futex: FUTEX_LOCK_PI ESRCH", ESRCH, futex(words, FUTEX_LOCK_PI, 0, nullptr, nullptr, 0));
    FAILS("futex: FUTEX_LOCK_PI EFAULT", EFAULT, futex(nowhere, FUTEX_LOCK_PI, 0, nullptr, nullptr, 0));
    FAILS("futex: FUTEX_CMP_REQUEUE_PI EINVAL for a count", EINVAL,
          futex(words, FUTEX_CMP_REQUEUE_PI, 2, (void *)1, words + 1, 0));
    FAILS("futex: FUTEX_WAIT_REQUEUE_PI EINVAL for the same word", EINVAL,
          futex(words, FUTEX_WAIT_REQUEUE_PI, 0, nullptr, words, 0));
    words[0] = 0;
    struct timespec now;
    fflush(stdout);
    child = fork();
    if (child == 0) {
        futex(words, FUTEX_LOCK_PI, 0, nullptr, nullptr, 0);
        sleep_milliseconds(200);
        _exit(0);
    }
    sleep_milliseconds(30);
    syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
    FAILS("futex: FUTEX_LOCK_PI ETIMEDOUT", ETIMEDOUT, futex(words, FUTEX_LOCK_PI, 0, &now, nullptr, 0));
    ended(child);
}

static void test_vector(void) {
    struct waiter {
        uint64_t value, address;
        uint32_t flags, reserved;
    } waiters[2] = {{5, (uintptr_t)words, 2, 0}, {7, (uintptr_t)(words + 1), 2, 0}};
    struct timespec now;
    words[0] = 5;
    words[1] = 7;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
    FAILS("futex_waitv: ETIMEDOUT", ETIMEDOUT, syscall(FUTEX_WAITV_NUMBER, waiters, 2, 0, &now, CLOCK_MONOTONIC));
    FAILS("futex_waitv: EINVAL for flags", EINVAL, syscall(FUTEX_WAITV_NUMBER, waiters, 2, 1, &now, CLOCK_MONOTONIC));
    FAILS("futex_waitv: EINVAL for none", EINVAL, syscall(FUTEX_WAITV_NUMBER, waiters, 0, 0, &now, CLOCK_MONOTONIC));
    FAILS("futex_waitv: EINVAL for too many", EINVAL,
          syscall(FUTEX_WAITV_NUMBER, waiters, 129, 0, &now, CLOCK_MONOTONIC));
    FAILS("futex_waitv: EINVAL for a clock", EINVAL, syscall(FUTEX_WAITV_NUMBER, waiters, 2, 0, &now, CLOCK_BOOTTIME));
    FAILS("futex_waitv: EFAULT", EFAULT, syscall(FUTEX_WAITV_NUMBER, nowhere, 2, 0, &now, CLOCK_MONOTONIC));
    waiters[1].value = 8;
    FAILS("futex_waitv: EAGAIN", EAGAIN, syscall(FUTEX_WAITV_NUMBER, waiters, 2, 0, nullptr, CLOCK_MONOTONIC));
    waiters[1].value = 7;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) _exit((int)syscall(FUTEX_WAITV_NUMBER, waiters, 2, 0, nullptr, CLOCK_MONOTONIC));
    sleep_milliseconds(30);
    ANSWERS("futex_waitv: the second is woken", 1, futex(words + 1, FUTEX_WAKE, 1, nullptr, nullptr, 0));
    ANSWERS("futex_waitv: answers its index", 1, ended(child));
    waiters[1].reserved = 1;
    FAILS("futex_waitv: EINVAL for the reserved word", EINVAL,
          syscall(FUTEX_WAITV_NUMBER, waiters, 2, 0, nullptr, CLOCK_MONOTONIC));
    waiters[1] = (struct waiter){7, (uintptr_t)(words + 1), 64, 0};
    FAILS("futex_waitv: EINVAL for a waiter's flags", EINVAL,
          syscall(FUTEX_WAITV_NUMBER, waiters, 2, 0, nullptr, CLOCK_MONOTONIC));
}

// The calls with flags: 2 is a word of 32 bits, 128 private.
static void test_sized(void) {
    enum { WAKE = 454, WAIT = 455, REQUEUE = 456 };
    struct {
        uint64_t value, address;
        uint32_t flags, reserved;
    } pair[2] = {{5, (uintptr_t)words, 2, 0}, {7, (uintptr_t)(words + 1), 2, 0}};
    struct timespec now;
    words[0] = 5;
    words[1] = 7;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
    FAILS("futex_wait: ETIMEDOUT", ETIMEDOUT, syscall(WAIT, words, 5UL, 0xffffffffUL, 2, &now, CLOCK_MONOTONIC));
    FAILS("futex_wait: EAGAIN", EAGAIN, syscall(WAIT, words, 6UL, 0xffffffffUL, 2, nullptr, 0));
    FAILS("futex_wait: EINVAL for no bits", EINVAL, syscall(WAIT, words, 5UL, 0UL, 2, nullptr, 0));
    FAILS("futex_wait: EINVAL for flags", EINVAL, syscall(WAIT, words, 5UL, 1UL, 64, nullptr, 0));
    FAILS("futex_wait: EINVAL for a large value", EINVAL, syscall(WAIT, words, 1UL << 40, 1UL, 2, nullptr, 0));
    FAILS("futex_wait: EINVAL for a clock", EINVAL, syscall(WAIT, words, 5UL, 1UL, 2, &now, CLOCK_BOOTTIME));
    FAILS("futex_wait: EFAULT for the time", EFAULT, syscall(WAIT, words, 5UL, 1UL, 2, nowhere, CLOCK_MONOTONIC));
    ANSWERS("futex_wake: nobody", 0, syscall(WAKE, words, 0xffffffffUL, 1, 2));
    FAILS("futex_wake: EINVAL for no bits", EINVAL, syscall(WAKE, words, 0UL, 1, 2));
    FAILS("futex_wake: EINVAL for flags", EINVAL, syscall(WAKE, words, 1UL, 1, 64));
    FAILS("futex_wake: EINVAL for an odd address", EINVAL, syscall(WAKE, (char *)words + 1, 1UL, 1, 2));
    pid_t child = waiter(words, FUTEX_WAIT, 5, 0);
    ANSWERS("futex_requeue: moves", 1, syscall(REQUEUE, pair, 0, 0, 1));
    ANSWERS("futex_wake: the moved one", 1, syscall(WAKE, words + 1, 0xffffffffUL, 1, 2));
    ANSWERS("futex_wake: it ended", 0, ended(child));
    FAILS("futex_requeue: EINVAL for flags", EINVAL, syscall(REQUEUE, pair, 1, 0, 1));
    FAILS("futex_requeue: EINVAL for no pair", EINVAL, syscall(REQUEUE, nullptr, 0, 0, 1));
    FAILS("futex_requeue: EFAULT", EFAULT, syscall(REQUEUE, nowhere, 0, 0, 1));
    pair[0].value = 6;
    FAILS("futex_requeue: EAGAIN", EAGAIN, syscall(REQUEUE, pair, 0, 0, 1));
}

struct entry {
    struct entry *next;
    uint32_t word;
};

static void test_robust(void) {
    struct robust_list_head head, *got = nullptr;
    size_t size = 0;
    FAILS("set_robust_list: EINVAL", EINVAL, syscall(SYS_set_robust_list, &head, 8));
    ANSWERS("get_robust_list: own", 0, syscall(SYS_get_robust_list, 0, &got, &size));
    ANSWERS("get_robust_list: the size", sizeof head, size);
    FAILS("get_robust_list: ESRCH", ESRCH, syscall(SYS_get_robust_list, 4000000, &got, &size));
    FAILS("get_robust_list: EFAULT", EFAULT, syscall(SYS_get_robust_list, 0, nowhere, &size));
    struct entry *entries = (struct entry *)(words + 64);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        head.list.next = (void *)&entries[0];
        head.futex_offset = offsetof(struct entry, word);
        head.list_op_pending = (void *)&entries[2];
        entries[0].next = &entries[1];
        entries[1].next = (void *)&head;
        entries[0].word = (uint32_t)gettid() | FUTEX_WAITERS;
        entries[1].word = 12345;
        entries[2].word = (uint32_t)gettid();
        if (syscall(SYS_set_robust_list, &head, sizeof head)) _exit(1);
        sleep_milliseconds(60);
        _exit(0);
    }
    sleep_milliseconds(20);
    uint32_t value = entries[0].word;
    ANSWERS("set_robust_list: a waiter is woken by the owner's death", 0,
            futex(&entries[0].word, FUTEX_WAIT, value, nullptr, nullptr, 0));
    ended(child);
    HOLDS("set_robust_list: the word says so", entries[0].word == (FUTEX_OWNER_DIED | FUTEX_WAITERS));
    HOLDS("set_robust_list: another's lock is untouched", entries[1].word == 12345);
    HOLDS("set_robust_list: the pending one too", entries[2].word == FUTEX_OWNER_DIED);
    child = fork();
    if (child == 0) {
        // Round in a circle, and from there to nowhere.
        head.list.next = (void *)&entries[0];
        entries[0].next = &entries[0];
        head.futex_offset = -8;
        head.list_op_pending = nowhere;
        syscall(SYS_set_robust_list, &head, sizeof head);
        _exit(7);
    }
    ANSWERS("set_robust_list: a circle ends", 7, ended(child));
    child = fork();
    if (child == 0) {
        syscall(SYS_set_robust_list, kernel_place, sizeof head);
        _exit(7);
    }
    ANSWERS("set_robust_list: an address of the kernel", 7, ended(child));
}

int main(void) {
    words = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    test_wait();
    test_wake();
    test_requeue();
    test_wake_operation();
    test_priority();
    test_vector();
    test_sized();
    test_robust();
    return tap_done();
}
