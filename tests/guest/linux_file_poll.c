// poll, select, epoll, eventfd, signalfd, timerfd.
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>

#include "linux_calls.h"

static int ends[2];

static void on_alarm(int signal) {
    (void)signal;
}

static void alarm_in(long microseconds) {
    struct itimerval timer = {.it_value = {microseconds / 1000000, microseconds % 1000000}};
    setitimer(ITIMER_REAL, &timer, NULL);
}

static long milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void fresh_pipe(void) {
    if (pipe(ends) != 0) exit(1);
}

static void test_poll(void) {
    fresh_pipe();
    struct pollfd p[3] = {{ends[0], POLLIN, 99}, {ends[1], POLLOUT, 99}, {-5, POLLIN, 99}};
    WORKS(poll, poll(p, 3, 1000) == 1 && p[0].revents == 0 && p[1].revents == POLLOUT && p[2].revents == 0);
    WORKS(poll, write(ends[1], "x", 1) == 1 && poll(p, 3, -1) == 2 && p[0].revents == POLLIN);
    p[2].fd = 999;
    WORKS(poll, poll(p, 3, 0) == 3 && p[2].revents == POLLNVAL);
    long before = milliseconds();
    char byte;
    if (read(ends[0], &byte, 1) != 1) exit(1);
    WORKS(poll, poll(p, 1, 60) == 0 && milliseconds() - before >= 60 && milliseconds() - before < 3000);
    WORKS(poll, poll(NULL, 0, 1) == 0);
    close(ends[1]);
    WORKS(poll, poll(p, 1, -1) == 1 && p[0].revents == POLLHUP);
    fresh_pipe();
    close(ends[0]);
    p[1].fd = ends[1];
    WORKS(poll, poll(p + 1, 1, -1) == 1 && (p[1].revents & POLLERR) != 0);
    FAILS(poll, EFAULT, poll(BAD, 1, 0));
    struct rlimit limit, small;
    getrlimit(RLIMIT_NOFILE, &limit);
    small = limit, small.rlim_cur = 2;
    setrlimit(RLIMIT_NOFILE, &small);
    FAILS(poll, EINVAL, poll(p, 3, 0));
    setrlimit(RLIMIT_NOFILE, &limit);
    fresh_pipe();
    p[0].fd = ends[0];
    alarm_in(50000);
    FAILS(poll, EINTR, poll(p, 1, 5000));
    sigset_t none, alarm_set;
    sigemptyset(&none);
    sigemptyset(&alarm_set);
    sigaddset(&alarm_set, SIGALRM);
    struct timespec time = {0, 30000000}, wrong = {0, 1000000000}, five = {5, 0};
    WORKS(ppoll, syscall(SYS_ppoll, p, 1, &time, NULL, 8) == 0 && time.tv_sec == 0 && time.tv_nsec == 0);
    FAILS(ppoll, EINVAL, syscall(SYS_ppoll, p, 1, &wrong, NULL, 8));
    FAILS(ppoll, EINVAL, syscall(SYS_ppoll, p, 1, &time, &none, 7));
    FAILS(ppoll, EFAULT, syscall(SYS_ppoll, p, 1, BAD, NULL, 8));
    FAILS(ppoll, EFAULT, syscall(SYS_ppoll, p, 1, &time, BAD, 8));
    sigprocmask(SIG_BLOCK, &alarm_set, NULL);
    alarm_in(50000);
    FAILS(ppoll, EINTR, syscall(SYS_ppoll, p, 1, &five, &none, 8));
    sigset_t now;
    WORKS(ppoll, sigprocmask(SIG_UNBLOCK, &alarm_set, &now) == 0 && sigismember(&now, SIGALRM));
}

