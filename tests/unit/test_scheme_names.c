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
// sources: src/syscall_handler/kop_copy.c src/syscall_handler/kop_memory_file.c tests/unit/host_names.c

// The namespace ops against Linux itself: random operations on a few names are done here and in an empty folder of
// the host that the test made its root; every answer must be the same.
#include "tests/unit/scheme_fixture.h"

#include <stdio.h>

#include "tests/unit/include/host_names.h"

// In the new root there is no /proc, which the leak check needs.
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "detect_leaks=0";
}

constexpr unsigned OPERATIONS = 300'000;

static uint64_t seed = 0x5eed;
static uint32_t random_below(uint32_t limit) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 16) % limit;
}

static void append(char *path, const char *text) {
    string_copy(path + strlen(path), text, 600 - strlen(path));
}

// A path of up to five components from a small set, so that operations meet.
static void random_path(char *path) {
    static const char *const names[] = {
        "a", "b", "c", "dd", "a", "b", "long-name-that-does-not-fit-into-the-entry-itself", ".", "..", "l"};
    *path = 0;
    if (random_below(200) == 0) return;
    if (random_below(3) == 0) append(path, "/");
    unsigned count = 1 + random_below(4);
    for (unsigned i = 0; i < count; i++) {
        append(path, names[random_below(array_size(names))]);
        if (i + 1 < count) append(path, random_below(10) ? "/" : "//");
    }
    if (random_below(12) == 0) append(path, "/");
}

static bool changing_ids; // the second half: other users and modes
static bool privileged = true;

struct operation {
    char path[600], other[600];
    uint32_t flags;
    char text[1200];
};

static int32_t list_here(const char *path, unsigned *count, unsigned *sum) {
    char buffer[400];
    int32_t descriptor = kop_open(AT_FDCWD, path, strlen(path), O_RDONLY | O_DIRECTORY, 0);
    if (descriptor < 0) return descriptor;
    size_t done;
    int32_t error;
    *count = *sum = 0;
    while ((error = kop_read_directory(descriptor, buffer, sizeof(buffer), &done)) == 0 && done) {
        for (size_t at = 0; at < done;) {
            const struct kernel_directory_entry *entry = (void *)(buffer + at);
            at += entry->length;
            if (string_equal(entry->name, ".") || string_equal(entry->name, "..")) continue;
            ++*count;
            for (const char *byte = entry->name; *byte; byte++)
                *sum += (unsigned char)*byte;
        }
    }
    assert_int_equal(kop_close(descriptor), 0);
    return error == -ENOENT ? 0 : error; // a removed folder: readdir(3) hides it
}

static int32_t do_open(struct operation *op, int *host) {
    static const uint32_t flags[] = {O_RDONLY,
                                     O_RDWR,
                                     O_WRONLY,
                                     O_RDWR | O_CREAT,
                                     O_WRONLY | O_CREAT | O_EXCL,
                                     O_RDWR | O_TRUNC,
                                     O_RDONLY | O_DIRECTORY,
                                     O_RDONLY | O_NOFOLLOW,
                                     O_PATH,
                                     O_PATH | O_NOFOLLOW,
                                     O_CREAT | O_NOFOLLOW | O_WRONLY,
                                     O_DIRECTORY | O_NOFOLLOW,
                                     O_CREAT | O_RDWR,
                                     O_CREAT | O_TRUNC | O_WRONLY,
                                     O_RDONLY | O_CREAT,
                                     O_TMPFILE | O_RDWR,
                                     O_PATH | O_DIRECTORY | O_NOFOLLOW,
                                     O_DIRECTORY | O_RDWR};
    op->flags = flags[random_below(array_size(flags))];
    snprintf(op->text, sizeof(op->text), "open(%s, %#o)", op->path, op->flags);
    *host = host_open(op->path, (int)op->flags, 0644);
    int32_t here = kop_open(AT_FDCWD, op->path, strlen(op->path), op->flags | O_NONBLOCK, 0644);
    if (here < 0) return here;
    assert_int_equal(kop_close(here), 0);
    return 0;
}

static int32_t do_mkdir(struct operation *op, int *host) {
    snprintf(op->text, sizeof(op->text), "mkdir(%s)", op->path);
    *host = host_mkdir(op->path, 0755);
    return kop_make_directory(AT_FDCWD, op->path, strlen(op->path), 0755);
}

