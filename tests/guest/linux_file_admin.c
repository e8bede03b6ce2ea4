// Copies between pipes, extended attributes by directory, and the refusals of administrative calls.
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/xattr.h>

#include "linux_calls.h"

static char buffer[70000];

static void test_tee(void) {
    int a[2], b[2], fd = file_with("file", "0123456789");
    if (pipe(a) != 0 || pipe(b) != 0) exit(1);
    WORKS(tee, write(a[1], "hello", 5) == 5 && tee(a[0], b[1], 100, 0) == 5 && read(b[0], buffer, 9) == 5 &&
                   memcmp(buffer, "hello", 5) == 0 && read(a[0], buffer, 9) == 5);
    WORKS(tee, write(a[1], "hello", 5) == 5 && tee(a[0], b[1], 2, 0) == 2 && read(b[0], buffer, 9) == 2 &&
                   read(a[0], buffer, 9) == 5);
    FAILS(tee, EAGAIN, tee(a[0], b[1], 100, SPLICE_F_NONBLOCK));
    FAILS(tee, EINVAL, tee(fd, b[1], 100, 0));
    FAILS(tee, EINVAL, tee(a[0], a[1], 100, 0));
    FAILS(tee, EINVAL, tee(a[0], b[1], 100, 0x100));
    FAILS(tee, EBADF, tee(-1, b[1], 100, 0));
    FAILS(tee, EBADF, tee(a[0], b[0], 100, 0));
    WORKS(tee, tee(a[0], b[1], 0, 0) == 0);
    struct iovec out[2] = {{"vm", 2}, {"splice", 6}}, bad = {BAD, 3}, in = {buffer, 4};
    static struct iovec many[1025];
    WORKS(vmsplice, vmsplice(a[1], out, 2, 0) == 8 && read(a[0], buffer, 9) == 8 && memcmp(buffer, "vmsplice", 8) == 0);
    WORKS(vmsplice, write(a[1], "from", 4) == 4 && vmsplice(a[0], &in, 1, 0) == 4 && memcmp(buffer, "from", 4) == 0);
    FAILS(vmsplice, EBADF, vmsplice(-1, out, 2, 0));
    FAILS(vmsplice, EBADF, vmsplice(fd, out, 2, 0));
    FAILS(vmsplice, EINVAL, vmsplice(a[1], many, 1025, 0));
    FAILS(vmsplice, EFAULT, vmsplice(a[1], &bad, 1, 0));
    FAILS(vmsplice, EFAULT, syscall(SYS_vmsplice, a[1], BAD, 1L, 0));
    close(a[1]);
    WORKS(tee, tee(a[0], b[1], 100, 0) == 0);
}

struct arguments {
    uint64_t value;
    uint32_t size, flags;
};

static void test_xattr_at(void) {
    struct arguments set = {(uintptr_t)"value", 5, 0}, get = {(uintptr_t)buffer, 100, 0},
                     wrong = {(uintptr_t)"x", 1, 8};
    int directory = open(".", O_RDONLY);
    if (RAW(463, directory, "file", 0, "user.a", &set, sizeof set) == -1 && errno == EOPNOTSUPP) return;
    if (errno == ENOSYS) return; // before Linux 6.13
    WORKS(setxattrat,
          RAW(464, directory, "file", 0, "user.a", &get, sizeof get) == 5 && memcmp(buffer, "value", 5) == 0);
    WORKS(listxattrat, RAW(465, directory, "file", 0, buffer, 100) >= 7);
    WORKS(removexattrat, RAW(466, directory, "file", 0, "user.a") == 0);
    FAILS(getxattrat, ENODATA, RAW(464, directory, "file", 0, "user.a", &get, sizeof get));
    FAILS(setxattrat, EINVAL, RAW(463, directory, "file", 0, "user.a", &wrong, sizeof wrong));
    FAILS(setxattrat, EINVAL, RAW(463, directory, "file", 1, "user.a", &set, sizeof set));
    FAILS(setxattrat, EINVAL, RAW(463, directory, "file", 0, "user.a", &set, 8));
    FAILS(setxattrat, E2BIG, RAW(463, directory, "file", 0, "user.a", &set, 5000));
    FAILS(setxattrat, ENOENT, RAW(463, directory, "missing", 0, "user.a", &set, sizeof set));
    FAILS(setxattrat, EBADF, RAW(463, -1, "file", 0, "user.a", &set, sizeof set));
    FAILS(removexattrat, ENODATA, RAW(466, directory, "file", 0, "user.a"));
    FAILS(listxattrat, EINVAL, RAW(465, directory, "file", 1, buffer, 100));
}

// A kernel may be built without ports and modules.
static int there(long number) {
    errno = 0;
    return !(RAW(number, 0, 0, 0, 0) == -1 && errno == ENOSYS);
}

