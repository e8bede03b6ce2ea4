// sources: $(MOCKED_PERSONALITY)
// The conversions of Linux's file and socket calls: structures, directory records, sets of descriptors, control
// messages.
#include "personality/src/linux/abi.h"
#include "personality/src/linux/abi_process.h"
#include "personality/src/linux/shims.h"
#include "personality/src/shim.h"
#include "tests/unit/include/mock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct kernel_stat next_stat;
static uint32_t name_count, closed[8], closed_count;
static struct kernel_file_lock seen_lock;
static struct kernel_message seen_message, next_message;
static int32_t seen_descriptors[MESSAGE_DESCRIPTORS_MAXIMUM], next_descriptors[3] = {40, 41, 42};
static uint16_t ready_events;
static struct kernel_attributes seen_attributes;

int32_t kop_stat(int32_t, const char *, size_t, uint32_t, struct kernel_stat *stat) {
    *stat = next_stat;
    return 0;
}

int32_t kop_set_attributes(int32_t, const char *, size_t, uint32_t, const struct kernel_attributes *attributes) {
    seen_attributes = *attributes;
    return 0;
}

int32_t kop_clock_get(enum clock_id, nanoseconds *time) {
    *time = 77 * NANOSECONDS_PER_SECOND;
    return 0;
}

int32_t kop_file_flags_get(int32_t descriptor, uint32_t *flags) {
    *flags = O_RDWR;
    return descriptor < 0 ? -EBADF : 0;
}

int32_t kop_seek(int32_t, int64_t offset, uint32_t, int64_t *result) {
    *result = 100 + offset;
    return 0;
}

int32_t kop_file_lock_set(int32_t, const struct kernel_file_lock *lock, uint32_t, uint32_t) {
    seen_lock = *lock;
    return 0;
}

// name_count entries with names of 1, 2, … bytes.
int32_t kop_read_directory(int32_t, void *buffer, size_t size, size_t *done) {
    *done = 0;
    for (uint32_t i = 1; i <= name_count; i++) {
        struct kernel_directory_entry *entry = (void *)((char *)buffer + *done);
        size_t length = align_up(offsetof(struct kernel_directory_entry, name) + i + 1, 8);
        assert_true(*done + length <= size);
        *entry = (struct kernel_directory_entry){
            .inode = 1000 + i, .next_offset = 7 * i, .length = (uint16_t)length, .name_length = (uint16_t)i, .type = 8};
        memset(entry->name, 'a' + (int)i - 1, i);
        entry->name[i] = 0;
        *done += length;
    }
    return 0;
}

int32_t kop_close(int32_t descriptor) {
    closed[closed_count++] = (uint32_t)descriptor;
    return 0;
}

int32_t kop_resource_limit(int32_t, enum resource_limit, const struct kernel_rlimit *, struct kernel_rlimit *old) {
    if (old) *old = (struct kernel_rlimit){1024, 4096};
    return 0;
}

int32_t kop_poll(struct kernel_poll *polls, uint32_t count, nanoseconds, const signal_set *) {
    for (uint32_t i = 0; i < count; i++)
        polls[i].returned = polls[i].events & ready_events;
    return (int32_t)count;
}

int32_t kop_send(int32_t, const struct segment *, uint32_t, struct kernel_message *message, uint32_t, size_t *done) {
    seen_message = *message;
    if (message->descriptor_count)
        memcpy(seen_descriptors, message->descriptors, message->descriptor_count * sizeof(int32_t));
    *done = 4;
    return 0;
}

int32_t kop_receive(int32_t, const struct segment *, uint32_t, struct kernel_message *message, uint32_t, size_t *done) {
    int32_t *room = message->descriptors;
    uint32_t capacity = message->descriptor_capacity;
    *message = next_message;
    message->descriptors = room;
    message->descriptor_capacity = capacity;
    message->descriptor_count = min(3U, capacity);
    if (message->descriptor_count) memcpy(room, next_descriptors, message->descriptor_count * sizeof(int32_t));
    *done = 6;
    return 0;
}

static int initialise(void **) {
    personality_init(&mock_ops);
    return 0;
}

