// Waiting until descriptors are ready: poll and select in all forms.
#include "personality/src/linux/poll.h"

#include "lib/string.h"
#include "personality/src/linux/file.h"
#include <stdckdint.h>

// A relative time by pointer as a deadline; TIME_NEVER for a null pointer. -EFAULT, -EINVAL.
static int32_t deadline_fetch(nanoseconds *deadline, uintptr_t word) {
    nanoseconds span;
    *deadline = TIME_NEVER;
    if (word == 0) return 0;
    int32_t error = linux_fetch_timespec(user_pointer(word), &span);
    if (error < 0) return error;
    *deadline = span == 0 ? 0 : linux_deadline(CLOCK_MONOTONIC, span);
    return 0;
}

static nanoseconds remaining(nanoseconds deadline) {
    nanoseconds now;
    if (deadline == 0 || kernel_ops->clock_get(CLOCK_MONOTONIC, &now) < 0) return 0;
    return max(deadline - now, (nanoseconds)0);
}

// Linux tells the program how much of its time was left; that this cannot be written is not an error.
static void remaining_store(uintptr_t word, nanoseconds deadline) {
    if (word == 0 || deadline == TIME_NEVER) return;
    struct linux_timespec left = linux_timespec_from_kernel(remaining(deadline));
    (void)!store_struct(word, &left);
}

constexpr uint32_t POLLS_WITHIN = 32;

static intptr_t poll_descriptors(uintptr_t pointer, uint32_t count, nanoseconds deadline, const signal_set *mask) {
    struct kernel_poll within[POLLS_WITHIN], *polls = within;
    struct kernel_rlimit limit;
    int32_t result = kernel_ops->resource_limit(0, RLIMIT_NOFILE, nullptr, &limit);
    if (result < 0) return result;
    if (count > limit.current) return -EINVAL;
    size_t size = count * sizeof(polls[0]);
    if (count > POLLS_WITHIN) {
        void *memory;
        result = kernel_ops->allocate(size, &memory);
        if (result < 0) return result;
        polls = memory;
    }
    result = kernel_ops->fetch(polls, user_pointer(pointer), size);
    if (result == 0) {
        for (uint32_t i = 0; i < count; i++)
            polls[i].returned = 0;
        result = kernel_ops->poll(polls, count, deadline, mask);
    }
    if (result >= 0 && kernel_ops->store(user_pointer(pointer), polls, size) < 0) result = -EFAULT;
    if (polls != within) kernel_ops->release(polls);
    return result;
}

SHIM3(linux_poll, pointer, count, timeout) {
    return poll_descriptors(pointer, (uint32_t)count, linux_deadline_of_milliseconds((int32_t)timeout), nullptr);
}

SHIM5(linux_ppoll, pointer, count, timeout, mask_pointer, mask_size) {
    nanoseconds deadline;
    signal_set room;
    const signal_set *mask;
    int32_t error = deadline_fetch(&deadline, timeout);
    if (error == 0) error = linux_mask_fetch(&room, &mask, mask_pointer, mask_size);
    if (error < 0) return error;
    intptr_t result = poll_descriptors(pointer, (uint32_t)count, deadline, mask);
    remaining_store(timeout, deadline);
    return result;
}

// ---- select

constexpr uint32_t SELECT_SETS = 3;
constexpr uint32_t SELECT_MAXIMUM = 65536;
constexpr uint32_t WORD_BITS = 64;

static const uint16_t select_events[SELECT_SETS] = {
    POLLIN | POLLRDNORM | POLLRDBAND,
    POLLOUT | POLLWRNORM | POLLWRBAND,
    POLLPRI,
};
static const uint16_t select_ready[SELECT_SETS] = {
    POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP | POLLERR,
    POLLOUT | POLLWRNORM | POLLWRBAND | POLLERR,
    POLLPRI,
};

struct selection {
    uint32_t descriptors, words, poll_count;
    uintptr_t pointers[SELECT_SETS];
    uint64_t *sets[SELECT_SETS]; // `words` each
    struct kernel_poll *polls;
    uint64_t sets_within[SELECT_SETS * 16];
    struct kernel_poll polls_within[POLLS_WITHIN];
    void *sets_memory, *polls_memory;
};

static int32_t selection_fetch(struct selection *selection) {
    uint64_t *at = selection->sets_within;
    if (selection->words > 16) {
        int32_t error =
            kernel_ops->allocate(SELECT_SETS * selection->words * sizeof(uint64_t), &selection->sets_memory);
        if (error < 0) return error;
        at = selection->sets_memory;
    }
    for (uint32_t i = 0; i < SELECT_SETS; i++, at += selection->words) {
        selection->sets[i] = at;
        memset(at, 0, selection->words * sizeof(uint64_t));
        if (selection->pointers[i] == 0) continue;
        int32_t error =
            kernel_ops->fetch(at, user_pointer(selection->pointers[i]), selection->words * sizeof(uint64_t));
        if (error < 0) return error;
    }
    uint32_t rest = selection->descriptors % WORD_BITS;
    for (uint32_t i = 0; i < SELECT_SETS && rest != 0; i++)
        selection->sets[i][selection->words - 1] &= (1ULL << rest) - 1;
    return 0;
}