static void test_select(void) {
    fresh_pipe();
    fd_set in, out, none;
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_ZERO(&none);
    FD_SET(ends[0], &in);
    FD_SET(ends[1], &out);
    struct timeval time = {1, 0}, wrong = {-1, 0}, brief = {0, 30000};
    WORKS(select,
          select(ends[1] + 1, &in, &out, NULL, &time) == 1 && !FD_ISSET(ends[0], &in) && FD_ISSET(ends[1], &out));
    WORKS(select, time.tv_sec == 0 && time.tv_usec > 0);
    FD_SET(ends[0], &in);
    WORKS(select,
          write(ends[1], "x", 1) == 1 && select(ends[0] + 1, &in, NULL, NULL, NULL) == 1 && FD_ISSET(ends[0], &in));
    WORKS(select, select(0, NULL, NULL, NULL, &brief) == 0 && brief.tv_usec == 0);
    FAILS(select, EINVAL, syscall(SYS_select, -1, NULL, NULL, NULL, &time));
    FAILS(select, EINVAL, syscall(SYS_select, 0, NULL, NULL, NULL, &wrong));
    FAILS(select, EFAULT, syscall(SYS_select, 10, BAD, NULL, NULL, &time));
    FAILS(select, EFAULT, syscall(SYS_select, 0, NULL, NULL, NULL, BAD));
    int closed = dup(ends[0]);
    close(closed);
    FD_ZERO(&in);
    FD_SET(closed, &in);
    time = (struct timeval){1, 0};
    FAILS(select, EBADF, select(closed + 1, &in, NULL, NULL, &time));
    char byte;
    if (read(ends[0], &byte, 1) != 1) exit(1);
    FD_ZERO(&in);
    FD_SET(ends[0], &in);
    time = (struct timeval){5, 0};
    alarm_in(50000);
    FAILS(select, EINTR, select(ends[0] + 1, &in, NULL, NULL, &time));
    struct timespec fine = {0, 20000000}, bad = {0, -1};
    FD_ZERO(&in);
    FD_SET(ends[0], &in);
    WORKS(pselect6, syscall(SYS_pselect6, ends[0] + 1, &in, NULL, NULL, &fine, NULL) == 0 && !FD_ISSET(ends[0], &in));
    FAILS(pselect6, EINVAL, syscall(SYS_pselect6, 0, NULL, NULL, NULL, &bad, NULL));
    FAILS(pselect6, EFAULT, syscall(SYS_pselect6, 0, NULL, NULL, NULL, &fine, BAD));
    struct {
        void *set;
        size_t size;
    } short_set = {&fine, 3};
    FAILS(pselect6, EINVAL, syscall(SYS_pselect6, 0, NULL, NULL, NULL, &fine, &short_set));
    FAILS(pselect6, EINVAL, syscall(SYS_pselect6, -1, NULL, NULL, NULL, &fine, NULL));
}

static void test_epoll(void) {
    fresh_pipe();
    int epoll = epoll_create1(EPOLL_CLOEXEC), other = epoll_create(1);
    struct epoll_event event = {EPOLLIN, {.u64 = 0x123456789abcdef0}}, events[4];
    WORKS(epoll_create1, epoll >= 0 && fcntl(epoll, F_GETFD) == FD_CLOEXEC);
    WORKS(epoll_create, other >= 0 && fcntl(other, F_GETFD) == 0);
    FAILS(epoll_create, EINVAL, epoll_create(0));
    FAILS(epoll_create1, EINVAL, epoll_create1(1));
    WORKS(epoll_ctl, epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event) == 0);
    FAILS(epoll_ctl, EEXIST, epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event));
    FAILS(epoll_ctl, ENOENT, epoll_ctl(epoll, EPOLL_CTL_MOD, ends[1], &event));
    FAILS(epoll_ctl, ENOENT, epoll_ctl(epoll, EPOLL_CTL_DEL, ends[1], NULL));
    FAILS(epoll_ctl, EINVAL, epoll_ctl(epoll, 9, ends[0], &event));
    FAILS(epoll_ctl, EINVAL, epoll_ctl(epoll, EPOLL_CTL_ADD, epoll, &event));
    FAILS(epoll_ctl, EINVAL, epoll_ctl(ends[0], EPOLL_CTL_ADD, ends[1], &event));
    FAILS(epoll_ctl, EBADF, epoll_ctl(-1, EPOLL_CTL_ADD, ends[1], &event));
    FAILS(epoll_ctl, EBADF, epoll_ctl(epoll, EPOLL_CTL_ADD, -1, &event));
    FAILS(epoll_ctl, EFAULT, epoll_ctl(epoll, EPOLL_CTL_ADD, ends[1], BAD));
    int fd = file_with("file", "x");
    FAILS(epoll_ctl, EPERM, epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
    WORKS(epoll_wait, epoll_wait(epoll, events, 4, 0) == 0);
    WORKS(epoll_wait, write(ends[1], "x", 1) == 1 && epoll_wait(epoll, events, 4, 1000) == 1 &&
                          events[0].events == EPOLLIN && events[0].data.u64 == 0x123456789abcdef0 &&
                          epoll_wait(epoll, events, 4, 0) == 1);
    FAILS(epoll_wait, EINVAL, epoll_wait(epoll, events, 0, 0));
    FAILS(epoll_wait, EINVAL, epoll_wait(epoll, events, -1, 0));
    FAILS(epoll_wait, EBADF, epoll_wait(-1, events, 1, 0));
    FAILS(epoll_wait, EINVAL, epoll_wait(ends[0], events, 1, 0));
    FAILS(epoll_wait, EFAULT, epoll_wait(epoll, BAD, 1, 0));
    event.events = EPOLLIN | EPOLLET;
    WORKS(epoll_ctl, epoll_ctl(epoll, EPOLL_CTL_MOD, ends[0], &event) == 0 && epoll_wait(epoll, events, 4, 0) == 1 &&
                         epoll_wait(epoll, events, 4, 0) == 0 && write(ends[1], "y", 1) == 1 &&
                         epoll_wait(epoll, events, 4, 0) == 1);
    event.events = EPOLLIN | EPOLLONESHOT;
    WORKS(epoll_ctl, epoll_ctl(epoll, EPOLL_CTL_MOD, ends[0], &event) == 0 && epoll_wait(epoll, events, 4, 0) == 1 &&
                         epoll_wait(epoll, events, 4, 0) == 0);
    WORKS(epoll_ctl, epoll_ctl(epoll, EPOLL_CTL_MOD, ends[0], &event) == 0 && epoll_wait(epoll, events, 4, 0) == 1);
    struct epoll_event nested = {EPOLLIN, {.u32 = 7}};
    event.events = EPOLLIN;
    WORKS(epoll_ctl, epoll_ctl(epoll, EPOLL_CTL_MOD, ends[0], &event) == 0 &&
                         epoll_ctl(other, EPOLL_CTL_ADD, epoll, &nested) == 0 && epoll_wait(other, events, 4, 0) == 1 &&
                         events[0].data.u32 == 7);
    FAILS(epoll_ctl, ELOOP, epoll_ctl(epoll, EPOLL_CTL_ADD, other, &nested));
    WORKS(epoll_ctl, epoll_ctl(epoll, EPOLL_CTL_DEL, ends[0], NULL) == 0 && epoll_wait(epoll, events, 4, 0) == 0);
    struct pollfd p = {epoll, POLLIN, 0};
    WORKS(epoll_ctl, epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event) == 0 && poll(&p, 1, 0) == 1);
    close(ends[1]);
    WORKS(epoll_wait, epoll_wait(epoll, events, 4, 0) == 1 && events[0].events == (EPOLLIN | EPOLLHUP));
    close(ends[0]);
    WORKS(epoll_wait, epoll_wait(epoll, events, 4, 0) == 0);
    sigset_t none;
    sigemptyset(&none);
    alarm_in(50000);
    FAILS(epoll_pwait, EINTR, epoll_pwait(epoll, events, 4, 5000, &none));
    FAILS(epoll_pwait, EINVAL, syscall(SYS_epoll_pwait, epoll, events, 4, 0, &none, 5));
    FAILS(epoll_pwait, EFAULT, syscall(SYS_epoll_pwait, epoll, events, 4, 0, BAD, 8));
    struct timespec brief = {0, 10000000}, wrong = {0, -1};
    WORKS(epoll_pwait2, syscall(441, epoll, events, 4, &brief, NULL, 8) == 0);
    FAILS(epoll_pwait2, EINVAL, syscall(441, epoll, events, 4, &wrong, NULL, 8));
    FAILS(epoll_pwait2, EFAULT, syscall(441, epoll, events, 4, BAD, NULL, 8));
}

