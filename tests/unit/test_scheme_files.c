// sources: rmm/frame.c rmm/page_table.c lib/tree.c src/memory/heap.c src/memory/kernel_map.c
// sources: src/memory/memory_object.c src/memory/object_io.c src/memory/radix.c src/memory/reclaim.c
// sources: src/memory/grant.c src/memory/zap.c src/memory/address_space.c src/memory/fault.c src/memory/map.c
// sources: src/memory/remap.c src/memory/advise.c src/memory/remote.c src/memory/user_copy.c
// sources: src/arch/hosted/hosted.c src/arch/hosted/hosted_lock.c src/arch/hosted/hosted_user.c
// sources: src/context/handle_table.c lib/format.c lib/string.c src/scheme/name_cache.c src/scheme/path_walk.c
// sources: src/scheme/node.c src/scheme/identity.c src/scheme/mount.c src/scheme/file.c src/scheme/namespace.c
// sources: src/scheme/rename.c src/scheme/io.c src/scheme/tmp.c src/scheme/tmp_place.c src/scheme/tmp_space.c
// sources: src/scheme/device.c src/scheme/memory_devices.c src/scheme/pipe.c src/scheme/lock_record.c
// sources: src/scheme/xattr.c src/scheme/seals.c src/scheme/file_system_state.c src/scheme/notify.c
// sources: src/scheme/target.c src/syscall_handler/kop_path.c src/syscall_handler/kop_file.c
// sources: src/syscall_handler/kop_descriptor.c src/syscall_handler/kop_xattr.c src/syscall_handler/kop_lock.c
// sources: src/syscall_handler/kop_copy.c src/syscall_handler/kop_memory_file.c tests/unit/host_files.c

// Transfers, positions, sizes, holes, open-file locks and pipes against Linux itself: random operations are done on a
// file (or pipe) of the host and on one here; answers and contents must be the same.
#include "tests/unit/scheme_fixture.h"

#include <stdio.h>

#include "tests/unit/include/host_files.h"

constexpr unsigned FILE_OPERATIONS = 40'000, PIPE_OPERATIONS = 100'000, LOCK_OPERATIONS = 40'000;
constexpr size_t SIZE_MAXIMUM = 40'000;

static uint64_t seed = 0x5eed;
static uint32_t random_below(uint32_t limit) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 16) % limit;
}

static uint8_t expected[SIZE_MAXIMUM * 2], got[SIZE_MAXIMUM * 2];
static char text[200];

static int64_t check(unsigned number, int64_t host, int64_t here) {
    if (host != here) fail_msg("operation %u, %s: Linux %ld, here %ld", number, text, host, here);
    if (host > 0 && memcmp(expected, got, (size_t)host) != 0) fail_msg("operation %u, %s: other bytes", number, text);
    return here;
}

static int64_t transfer(int32_t descriptor, bool write, uint8_t *buffer, size_t size, int64_t offset) {
    const struct segment segments[2] = {segment_kernel(buffer, size / 3),
                                        segment_kernel(buffer + size / 3, size - size / 3)};
    size_t done;
    uint32_t flags = offset >= 0 ? IO_AT_OFFSET : 0;
    int32_t error = write ? kop_write(descriptor, segments, 2, offset, flags, &done)
                          : kop_read(descriptor, segments, 2, offset, flags, &done);
    return error < 0 ? error : (int64_t)done;
}

static void fill_random(size_t size) {
    for (size_t i = 0; i < size; i++)
        expected[i] = got[i] = (uint8_t)random_below(256);
}

static size_t random_size(void) {
    return random_below(3) ? random_below(300) : random_below(3) ? random_below(SIZE_MAXIMUM) : 4096 * random_below(4);
}

static void forget_contents(void) {
    memset(expected, 0, sizeof(expected));
    memset(got, 0, sizeof(got));
}

// Space that was only reserved is data here and a hole on Linux (both may be), so no round has both.
static bool reserving;

