// POSIX message queues, by the raw calls (names without a slash).
#include <poll.h>
#include <signal.h>
#include <time.h>

#include "linux_calls.h"

struct attributes {
    long flags, maximum, size, count, reserved[4];
};
// The kernel's struct sigevent.
struct event {
    union {
        int integer;
        void *pointer;
    } value;
    int signal, notify, padding[12];
};

static char buffer[20000];
static volatile sig_atomic_t signals, code, value;

static void on_signal(int number, siginfo_t *info, void *context) {
    (void)number, (void)context;
    signals++;
    code = info->si_code;
    value = info->si_value.sival_int;
}

static void on_alarm(int number) {
    (void)number;
}

static long mq_open(const char *name, int flags, int mode, struct attributes *attributes) {
    return RAW(SYS_mq_open, name, flags, mode, attributes);
}
static long mq_send(int fd, const char *text, size_t length, unsigned priority, const struct timespec *time) {
    return RAW(SYS_mq_timedsend, fd, text, length, priority, time);
}
static long mq_receive(int fd, char *text, size_t length, unsigned *priority, const struct timespec *time) {
    return RAW(SYS_mq_timedreceive, fd, text, length, priority, time);
}

static struct timespec in_milliseconds(long milliseconds) {
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    time.tv_nsec += milliseconds * 1000000;
    time.tv_sec += time.tv_nsec / 1000000000;
    time.tv_nsec %= 1000000000;
    return time;
}

