// kcmp, pidfd_getfd, and asynchronous I/O: io_setup, io_submit, io_getevents, io_cancel, io_destroy.
#include "raw_call.h"

#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/kcmp.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

static int target;

static int unprivileged(void) {
    if (setuid(1000)) return 1;
    if (syscall(SYS_kcmp, getpid(), target, KCMP_VM, 0, 0) != -1 || errno != EPERM) return 2;
    int descriptor = (int)syscall(SYS_pidfd_open, target, 0);
    return syscall(SYS_pidfd_getfd, descriptor, 1, 0) == -1 && errno == EPERM ? 0 : 3;
}

static int no_descriptor_left(void) {
    int descriptor = (int)syscall(SYS_pidfd_open, target, 0);
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){3, 3});
    return syscall(SYS_pidfd_getfd, descriptor, 1, 0) == -1 && errno == EMFILE ? 0 : 3;
}

static void test_compare(void) {
    int self = getpid(), null = open("/dev/null", O_RDONLY), other = open("/dev/null", O_RDONLY), copy = dup(null);
    target = idle_child();
    ANSWERS("kcmp: one file", 0, syscall(SYS_kcmp, self, self, KCMP_FILE, null, copy));
    HOLDS("kcmp: two files", syscall(SYS_kcmp, self, self, KCMP_FILE, null, other) > 0);
    ANSWERS("kcmp: inherited", 0, syscall(SYS_kcmp, self, target, KCMP_FILE, 1, 1));
    HOLDS("kcmp: memory is another", syscall(SYS_kcmp, self, target, KCMP_VM, 0, 0) > 0);
    ANSWERS("kcmp: the own memory", 0, syscall(SYS_kcmp, self, self, KCMP_VM, 0, 0));
    FAILS("kcmp: EINVAL", EINVAL, syscall(SYS_kcmp, self, self, 99, 0, 0));
    FAILS("kcmp: EBADF", EBADF, syscall(SYS_kcmp, self, self, KCMP_FILE, 999, 1));
    FAILS("kcmp: ESRCH", ESRCH, syscall(SYS_kcmp, self, 4000000, KCMP_VM, 0, 0));
    ANSWERS("kcmp, pidfd_getfd: EPERM for an unprivileged user", 0, in_child(unprivileged));
    int process = (int)syscall(SYS_pidfd_open, target, 0);
    int got = (int)syscall(SYS_pidfd_getfd, process, 1, 0);
    HOLDS("pidfd_getfd: a descriptor", got > 2);
    ANSWERS("pidfd_getfd: close on exec", FD_CLOEXEC, fcntl(got, F_GETFD));
    ANSWERS("pidfd_getfd: the same file", 0, syscall(SYS_kcmp, self, target, KCMP_FILE, got, 1));
    FAILS("pidfd_getfd: EBADF for a pidfd", EBADF, syscall(SYS_pidfd_getfd, null, 1, 0));
    FAILS("pidfd_getfd: EBADF for the other's descriptor", EBADF, syscall(SYS_pidfd_getfd, process, 999, 0));
    FAILS("pidfd_getfd: EINVAL for flags", EINVAL, syscall(SYS_pidfd_getfd, process, 1, 1));
    ANSWERS("pidfd_getfd: EMFILE", 0, in_child(no_descriptor_left));
    end_child(target);
    FAILS("pidfd_getfd: ESRCH", ESRCH, syscall(SYS_pidfd_getfd, process, 1, 0));
    pid_t child = idle_child();
    int quick = (int)syscall(SYS_pidfd_open, child, O_NONBLOCK);
    siginfo_t info;
    FAILS("waitid: EAGAIN for a pidfd that doesn't block", EAGAIN,
          syscall(SYS_waitid, 3, quick, &info, WEXITED, nullptr));
    end_child(child);
}

static long submit(aio_context_t context, struct iocb *request) {
    struct iocb *requests[1] = {request};
    return syscall(SYS_io_submit, context, 1L, requests);
}

static void no_action(int) {
}