static void file_operation(unsigned number, int host, int32_t here) {
    int64_t offset = random_below(SIZE_MAXIMUM), length = (int64_t)random_size();
    size_t size = random_size();
    int64_t result;
    uint32_t whence, mode;
    size_t done = 0;
    switch (random_below(9)) {
    case 0:
        snprintf(text, sizeof(text), "read(%zu)", size);
        forget_contents();
        result = host_read(host, expected, size);
        check(number, result, transfer(here, false, got, size, -1));
        break;
    case 1:
        snprintf(text, sizeof(text), "write(%zu)", size);
        fill_random(size);
        result = host_write(host, expected, size);
        check(number, result, transfer(here, true, got, size, -1));
        break;
    case 2:
        snprintf(text, sizeof(text), "pread(%zu, %ld)", size, offset);
        forget_contents();
        result = host_pread(host, expected, size, offset);
        check(number, result, transfer(here, false, got, size, offset));
        break;
    case 3:
        snprintf(text, sizeof(text), "pwrite(%zu, %ld)", size, offset);
        fill_random(size);
        result = host_pwrite(host, expected, size, offset);
        check(number, result, transfer(here, true, got, size, offset));
        break;
    case 4:
    case 5:
        whence = random_below(reserving ? 3 : 5);
        offset -= (int64_t)random_below(3) * 20000;
        snprintf(text, sizeof(text), "lseek(%ld, %u)", offset, whence);
        forget_contents();
        result = host_seek(host, offset, (int)whence);
        int64_t place = 0;
        int32_t error = kop_seek(here, offset, whence, &place);
        if (result != (error < 0 ? error : place))
            fail_msg("operation %u, %s: Linux %ld, here %ld", number, text, result, error < 0 ? error : place);
        break;
    case 6:
        snprintf(text, sizeof(text), "ftruncate(%ld)", offset);
        check(number, host_ftruncate(host, offset), kop_truncate(here, offset));
        break;
    case 7: {
        static const uint32_t modes[] = {0, 1, 3, 2, 16, 17, 0x80, 8};
        mode = modes[random_below(array_size(modes) - 2)];
        snprintf(text, sizeof(text), "fallocate(%u, %ld, %ld)", mode, offset, length);
        if (mode & 16 || (!reserving && mode < 2)) return; // the host's tmpfs has no ZERO_RANGE
        check(number, host_fallocate(host, (int)mode, offset, length), kop_allocate_space(here, mode, offset, length));
        break;
    }
    default: {
        struct kernel_stat stat;
        assert_int_equal(kop_stat(here, "", 0, AT_EMPTY_PATH, &stat), 0);
        snprintf(text, sizeof(text), "fstat");
        if ((int64_t)stat.size != host_size(host))
            fail_msg("operation %u, size: Linux %ld, here %lu", number, host_size(host), stat.size);
    }
    }
    (void)done;
}

static void test_files(void **) {
    scheme_start();
    static const uint32_t flags[] = {O_RDWR, O_RDWR | O_APPEND, O_RDONLY, O_WRONLY};
    for (unsigned round = 0; round < 8; round++) {
        uint32_t mode = flags[round % array_size(flags)];
        reserving = round >= 4;
        int host = host_file((int)mode);
        int32_t made = kop_open(AT_FDCWD, "/file", 5, O_CREAT | O_TRUNC | O_RDWR, 0644);
        int32_t here = kop_open(AT_FDCWD, "/file", 5, mode, 0);
        assert_true(host >= 0 && made >= 0 && here >= 0);
        for (unsigned i = 0; i < FILE_OPERATIONS / 8; i++)
            file_operation(i, host, here);
        host_close(host);
        assert_int_equal(kop_close(here), 0);
        assert_int_equal(kop_close(made), 0);
    }
    assert_int_equal(kop_unlink(AT_FDCWD, "/file", 5, 0), 0);
}

// ---- pipes, without waiting

static uint32_t ready_here(int32_t descriptor) {
    struct file_reference reference = file_lookup(descriptor);
    uint32_t events = reference.file->scheme->ready(reference.file);
    file_release(reference);
    return events & (POLLIN | POLLOUT | POLLERR | POLLHUP);
}