static int32_t do_unlink(struct operation *op, int *host) {
    op->flags = random_below(2) ? AT_REMOVEDIR : 0;
    snprintf(op->text, sizeof(op->text), "unlink(%s, %#x)", op->path, op->flags);
    *host = host_unlink(op->path, (int)op->flags);
    return kop_unlink(AT_FDCWD, op->path, strlen(op->path), op->flags);
}

static int32_t do_rename(struct operation *op, int *host) {
    static const uint32_t flags[] = {0, 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE};
    op->flags = flags[random_below(array_size(flags))];
    snprintf(op->text, sizeof(op->text), "rename(%s, %s, %u)", op->path, op->other, op->flags);
    *host = host_rename(op->path, op->other, op->flags);
    return kop_rename(AT_FDCWD, op->path, strlen(op->path), AT_FDCWD, op->other, strlen(op->other), op->flags);
}

static int32_t do_stat(struct operation *op, int *host);

static int32_t do_link(struct operation *op, int *host) {
    if (!privileged) return do_stat(op, host); // the host may have protected_hardlinks
    op->flags = random_below(2) ? AT_SYMLINK_FOLLOW : 0;
    snprintf(op->text, sizeof(op->text), "link(%s, %s, %#x)", op->path, op->other, op->flags);
    *host = host_link(op->path, op->other, (int)op->flags);
    return kop_link(AT_FDCWD, op->path, strlen(op->path), AT_FDCWD, op->other, strlen(op->other), op->flags);
}

static int32_t do_symlink(struct operation *op, int *host) {
    snprintf(op->text, sizeof(op->text), "symlink(%s, %s)", op->other, op->path);
    *host = host_symlink(op->other, op->path);
    return kop_symlink(op->other, strlen(op->other), AT_FDCWD, op->path, strlen(op->path));
}

static int32_t do_fifo(struct operation *op, int *host) {
    snprintf(op->text, sizeof(op->text), "mkfifo(%s)", op->path);
    *host = host_mkfifo(op->path, 0644);
    return kop_make_node(AT_FDCWD, op->path, strlen(op->path), S_IFIFO | 0644, 0);
}

static int32_t do_stat(struct operation *op, int *host) {
    struct host_stat expected = {};
    struct kernel_stat stat = {};
    op->flags = random_below(2) ? AT_SYMLINK_NOFOLLOW : 0;
    *host = host_stat(op->path, (int)op->flags, &expected);
    int32_t here = kop_stat(AT_FDCWD, op->path, strlen(op->path), op->flags, &stat);
    snprintf(op->text, sizeof(op->text), "stat(%s, %#x): owner %u %u, %u %u, mode %o %o, links %u %u, size %lu %lu",
             op->path, op->flags, expected.uid, stat.uid, expected.gid, stat.gid, expected.mode, stat.mode,
             expected.links, stat.links, expected.size, stat.size);
    if (*host < 0 || here < 0) return here;
    bool same = expected.mode == stat.mode && expected.links == stat.links;
    if (host_can_change_ids()) same &= expected.uid == stat.uid && expected.gid == stat.gid;
    if ((stat.mode & S_IFMT) != S_IFDIR) same &= expected.size == stat.size;
    return same ? 0 : -1000;
}

static int32_t do_readlink(struct operation *op, int *host) {
    char expected[700], buffer[700];
    size_t done = 0;
    *host = host_readlink(op->path, expected, sizeof(expected));
    int32_t here = kop_read_link(AT_FDCWD, op->path, strlen(op->path), buffer, sizeof(buffer), &done);
    snprintf(op->text, sizeof(op->text), "readlink(%s)", op->path);
    if (here < 0) return here;
    return *host == (int)done && memcmp(expected, buffer, done) == 0 ? *host : -1000;
}

static int32_t do_truncate(struct operation *op, int *host) {
    const struct kernel_attributes attributes = {.valid = ATTRIBUTE_SIZE, .size = random_below(20000)};
    snprintf(op->text, sizeof(op->text), "truncate(%s, %lu)", op->path, attributes.size);
    *host = host_truncate(op->path, (int64_t)attributes.size);
    return kop_set_attributes(AT_FDCWD, op->path, strlen(op->path), 0, &attributes);
}

static int32_t do_chdir(struct operation *op, int *host) {
    if (random_below(4) == 0) string_copy(op->path, "/", sizeof(op->path));
    snprintf(op->text, sizeof(op->text), "chdir(%s)", op->path);
    *host = host_chdir(op->path);
    return kop_change_directory(AT_FDCWD, op->path, strlen(op->path), 0);
}