static int reset(void **) {
    mock_reset();
    closed_count = 0;
    seen_attributes = (struct kernel_attributes){};
    next_message = (struct kernel_message){};
    return 0;
}

static void test_stat(void **) {
    next_stat = (struct kernel_stat){.device = device_number(8, 300),
                                     .inode = 5,
                                     .size = 1ULL << 40,
                                     .mode = S_IFREG | 0644,
                                     .links = 3,
                                     .mtime = -1,
                                     .atime = 5 * NANOSECONDS_PER_SECOND + 6};
    uintptr_t at = mock_user(sizeof(struct linux_stat)), path = mock_user_string("x");
    assert_int_equal(linux_stat(path, at, 0, 0, 0), 0);
    const struct linux_stat *stat = (void *)at;
    assert_int_equal(stat->st_mtime, -1);
    assert_int_equal(stat->st_mtime_nsec, 999'999'999);
    assert_int_equal(stat->st_atime, 5);
    assert_int_equal(stat->st_atime_nsec, 6);
    assert_int_equal(stat->st_nlink, 3);
    uintptr_t wide = mock_user(sizeof(struct linux_statx));
    assert_int_equal(linux_statx((uintptr_t)AT_FDCWD, path, 0, STATX_BASIC_STATS, wide), 0);
    const struct linux_statx *statx = (void *)wide;
    assert_int_equal(statx->stx_dev_major, 8);
    assert_int_equal(statx->stx_dev_minor, 300);
    assert_int_equal(linux_stat(path, 16, 0, 0, 0), -EFAULT);
    assert_int_equal(linux_stat(mock_user_string(""), at, 0, 0, 0), -ENOENT);
    assert_int_equal(linux_fstat((uintptr_t)AT_FDCWD, at, 0, 0, 0), -EBADF);
}

static void test_directory_records(void **) {
    uintptr_t at = mock_user(8192);
    name_count = 30;
    intptr_t length = linux_getdents64(3, at, 8192, 0, 0);
    size_t offset = 0;
    for (uint32_t i = 1; i <= name_count; i++) {
        const struct linux_dirent64 *entry = (void *)(at + offset);
        assert_int_equal(entry->d_reclen % 8, 0);
        assert_int_equal(entry->d_reclen, align_up(LINUX_DIRENT64_HEADER + i + 1, 8));
        assert_int_equal(entry->d_ino, 1000 + i);
        assert_int_equal(entry->d_off, 7 * i);
        assert_int_equal(entry->d_type, 8);
        assert_int_equal(strlen(entry->d_name), i);
        assert_int_equal(entry->d_name[i - 1], 'a' + (int)i - 1);
        offset += entry->d_reclen;
    }
    assert_int_equal(length, offset);
    length = linux_getdents(3, at, 8192, 0, 0);
    offset = 0;
    for (uint32_t i = 1; i <= name_count; i++) {
        const struct linux_dirent *entry = (void *)(at + offset);
        assert_int_equal(strlen(entry->d_name), i);
        assert_int_equal(((char *)entry)[entry->d_reclen - 1], 8);
        offset += entry->d_reclen;
    }
    assert_int_equal(length, offset);
    assert_int_equal(mock_kept(), 0);
}

static intptr_t set_lock(int16_t type, int16_t whence, int64_t start, int64_t length) {
    struct linux_flock lock = {.l_type = type, .l_whence = whence, .l_start = start, .l_len = length};
    return linux_fcntl(3, F_SETLK, mock_user_bytes(&lock, sizeof(lock)), 0, 0);
}