static void test_open(void) {
    struct attributes small = {.maximum = 2, .size = 16}, wrong = {.maximum = 0, .size = 16},
                      negative = {.maximum = 2, .size = -1};
    RAW(SYS_mq_unlink, "test-queue");
    int fd = mq_open("test-queue", O_CREAT | O_RDWR, 0600, &small);
    if (fd < 0 && errno == ENOSYS) SKIP_ALL("no message queues");
    WORKS(mq_open, fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
    WORKS(mq_open, mq_open("test-queue", O_RDONLY, 0, NULL) >= 0);
    FAILS(mq_open, EEXIST, mq_open("test-queue", O_CREAT | O_EXCL | O_RDWR, 0600, NULL));
    FAILS(mq_open, ENOENT, mq_open("no-such-queue", O_RDWR, 0, NULL));
    FAILS(mq_open, ENOENT, mq_open("", O_RDWR, 0, NULL));
    FAILS(mq_open, EACCES, mq_open("/test-queue", O_RDWR, 0, NULL));
    FAILS(mq_open, EINVAL, mq_open("wrong", O_CREAT | O_RDWR, 0600, &wrong));
    FAILS(mq_open, EINVAL, mq_open("wrong", O_CREAT | O_RDWR, 0600, &negative));
    FAILS(mq_open, EFAULT, mq_open("wrong", O_CREAT | O_RDWR, 0600, BAD));
    FAILS(mq_open, EFAULT, mq_open(BAD, O_RDWR, 0, NULL));
    FAILS(mq_open, ENAMETOOLONG, mq_open(long_name, O_RDWR, 0, NULL));
    FAILS(mq_unlink, ENOENT, RAW(SYS_mq_unlink, "no-such-queue"));
    FAILS(mq_unlink, ENAMETOOLONG, RAW(SYS_mq_unlink, long_name));
    FAILS(mq_unlink, EFAULT, RAW(SYS_mq_unlink, BAD));
}

static void test_messages(void) {
    int fd = mq_open("test-queue", O_RDWR, 0, NULL), reader = mq_open("test-queue", O_RDONLY, 0, NULL);
    int writer = mq_open("test-queue", O_WRONLY, 0, NULL), polled = mq_open("test-queue", O_RDWR | O_NONBLOCK, 0, NULL);
    int file = file_with("file", "x");
    unsigned priority = 99;
    struct timespec soon = in_milliseconds(50), wrong = {1, 2000000000}, past = {1, 0};
    WORKS(mq_timedsend, mq_send(fd, "low", 3, 1, NULL) == 0 && mq_send(fd, "high", 4, 9, NULL) == 0);
    FAILS(mq_timedsend, EAGAIN, mq_send(polled, "x", 1, 0, NULL));
    FAILS(mq_timedsend, ETIMEDOUT, mq_send(fd, "x", 1, 0, &soon));
    FAILS(mq_timedsend, ETIMEDOUT, mq_send(fd, "x", 1, 0, &past));
    FAILS(mq_timedsend, EINVAL, mq_send(fd, "x", 1, 0, &wrong));
    struct pollfd p = {polled, POLLIN | POLLOUT, 0};
    WORKS(poll, poll(&p, 1, 0) == 1 && p.revents == POLLIN);
    WORKS(mq_timedreceive,
          mq_receive(fd, buffer, 16, &priority, NULL) == 4 && priority == 9 && memcmp(buffer, "high", 4) == 0);
    WORKS(mq_timedreceive, mq_receive(reader, buffer, 100, NULL, NULL) == 3 && memcmp(buffer, "low", 3) == 0);
    WORKS(poll, poll(&p, 1, 0) == 1 && p.revents == POLLOUT);
    FAILS(mq_timedreceive, EAGAIN, mq_receive(polled, buffer, 16, NULL, NULL));
    soon = in_milliseconds(50);
    FAILS(mq_timedreceive, ETIMEDOUT, mq_receive(fd, buffer, 16, NULL, &soon));
    FAILS(mq_timedreceive, EMSGSIZE, mq_receive(fd, buffer, 15, NULL, NULL));
    FAILS(mq_timedreceive, EBADF, mq_receive(-1, buffer, 16, NULL, NULL));
    FAILS(mq_timedreceive, EBADF, mq_receive(file, buffer, 16, NULL, NULL));
    FAILS(mq_timedreceive, EBADF, mq_receive(writer, buffer, 16, NULL, NULL));
    FAILS(mq_timedreceive, EINVAL, mq_receive(fd, buffer, 16, NULL, &wrong));
    FAILS(mq_timedreceive, EFAULT, mq_receive(fd, buffer, 16, NULL, BAD));
    FAILS(mq_timedsend, EMSGSIZE, mq_send(fd, buffer, 17, 0, NULL));
    FAILS(mq_timedsend, EINVAL, mq_send(fd, buffer, 1, 32768, NULL));
    FAILS(mq_timedsend, EBADF, mq_send(-1, buffer, 1, 0, NULL));
    FAILS(mq_timedsend, EBADF, mq_send(file, buffer, 1, 0, NULL));
    FAILS(mq_timedsend, EBADF, mq_send(reader, buffer, 1, 0, NULL));
    FAILS(mq_timedsend, EFAULT, mq_send(fd, BAD, 1, 0, NULL));
    FAILS(mq_timedsend, EFAULT, mq_send(fd, "x", 1, 0, BAD));
    struct sigaction action = {.sa_handler = on_alarm};
    sigaction(SIGALRM, &action, NULL);
    struct itimerval alarm = {.it_value = {0, 50000}};
    setitimer(ITIMER_REAL, &alarm, NULL);
    FAILS(mq_timedreceive, EINTR, mq_receive(fd, buffer, 16, NULL, NULL));
    pid_t child = fork();
    if (child == 0) _exit(mq_receive(fd, buffer, 16, NULL, NULL) == 2 ? 0 : 1);
    usleep(30000);
    int status;
    WORKS(mq_timedreceive, mq_send(fd, "ok", 2, 0, NULL) == 0 && waitpid(child, &status, 0) == child && status == 0);
}

static void test_attributes(void) {
    int fd = mq_open("test-queue", O_RDWR, 0, NULL), file = file_with("file", "x");
    struct attributes now, set = {.flags = O_NONBLOCK}, wrong = {.flags = 1};
    WORKS(mq_getsetattr, RAW(SYS_mq_getsetattr, fd, NULL, &now) == 0 && now.maximum == 2 && now.size == 16 &&
                             now.count == 0 && now.flags == 0);
    WORKS(mq_getsetattr, mq_send(fd, "x", 1, 0, NULL) == 0 && RAW(SYS_mq_getsetattr, fd, &set, &now) == 0 &&
                             now.flags == 0 && now.count == 1);
    WORKS(mq_getsetattr, RAW(SYS_mq_getsetattr, fd, NULL, &now) == 0 && now.flags == O_NONBLOCK &&
                             (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    FAILS(mq_getsetattr, EINVAL, RAW(SYS_mq_getsetattr, fd, &wrong, NULL));
    FAILS(mq_getsetattr, EBADF, RAW(SYS_mq_getsetattr, -1, NULL, &now));
    FAILS(mq_getsetattr, EBADF, RAW(SYS_mq_getsetattr, file, NULL, &now));
    FAILS(mq_getsetattr, EFAULT, RAW(SYS_mq_getsetattr, fd, NULL, BAD));
    WORKS(mq_timedreceive, mq_receive(fd, buffer, 16, NULL, NULL) == 1);
}

static void test_notify(void) {
    int fd = mq_open("test-queue", O_RDWR, 0, NULL), file = file_with("file", "x");
    struct event event = {.value.integer = 77, .signal = SIGUSR1, .notify = SIGEV_SIGNAL}, odd = {.notify = 99},
                 bad = {.signal = 999, .notify = SIGEV_SIGNAL};
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &action, NULL);
    WORKS(mq_notify, RAW(SYS_mq_notify, fd, &event) == 0);
    FAILS(mq_notify, EBUSY, RAW(SYS_mq_notify, fd, &event));
    WORKS(mq_notify, mq_send(fd, "x", 1, 0, NULL) == 0 && signals == 1 && code == SI_MESGQ && value == 77);
    WORKS(mq_notify, mq_receive(fd, buffer, 16, NULL, NULL) == 1 && mq_send(fd, "x", 1, 0, NULL) == 0 && signals == 1);
    WORKS(mq_notify, RAW(SYS_mq_notify, fd, &event) == 0 && RAW(SYS_mq_notify, fd, NULL) == 0 &&
                         RAW(SYS_mq_notify, fd, &event) == 0);
    FAILS(mq_notify, EINVAL, RAW(SYS_mq_notify, fd, &odd));
    FAILS(mq_notify, EINVAL, RAW(SYS_mq_notify, fd, &bad));
    FAILS(mq_notify, EBADF, RAW(SYS_mq_notify, -1, &event));
    FAILS(mq_notify, EBADF, RAW(SYS_mq_notify, file, &event));
    FAILS(mq_notify, EFAULT, RAW(SYS_mq_notify, fd, BAD));
}

static void as_a_user(void) {
    FAILS(mq_open, EACCES, mq_open("test-queue", O_RDWR, 0, NULL));
    FAILS(mq_unlink, EPERM, RAW(SYS_mq_unlink, "test-queue"));
    struct attributes large = {.maximum = 1000, .size = 16};
    FAILS(mq_open, EINVAL, mq_open("users", O_CREAT | O_RDWR, 0600, &large));
}

int main(void) {
    work_in_fresh_directory();
    make_long_names();
    test_open();
    test_messages();
    test_attributes();
    test_notify();
    as_user(as_a_user);
    int fd = mq_open("test-queue", O_RDWR, 0, NULL);
    WORKS(mq_unlink, RAW(SYS_mq_unlink, "test-queue") == 0 && mq_receive(fd, buffer, 16, NULL, NULL) == 1);
    FAILS(mq_open, ENOENT, mq_open("test-queue", O_RDWR, 0, NULL));
    return tap_done();
}