static void test_async(void) {
    aio_context_t context = 0, none = 0;
    struct io_event events[4];
    struct timespec moment = {0, 20000000};
    char name[] = "/tmp/async-XXXXXX", buffer[100] = {};
    int file = mkstemp(name), reader = open(name, O_RDONLY), event = eventfd(0, 0);
    unlink(name);
    FAILS("io_setup: EFAULT", EFAULT, syscall(SYS_io_setup, 4, nowhere));
    FAILS("io_setup: EINVAL for none", EINVAL, syscall(SYS_io_setup, 0, &context));
    context = 5;
    FAILS("io_setup: EINVAL for a context that is not 0", EINVAL, syscall(SYS_io_setup, 4, &context));
    context = 0;
    FAILS("io_setup: EAGAIN for too many", EAGAIN, syscall(SYS_io_setup, 1000000, &context));
    ANSWERS("io_setup: makes a context", 0, syscall(SYS_io_setup, 8, &context));
    struct iocb request = {.aio_data = 42,
                           .aio_lio_opcode = IOCB_CMD_PWRITE,
                           .aio_fildes = (uint32_t)file,
                           .aio_buf = (uintptr_t)"hello",
                           .aio_nbytes = 5};
    ANSWERS("io_submit: a write", 1, submit(context, &request));
    ANSWERS("io_getevents: it is done", 1, syscall(SYS_io_getevents, context, 1L, 4L, events, nullptr));
    HOLDS("io_getevents: its data and result",
          events[0].data == 42 && events[0].res == 5 && events[0].obj == (uintptr_t)&request);
    request = (struct iocb){.aio_lio_opcode = IOCB_CMD_PREAD,
                            .aio_fildes = (uint32_t)file,
                            .aio_buf = (uintptr_t)buffer,
                            .aio_nbytes = 100,
                            .aio_offset = 1,
                            .aio_flags = IOCB_FLAG_RESFD,
                            .aio_resfd = (uint32_t)event};
    ANSWERS("io_submit: a read", 1, submit(context, &request));
    ANSWERS("io_getevents: it is done too", 1, syscall(SYS_io_getevents, context, 1L, 4L, events, nullptr));
    HOLDS("io_getevents: the bytes", events[0].res == 4 && strcmp(buffer, "ello") == 0);
    uint64_t count = 0;
    ANSWERS("io_submit: the event counter", 8, read(event, &count, 8));
    request = (struct iocb){.aio_lio_opcode = IOCB_CMD_FSYNC, .aio_fildes = (uint32_t)file};
    ANSWERS("io_submit: fsync", 1, submit(context, &request));
    ANSWERS("io_getevents: of fsync", 1, syscall(SYS_io_getevents, context, 1L, 4L, events, nullptr));
    request.aio_lio_opcode = 99;
    FAILS("io_submit: EINVAL for an operation", EINVAL, submit(context, &request));
    request.aio_lio_opcode = IOCB_CMD_PWRITE;
    request.aio_fildes = 999;
    FAILS("io_submit: EBADF", EBADF, submit(context, &request));
    request.aio_fildes = (uint32_t)reader;
    FAILS("io_submit: EBADF for a file open for reading", EBADF, submit(context, &request));
    FAILS("io_submit: EINVAL for a context", EINVAL, submit(none, &request));
    FAILS("io_submit: EFAULT for the array", EFAULT, syscall(SYS_io_submit, context, 1L, nowhere));
    FAILS("io_submit: EFAULT for a request", EFAULT, submit(context, nowhere));
    FAILS("io_submit: EINVAL for a negative number", EINVAL, syscall(SYS_io_submit, context, -1L, &request));
    ANSWERS("io_submit: none", 0, syscall(SYS_io_submit, context, 0L, nullptr));
    ANSWERS("io_getevents: none in time", 0, syscall(SYS_io_getevents, context, 1L, 4L, events, &moment));
    ANSWERS("io_getevents: none at all", 0, syscall(SYS_io_getevents, context, 0L, 4L, events, nullptr));
    FAILS("io_getevents: EINVAL for a context", EINVAL, syscall(SYS_io_getevents, none, 1L, 4L, events, nullptr));
    FAILS("io_getevents: EINVAL for the numbers", EINVAL, syscall(SYS_io_getevents, context, 5L, 4L, events, nullptr));
    FAILS("io_getevents: EFAULT for the time", EFAULT, syscall(SYS_io_getevents, context, 1L, 4L, events, nowhere));
    struct sigaction action = {.sa_handler = no_action};
    sigaction(SIGALRM, &action, nullptr);
    ualarm(20000, 0);
    FAILS("io_getevents: EINTR", EINTR, syscall(SYS_io_getevents, context, 1L, 4L, events, nullptr));
    request = (struct iocb){.aio_lio_opcode = IOCB_CMD_PREAD,
                            .aio_fildes = (uint32_t)reader,
                            .aio_buf = (uintptr_t)buffer,
                            .aio_nbytes = 1};
    submit(context, &request);
    FAILS("io_getevents: EFAULT for the events", EFAULT, syscall(SYS_io_getevents, context, 1L, 4L, nowhere, nullptr));
    FAILS("io_cancel: EINVAL for what is done", EINVAL, syscall(SYS_io_cancel, context, &request, events));
    FAILS("io_cancel: EFAULT", EFAULT, syscall(SYS_io_cancel, context, nowhere, events));
    FAILS("io_cancel: EINVAL for a context", EINVAL, syscall(SYS_io_cancel, none, &request, events));
    ANSWERS("io_destroy: 0", 0, syscall(SYS_io_destroy, context));
    FAILS("io_destroy: EINVAL", EINVAL, syscall(SYS_io_destroy, context));
}

int main(void) {
    test_compare();
    test_async();
    return tap_done();
}