static void test_lock_ranges(void **) {
    next_stat = (struct kernel_stat){.size = 1000};
    assert_int_equal(set_lock(F_WRLCK, SEEK_CUR, 5, 10), 0);
    assert_int_equal(seen_lock.start, 105);
    assert_int_equal(seen_lock.length, 10);
    assert_int_equal(set_lock(F_RDLCK, SEEK_END, -10, -20), 0);
    assert_int_equal(seen_lock.start, 970);
    assert_int_equal(seen_lock.length, 20);
    assert_int_equal(set_lock(F_UNLCK, SEEK_SET, 0, 0), 0);
    assert_int_equal(seen_lock.length, 0);
    assert_int_equal(set_lock(F_WRLCK, SEEK_SET, -1, 0), -EINVAL);
    assert_int_equal(set_lock(F_WRLCK, SEEK_SET, 5, -6), -EINVAL);
    assert_int_equal(set_lock(F_WRLCK, SEEK_SET, INT64_MAX, 2), -EOVERFLOW);
    assert_int_equal(set_lock(F_WRLCK, SEEK_SET, 1, INT64_MAX), 0);
    assert_int_equal(set_lock(F_WRLCK, SEEK_CUR, INT64_MAX, 0), -EOVERFLOW);
    assert_int_equal(set_lock(7, SEEK_SET, 0, 0), -EINVAL);
    assert_int_equal(set_lock(F_WRLCK, 7, 0, 0), -EINVAL);
}

static void test_times(void **) {
    struct linux_timespec times[2] = {{1, UTIME_NOW}, {2, UTIME_NOW}};
    uintptr_t path = mock_user_string("x");
    assert_int_equal(linux_utimensat(0, path, mock_user_bytes(times, sizeof(times)), 0, 0), 0);
    assert_int_equal(seen_attributes.valid,
                     ATTRIBUTE_ATIME | ATTRIBUTE_MTIME | ATTRIBUTE_ATIME_NOW | ATTRIBUTE_MTIME_NOW);
    times[1].tv_nsec = UTIME_OMIT;
    assert_int_equal(linux_utimensat(0, path, mock_user_bytes(times, sizeof(times)), 0, 0), 0);
    assert_int_equal(seen_attributes.valid, ATTRIBUTE_ATIME);
    assert_int_equal(seen_attributes.atime, 77 * NANOSECONDS_PER_SECOND);
    times[0] = (struct linux_timespec){INT64_MAX, 5};
    assert_int_equal(linux_utimensat(0, path, mock_user_bytes(times, sizeof(times)), 0, 0), 0);
    assert_int_equal(seen_attributes.atime, INT64_MAX);
}

static void test_select(void **) {
    uint64_t sets[2] = {1ULL << 3, 1ULL << 2 | 1ULL << 40};
    uintptr_t in = mock_user_bytes(sets, sizeof(sets)), out = mock_user_bytes(sets, sizeof(sets));
    ready_events = POLLIN;
    assert_int_equal(linux_select(70, in, out, 0, 0), 2);
    assert_int_equal(((uint64_t *)in)[0], 1ULL << 3);
    assert_int_equal(((uint64_t *)in)[1], 1ULL << 2);
    assert_int_equal(((uint64_t *)out)[0], 0);
    ready_events = POLLOUT;
    memset(sets, 0xff, sizeof(sets));
    in = mock_user_bytes(sets, sizeof(sets)), out = mock_user_bytes(sets, sizeof(sets));
    assert_int_equal(linux_select(128, in, out, 0, 0), 128);
    assert_int_equal(linux_select((uintptr_t)-1, in, out, 0, 0), -EINVAL);
    assert_int_equal(mock_kept(), 0);
}

static intptr_t send_control(const void *control, size_t size) {
    struct linux_iovec part = {mock_user(4), 4};
    struct linux_msghdr header = {.msg_iov = mock_user_bytes(&part, sizeof(part)),
                                  .msg_iovlen = 1,
                                  .msg_control = mock_user_bytes(control, size),
                                  .msg_controllen = size};
    return linux_sendmsg(3, mock_user_bytes(&header, sizeof(header)), 0, 0, 0);
}