static void test_eventfd(void) {
    uint64_t value = 5;
    int fd = eventfd(3, EFD_NONBLOCK | EFD_CLOEXEC), old = syscall(SYS_eventfd, 1);
    WORKS(eventfd2, fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC && read(fd, &value, 8) == 8 && value == 3);
    FAILS(eventfd2, EAGAIN, read(fd, &value, 8));
    value = 7;
    WORKS(eventfd2, write(fd, &value, 8) == 8 && write(fd, &value, 8) == 8 && read(fd, &value, 8) == 8 && value == 14);
    FAILS(eventfd2, EINVAL, read(fd, &value, 7));
    FAILS(eventfd2, EINVAL, write(fd, &value, 7));
    value = ~0ULL;
    FAILS(eventfd2, EINVAL, write(fd, &value, 8));
    value = ~0ULL - 1;
    WORKS(eventfd2, write(fd, &value, 8) == 8);
    value = 1;
    FAILS(eventfd2, EAGAIN, write(fd, &value, 8));
    FAILS(eventfd2, EINVAL, syscall(SYS_eventfd2, 0, 2));
    WORKS(eventfd, old >= 0 && read(old, &value, 8) == 8 && value == 1);
    int semaphore = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);
    WORKS(eventfd2, read(semaphore, &value, 8) == 8 && value == 1 && read(semaphore, &value, 8) == 8 && value == 1 &&
                        read(semaphore, &value, 8) == -1);
    struct pollfd p = {semaphore, POLLIN | POLLOUT, 0};
    WORKS(eventfd2, poll(&p, 1, 0) == 1 && p.revents == POLLOUT);
}