static void test_ports(void) {
    if (!there(SYS_iopl)) return;
    FAILS(iopl, EINVAL, RAW(SYS_iopl, 4));
    WORKS(iopl, RAW(SYS_iopl, 0) == 0);
    FAILS(ioperm, EINVAL, RAW(SYS_ioperm, 65530L, 10L, 0));
    FAILS(ioperm, EINVAL, RAW(SYS_ioperm, 10L, -5L, 0));
    WORKS(ioperm, RAW(SYS_ioperm, 10L, 5L, 0) == 0);
}

static void test_refusals(void) {
    FAILS(acct, ENOENT, RAW(SYS_acct, "missing"));
    FAILS(acct, EISDIR, RAW(SYS_acct, "."));
    FAILS(acct, EACCES, RAW(SYS_acct, "/dev/null"));
    FAILS(acct, EFAULT, RAW(SYS_acct, BAD));
    FAILS(acct, ENAMETOOLONG, RAW(SYS_acct, long_name));
    FAILS(acct, ENOTDIR, RAW(SYS_acct, "file/x"));
    FAILS(swapon, ENOENT, RAW(SYS_swapon, "missing", 0));
    FAILS(swapon, EINVAL, RAW(SYS_swapon, "file", 0));
    FAILS(swapon, EINVAL, RAW(SYS_swapon, "file", 0x1000000));
    FAILS(swapoff, ENOENT, RAW(SYS_swapoff, "missing"));
    FAILS(swapoff, EINVAL, RAW(SYS_swapoff, "file"));
    FAILS(quotactl, EINVAL, RAW(SYS_quotactl, 0x80000105, "file", 0, buffer));
    FAILS(quotactl, ENOTBLK, RAW(SYS_quotactl, 0x80000700, "file", 0, buffer));
    FAILS(quotactl, ENOENT, RAW(SYS_quotactl, 0x80000700, "missing", 0, buffer));
    FAILS(pivot_root, ENOENT, RAW(SYS_pivot_root, "missing", "missing"));
    FAILS(pivot_root, ENOTDIR, RAW(SYS_pivot_root, "file", "file"));
    FAILS(pivot_root, EFAULT, RAW(SYS_pivot_root, BAD, "file"));
    int count = (int)RAW(SYS_sysfs, 3, 0, 0);
    WORKS(sysfs, count > 0 && RAW(SYS_sysfs, 2, 0L, buffer) == 0 && RAW(SYS_sysfs, 1, buffer, 0) == 0);
    FAILS(sysfs, EINVAL, RAW(SYS_sysfs, 1, "no-such-type", 0));
    FAILS(sysfs, EINVAL, RAW(SYS_sysfs, 2, (long)count, buffer));
    FAILS(sysfs, EINVAL, RAW(SYS_sysfs, 9, 0, 0));
    FAILS(sysfs, EFAULT, RAW(SYS_sysfs, 1, BAD, 0));
    FAILS(sysfs, EFAULT, RAW(SYS_sysfs, 2, 0L, BAD));
    struct stat status;
    WORKS(ustat, stat(".", &status) == 0 && RAW(SYS_ustat, status.st_dev, buffer) == 0);
    FAILS(ustat, EINVAL, RAW(SYS_ustat, 0x7777, buffer));
    FAILS(ustat, EFAULT, RAW(SYS_ustat, status.st_dev, BAD));
}

static void as_a_user(void) {
    FAILS(vhangup, EPERM, RAW(SYS_vhangup, 0));
    FAILS(acct, EPERM, RAW(SYS_acct, "file"));
    FAILS(swapon, EPERM, RAW(SYS_swapon, "file", 0));
    FAILS(swapoff, EPERM, RAW(SYS_swapoff, "file"));
    FAILS(pivot_root, EPERM, RAW(SYS_pivot_root, ".", "."));
    if (there(SYS_iopl)) {
        FAILS(iopl, EPERM, RAW(SYS_iopl, 3));
        FAILS(ioperm, EPERM, RAW(SYS_ioperm, 0L, 5L, 1));
    }
    if (there(SYS_init_module)) {
        FAILS(init_module, EPERM, RAW(SYS_init_module, buffer, 100L, ""));
        FAILS(finit_module, EPERM, RAW(SYS_finit_module, 0, "", 0));
        FAILS(delete_module, EPERM, RAW(SYS_delete_module, "none", 0));
        FAILS(kexec_load, EPERM, RAW(SYS_kexec_load, 0L, 0L, buffer, 0L));
    }
}

int main(void) {
    work_in_fresh_directory();
    make_long_names();
    test_tee();
    test_xattr_at();
    test_ports();
    test_refusals();
    chmod(".", 0755);
    as_user(as_a_user);
    return tap_done();
}