static void test_control_to_kernel(void **) {
    struct {
        struct linux_cmsghdr header;
        int32_t descriptors[2];
        struct linux_cmsghdr second;
        struct linux_ucred credentials;
    } control = {.header = {24, SOL_SOCKET, SCM_RIGHTS},
                 .descriptors = {8, 9},
                 .second = {28, SOL_SOCKET, SCM_CREDENTIALS},
                 .credentials = {11, 12, 13}};
    assert_int_equal(send_control(&control, sizeof(control)), 4);
    assert_int_equal(seen_message.descriptor_count, 2);
    assert_int_equal(seen_descriptors[1], 9);
    assert_true(seen_message.credentials_valid);
    assert_int_equal(seen_message.gid, 13);
    control.second.cmsg_len = 100;
    assert_int_equal(send_control(&control, sizeof(control)), -EINVAL);
    control.second.cmsg_len = 27;
    assert_int_equal(send_control(&control, sizeof(control)), -EINVAL);
    control.header.cmsg_len = 15;
    assert_int_equal(send_control(&control, sizeof(control)), -EINVAL);
    control.header.cmsg_len = SIZE_MAX;
    assert_int_equal(send_control(&control, sizeof(control)), -EINVAL);
    control.header = (struct linux_cmsghdr){24, SOL_SOCKET, 77};
    assert_int_equal(send_control(&control, 24), -EINVAL);
    assert_int_equal(send_control(&control, 7), 4);
    assert_int_equal(mock_kept(), 0);
}

static const struct linux_msghdr *receive(uintptr_t control, size_t room) {
    struct linux_iovec part = {mock_user(8), 8};
    struct linux_msghdr header = {.msg_iov = mock_user_bytes(&part, sizeof(part)),
                                  .msg_iovlen = 1,
                                  .msg_control = control,
                                  .msg_controllen = room};
    uintptr_t at = mock_user_bytes(&header, sizeof(header));
    assert_int_equal(linux_recvmsg(3, at, 0, 0, 0), 6);
    return (void *)at;
}

static void test_control_to_program(void **) {
    uintptr_t control = mock_user(100);
    const struct linux_msghdr *header = receive(control, 100);
    const struct linux_cmsghdr *first = (void *)control;
    assert_int_equal(first->cmsg_len, 28);
    assert_int_equal(((int32_t *)(first + 1))[2], 42);
    assert_int_equal(header->msg_controllen, 32);
    assert_int_equal(closed_count, 0);
    next_message.credentials_valid = true;
    header = receive(control, 52); // credentials take 32 bytes: one descriptor fits behind them
    assert_int_equal(first->cmsg_type, SCM_CREDENTIALS);
    assert_int_equal(closed_count, 2);
    assert_int_equal(closed[0], 41);
    assert_true(header->msg_flags & MSG_CTRUNC);
    assert_int_equal(header->msg_controllen, 52);
}

static void test_open_how(void **) {
    struct {
        struct linux_open_how how;
        uint64_t more;
    } given = {};
    uintptr_t path = mock_user_string("x"), cwd = (uintptr_t)AT_FDCWD;
    assert_int_equal(linux_openat2(cwd, path, mock_user_bytes(&given, 32), 32, 0), 0);
    given.more = 1;
    assert_int_equal(linux_openat2(cwd, path, mock_user_bytes(&given, 32), 32, 0), -E2BIG);
    assert_int_equal(linux_openat2(cwd, path, mock_user_bytes(&given, 32), 23, 0), -EINVAL);
    assert_int_equal(linux_openat2(cwd, path, mock_user_bytes(&given, 32), 4097, 0), -E2BIG);
    given.how.mode = 0600;
    assert_int_equal(linux_openat2(cwd, path, mock_user_bytes(&given, 24), 24, 0), -EINVAL);
    assert_int_equal(linux_open(path, O_CREAT | O_DIRECTORY, 0, 0, 0), -EINVAL);
    assert_int_equal(linux_open(path, LINUX_O_TMPFILE_BIT | O_RDWR, 0, 0, 0), -EINVAL);
    assert_int_equal(linux_open(path, O_TMPFILE | O_RDWR, 0, 0, 0), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_stat, reset),
        cmocka_unit_test_setup(test_directory_records, reset),
        cmocka_unit_test_setup(test_lock_ranges, reset),
        cmocka_unit_test_setup(test_times, reset),
        cmocka_unit_test_setup(test_select, reset),
        cmocka_unit_test_setup(test_control_to_kernel, reset),
        cmocka_unit_test_setup(test_control_to_program, reset),
        cmocka_unit_test_setup(test_open_how, reset),
    };
    return cmocka_run_group_tests(tests, initialise, nullptr);
}