static int32_t do_getcwd(struct operation *op, int *host) {
    char expected[1000], buffer[1000];
    size_t length = 0;
    *host = host_getcwd(expected, sizeof(expected));
    int32_t here = kop_working_directory(buffer, sizeof(buffer), &length);
    snprintf(op->text, sizeof(op->text), "getcwd() %s, %.*s", expected, (int)length, buffer);
    if (here < 0 || *host < 0) return here;
    *host = 0;
    return strlen(expected) == length && memcmp(expected, buffer, length) == 0 ? 0 : -1000;
}

static int32_t do_access(struct operation *op, int *host) {
    uint32_t mode = random_below(8);
    snprintf(op->text, sizeof(op->text), "access(%s, %u)", op->path, mode);
    *host = host_access(op->path, (int)mode);
    return kop_access(AT_FDCWD, op->path, strlen(op->path), mode, 0);
}

static int32_t do_list(struct operation *op, int *host) {
    unsigned expected = 0, expected_sum = 0, count = 0, sum = 0;
    *host = host_list(op->path, &expected, &expected_sum);
    int32_t here = list_here(op->path, &count, &sum);
    snprintf(op->text, sizeof(op->text), "list(%s): %u %u entries", op->path, expected, count);
    if (here < 0 || *host < 0) return here;
    return expected == count && expected_sum == sum ? 0 : -1000;
}

static int32_t do_chmod(struct operation *op, int *host) {
    const struct kernel_attributes attributes = {.valid = ATTRIBUTE_MODE,
                                                 .mode = random_below(2) ? random_below(010000) : 0777};
    if (!changing_ids) return do_stat(op, host);
    snprintf(op->text, sizeof(op->text), "chmod(%s, %o)", op->path, attributes.mode);
    *host = host_chmod(op->path, attributes.mode);
    return kop_set_attributes(AT_FDCWD, op->path, strlen(op->path), 0, &attributes);
}

static int32_t do_chown(struct operation *op, int *host) {
    struct kernel_attributes attributes = {
        .valid = ATTRIBUTE_UID | ATTRIBUTE_GID, .uid = 1000 + random_below(2), .gid = 1000 + random_below(2)};
    if (!changing_ids) return do_stat(op, host);
    if (random_below(3) == 0) attributes.valid = ATTRIBUTE_GID;
    snprintf(op->text, sizeof(op->text), "chown(%s, %u, %u) of %x", op->path, attributes.uid, attributes.gid,
             attributes.valid);
    *host = host_chown(op->path, attributes.valid & ATTRIBUTE_UID ? attributes.uid : UINT32_MAX, attributes.gid);
    return kop_set_attributes(AT_FDCWD, op->path, strlen(op->path), 0, &attributes);
}

static int32_t do_become(struct operation *op, int *host) {
    uint32_t uid = random_below(2) ? 0 : 1000 + random_below(2), gid = uid ? 1000 + random_below(2) : 0;
    if (!changing_ids) return do_access(op, host);
    snprintf(op->text, sizeof(op->text), "become(%u, %u)", uid, gid);
    *host = host_become(uid, gid);
    act_as(uid, gid, uid == 0);
    privileged = uid == 0;
    return 0;
}

static void test_against_linux(void **) {
    static int32_t (*const kinds[])(struct operation *, int *) = {
        do_open,   do_open,     do_open,    do_mkdir,    do_mkdir,  do_unlink, do_unlink, do_rename,
        do_rename, do_link,     do_symlink, do_stat,     do_stat,   do_stat,   do_fifo,   do_list,
        do_access, do_readlink, do_chdir,   do_truncate, do_getcwd, do_chmod,  do_chown,  do_become};
    scheme_start();
    if (host_enter() < 0) {
        skip();
        return;
    }
    for (unsigned i = 0; i < OPERATIONS; i++) {
        static struct operation op;
        changing_ids = i >= OPERATIONS / 2 && host_can_change_ids();
        int expected = 0;
        random_path(op.path);
        random_path(op.other);
        int32_t got = kinds[random_below(array_size(kinds))](&op, &expected);
        if (got != expected) fail_msg("operation %u, %s: Linux %d, here %d", i, op.text, expected, got);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_linux)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