static void test_signalfd(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC), file = file_with("file", "x");
    struct signalfd_siginfo info;
    WORKS(signalfd4, fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
    FAILS(signalfd4, EAGAIN, read(fd, &info, sizeof info));
    WORKS(signalfd4, kill(getpid(), SIGUSR1) == 0 && read(fd, &info, sizeof info) == 128 && info.ssi_signo == SIGUSR1 &&
                         info.ssi_pid == (uint32_t)getpid() && info.ssi_code == SI_USER);
    FAILS(signalfd4, EINVAL, read(fd, &info, 100));
    WORKS(signalfd4, kill(getpid(), SIGUSR1) == 0 && poll(&(struct pollfd){fd, POLLIN, 0}, 1, 0) == 1 &&
                         read(fd, &info, 128) == 128);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    WORKS(signalfd4, signalfd(fd, &set, 0) == fd && kill(getpid(), SIGUSR2) == 0 && read(fd, &info, 128) == 128 &&
                         info.ssi_signo == SIGUSR2);
    FAILS(signalfd4, EINVAL, syscall(SYS_signalfd4, -1, &set, 8, 1));
    FAILS(signalfd4, EINVAL, syscall(SYS_signalfd4, -1, &set, 7, 0));
    FAILS(signalfd4, EINVAL, syscall(SYS_signalfd4, file, &set, 8, 0));
    FAILS(signalfd4, EBADF, syscall(SYS_signalfd4, 999, &set, 8, 0));
    FAILS(signalfd4, EFAULT, syscall(SYS_signalfd4, -1, BAD, 8, 0));
    WORKS(signalfd, syscall(SYS_signalfd, -1, &set, 8) >= 0);
    FAILS(signalfd, EINVAL, syscall(SYS_signalfd, -1, &set, 4));
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void test_timerfd(void) {
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), file = file_with("file", "x");
    struct itimerspec value = {{0, 20000000}, {0, 30000000}}, old, wrong = {{0, 0}, {0, 1000000000}}, zero = {};
    uint64_t count;
    WORKS(timerfd_create, fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
    FAILS(timerfd_create, EINVAL, timerfd_create(99, 0));
    FAILS(timerfd_create, EINVAL, timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0));
    FAILS(timerfd_create, EINVAL, timerfd_create(CLOCK_MONOTONIC, 1));
    FAILS(timerfd_settime, EAGAIN, read(fd, &count, 8));
    WORKS(timerfd_settime,
          timerfd_settime(fd, 0, &value, &old) == 0 && old.it_value.tv_sec == 0 && old.it_value.tv_nsec == 0);
    WORKS(timerfd_gettime, timerfd_gettime(fd, &old) == 0 && old.it_interval.tv_nsec == 20000000 &&
                               old.it_value.tv_nsec > 0 && old.it_value.tv_nsec <= 30000000);
    WORKS(timerfd_settime,
          poll(&(struct pollfd){fd, POLLIN, 0}, 1, 1000) == 1 && read(fd, &count, 8) == 8 && count >= 1);
    usleep(70000);
    WORKS(timerfd_settime, read(fd, &count, 8) == 8 && count >= 2);
    FAILS(timerfd_settime, EINVAL, (usleep(30000), read(fd, &count, 7)));
    WORKS(timerfd_settime,
          timerfd_settime(fd, 0, &zero, NULL) == 0 && timerfd_gettime(fd, &old) == 0 && old.it_value.tv_nsec == 0);
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    value = (struct itimerspec){{0, 0}, now};
    WORKS(timerfd_settime, timerfd_settime(fd, TFD_TIMER_ABSTIME, &value, NULL) == 0 &&
                               poll(&(struct pollfd){fd, POLLIN, 0}, 1, 1000) == 1 && read(fd, &count, 8) == 8 &&
                               count == 1);
    FAILS(timerfd_settime, EINVAL, timerfd_settime(fd, 0, &wrong, NULL));
    FAILS(timerfd_settime, EINVAL, timerfd_settime(fd, 8, &value, NULL));
    FAILS(timerfd_settime, EINVAL, timerfd_settime(file, 0, &value, NULL));
    FAILS(timerfd_settime, EBADF, timerfd_settime(-1, 0, &value, NULL));
    FAILS(timerfd_settime, EFAULT, timerfd_settime(fd, 0, BAD, NULL));
    FAILS(timerfd_settime, EFAULT, timerfd_settime(fd, 0, &zero, BAD));
    FAILS(timerfd_gettime, EINVAL, timerfd_gettime(file, &old));
    FAILS(timerfd_gettime, EBADF, timerfd_gettime(-1, &old));
    FAILS(timerfd_gettime, EFAULT, timerfd_gettime(fd, BAD));
}

int main(void) {
    work_in_fresh_directory();
    struct sigaction action = {.sa_handler = on_alarm};
    sigaction(SIGALRM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    test_poll();
    test_select();
    test_epoll();
    test_eventfd();
    test_signalfd();
    test_timerfd();
    return tap_done();
}