static void pipe_operation(unsigned number, const int host[2], const int32_t here[2]) {
    size_t size = random_below(4) ? random_below(600) : random_below(2) ? 4096 * random_below(6) : random_below(30000);
    int64_t result;
    switch (random_below(5)) {
    case 0:
    case 1:
        snprintf(text, sizeof(text), "pipe write(%zu)", size);
        fill_random(size);
        result = host_write(host[1], expected, size);
        check(number, result, transfer(here[1], true, got, size, -1));
        break;
    case 2:
    case 3:
        snprintf(text, sizeof(text), "pipe read(%zu)", size);
        forget_contents();
        result = host_read(host[0], expected, size);
        check(number, result, transfer(here[0], false, got, size, -1));
        break;
    default: {
        unsigned end = random_below(2);
        snprintf(text, sizeof(text), "poll(end %u)", end);
        if ((uint32_t)host_poll_events(host[end]) != ready_here(here[end]))
            fail_msg("operation %u, %s: Linux %#x, here %#x", number, text, host_poll_events(host[end]),
                     ready_here(here[end]));
    }
    }
}

static void run_pipe(uint32_t flags, unsigned operations) {
    int host[2];
    int32_t here[2];
    assert_int_equal(host_pipe_ends(host, (int)(flags | O_NONBLOCK)), 0);
    assert_int_equal(kop_pipe(flags | O_NONBLOCK, here), 0);
    if (random_below(2)) {
        int32_t size = (int32_t)random_below(200'000);
        snprintf(text, sizeof(text), "F_SETPIPE_SZ %d", size);
        assert_int_equal(host_pipe_resize(host[0], size), kop_pipe_size_set(here[0], (size_t)size));
    }
    for (unsigned i = 0; i < operations; i++)
        pipe_operation(i, host, here);
    unsigned closed = random_below(2);
    host_close(host[closed]);
    assert_int_equal(kop_close(here[closed]), 0);
    for (unsigned i = 0; i < 20; i++) {
        size_t size = random_below(5000);
        forget_contents();
        snprintf(text, sizeof(text), "after closing end %u, %zu bytes", closed, size);
        if (closed) {
            int64_t result = host_read(host[0], expected, size);
            check(i, result, transfer(here[0], false, got, size, -1));
        } else {
            int64_t result = host_write(host[1], expected, size);
            last_signal = 0;
            check(i, result, transfer(here[1], true, got, size, -1));
            assert_int_equal(last_signal, size || result < 0 ? SIGPIPE : 0);
        }
        uint32_t expected_events = (uint32_t)host_poll_events(host[!closed]);
        if (expected_events != ready_here(here[!closed]))
            fail_msg("%s: poll: Linux %#x, here %#x", text, expected_events, ready_here(here[!closed]));
    }
    host_close(host[!closed]);
    assert_int_equal(kop_close(here[!closed]), 0);
}

static void test_pipes(void **) {
    scheme_start();
    host_ignore_pipe_signal();
    for (unsigned i = 0; i < 50; i++)
        run_pipe(i % 4 == 3 ? O_DIRECT : 0, PIPE_OPERATIONS / 50);
}

// ---- locks of open files

static void test_locks(void **) {
    scheme_start();
    int host[3];
    int32_t here[3];
    host[0] = host_file(O_RDWR);
    here[0] = kop_open(AT_FDCWD, "/locked", 7, O_CREAT | O_RDWR, 0644);
    for (unsigned i = 1; i < 3; i++) {
        host[i] = host_reopen(host[0], O_RDWR);
        here[i] = kop_open(AT_FDCWD, "/locked", 7, O_RDWR, 0);
        assert_true(host[i] >= 0 && here[i] >= 0);
    }
    for (unsigned i = 0; i < LOCK_OPERATIONS; i++) {
        unsigned which = random_below(3);
        uint32_t type = random_below(3);
        struct kernel_file_lock lock = {type, 0, random_below(30), random_below(8)};
        bool test = random_below(3) == 0 && type != 2;
        int expected_answer = host_lock(host[which], test, (int)type, (int64_t)lock.start, (int64_t)lock.length);
        snprintf(text, sizeof(text), "%s(%u, type %u, %lu + %lu)", test ? "test" : "lock", which, type, lock.start,
                 lock.length);
        int32_t answer =
            test ? kop_file_lock_test(here[which], &lock, true) : kop_file_lock_set(here[which], &lock, true, false);
        if (answer == 0 && test) answer = (int32_t)lock.type;
        if (answer != expected_answer)
            fail_msg("operation %u, %s: Linux %d, here %d", i, text, expected_answer, answer);
    }
    for (unsigned i = 0; i < 3; i++) {
        host_close(host[i]);
        assert_int_equal(kop_close(here[i]), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_files), cmocka_unit_test(test_pipes),
                                       cmocka_unit_test(test_locks)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