// One poll entry for each descriptor in any set.
static int32_t selection_to_polls(struct selection *selection) {
    uint32_t count = 0;
    for (uint32_t word = 0; word < selection->words; word++)
        count += (uint32_t)__builtin_popcountll(selection->sets[0][word] | selection->sets[1][word] |
                                                selection->sets[2][word]);
    selection->polls = selection->polls_within;
    if (count > POLLS_WITHIN) {
        int32_t error = kernel_ops->allocate(count * sizeof(struct kernel_poll), &selection->polls_memory);
        if (error < 0) return error;
        selection->polls = selection->polls_memory;
    }
    for (uint32_t word = 0; word < selection->words; word++) {
        uint64_t bits = selection->sets[0][word] | selection->sets[1][word] | selection->sets[2][word];
        for (; bits != 0; bits &= bits - 1) {
            uint32_t bit = (uint32_t)__builtin_ctzll(bits);
            struct kernel_poll *poll = &selection->polls[selection->poll_count++];
            *poll = (struct kernel_poll){.descriptor = (int32_t)(word * WORD_BITS + bit)};
            for (uint32_t i = 0; i < SELECT_SETS; i++)
                if ((selection->sets[i][word] >> bit & 1) != 0) poll->events |= select_events[i];
        }
    }
    return 0;
}

// Leaves in the sets what is ready and stores them. Returns the number of bits, -EBADF, -EFAULT.
static int32_t selection_store(struct selection *selection) {
    int32_t total = 0;
    for (uint32_t i = 0; i < selection->poll_count; i++)
        if ((selection->polls[i].returned & POLLNVAL) != 0) return -EBADF;
    for (uint32_t i = 0; i < selection->poll_count; i++) {
        const struct kernel_poll *poll = &selection->polls[i];
        uint32_t word = (uint32_t)poll->descriptor / WORD_BITS;
        uint64_t bit = 1ULL << ((uint32_t)poll->descriptor % WORD_BITS);
        for (uint32_t set = 0; set < SELECT_SETS; set++) {
            if ((selection->sets[set][word] & bit) == 0) continue;
            if ((poll->returned & select_ready[set]) != 0)
                total++;
            else
                selection->sets[set][word] &= ~bit;
        }
    }
    for (uint32_t i = 0; i < SELECT_SETS; i++) {
        if (selection->pointers[i] == 0) continue;
        int32_t error = kernel_ops->store(user_pointer(selection->pointers[i]), selection->sets[i],
                                          selection->words * sizeof(uint64_t));
        if (error < 0) return error;
    }
    return total;
}

static intptr_t select_descriptors(uintptr_t count, const uintptr_t pointers[SELECT_SETS], nanoseconds deadline,
                                   const signal_set *mask) {
    struct selection selection;
    struct kernel_rlimit limit;
    if ((int32_t)count < 0) return -EINVAL;
    int32_t result = kernel_ops->resource_limit(0, RLIMIT_NOFILE, nullptr, &limit);
    if (result < 0) return result;
    uint64_t highest = min(max(limit.maximum, (uint64_t)WORD_BITS), (uint64_t)SELECT_MAXIMUM);
    selection.descriptors = (uint32_t)min((uint64_t)(uint32_t)count, highest);
    selection.words = (selection.descriptors + WORD_BITS - 1) / WORD_BITS;
    selection.poll_count = 0;
    selection.sets_memory = selection.polls_memory = nullptr;
    memcpy(selection.pointers, pointers, sizeof(selection.pointers));
    result = selection_fetch(&selection);
    if (result == 0) result = selection_to_polls(&selection);
    if (result == 0) result = kernel_ops->poll(selection.polls, selection.poll_count, deadline, mask);
    if (result >= 0) result = selection_store(&selection);
    if (selection.sets_memory != nullptr) kernel_ops->release(selection.sets_memory);
    if (selection.polls_memory != nullptr) kernel_ops->release(selection.polls_memory);
    return result;
}

SHIM5(linux_select, count, readable, writable, exceptional, timeout) {
    struct linux_timeval given;
    nanoseconds deadline = TIME_NEVER;
    if (timeout != 0) {
        int32_t error = fetch_struct(&given, timeout);
        if (error < 0) return error;
        struct linux_timespec span = {.tv_nsec = given.tv_usec % 1'000'000 * 1000};
        if (ckd_add(&span.tv_sec, given.tv_sec, given.tv_usec / 1'000'000)) return -EINVAL;
        nanoseconds relative;
        error = linux_timespec_to_kernel(&span, &relative);
        if (error < 0) return error;
        deadline = relative == 0 ? 0 : linux_deadline(CLOCK_MONOTONIC, relative);
    }
    intptr_t result = select_descriptors(count, (uintptr_t[]){readable, writable, exceptional}, deadline, nullptr);
    if (timeout != 0 && deadline != TIME_NEVER) {
        struct linux_timeval left = linux_timeval_from_kernel(remaining(deadline));
        (void)!store_struct(timeout, &left);
    }
    return result;
}

SHIM5(linux_pselect6, count, readable, writable, exceptional, timeout) {
    struct {
        uintptr_t set, size;
    } given = {};
    signal_set room;
    const signal_set *mask;
    nanoseconds deadline;
    uintptr_t sixth = sixth_argument();
    int32_t error = sixth == 0 ? 0 : fetch_struct(&given, sixth);
    if (error == 0) error = deadline_fetch(&deadline, timeout);
    if (error == 0) error = linux_mask_fetch(&room, &mask, given.set, given.size);
    if (error < 0) return error;
    intptr_t result = select_descriptors(count, (uintptr_t[]){readable, writable, exceptional}, deadline, mask);
    remaining_store(timeout, deadline);
    return result;
}
