// Clocks, sleeping, interval timers, POSIX timers, times, adjtimex; and the vDSO's answers beside the kernel's.
#include "raw_call.h"

#include <sys/resource.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/timex.h>

static volatile int fired, fired_code, fired_value, fired_overrun;

static void count_fire(int, siginfo_t *info, void *) {
    fired++;
    fired_code = info->si_code;
    fired_value = info->si_value.sival_int;
    fired_overrun = info->si_overrun;
}

static void install(int signal, int flags) {
    struct sigaction action = {.sa_sigaction = count_fire, .sa_flags = SA_SIGINFO | flags};
    sigaction(signal, &action, nullptr);
    fired = 0;
}

static int64_t nanoseconds(const struct timespec *time) {
    return time->tv_sec * 1000000000LL + time->tv_nsec;
}

static void test_clocks(void) {
    static const int clocks[] = {CLOCK_REALTIME,          CLOCK_MONOTONIC,     CLOCK_PROCESS_CPUTIME_ID,
                                 CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE,
                                 CLOCK_MONOTONIC_COARSE,  CLOCK_BOOTTIME,      11};
    struct timespec kernel, library, resolution;
    char text[80];
    for (size_t i = 0; i < sizeof clocks / sizeof clocks[0]; i++) {
        snprintf(text, sizeof text, "clock_gettime: clock %d", clocks[i]);
        ANSWERS(text, 0, syscall(SYS_clock_gettime, clocks[i], &kernel));
        snprintf(text, sizeof text, "clock_getres: clock %d", clocks[i]);
        ANSWERS(text, 0, syscall(SYS_clock_getres, clocks[i], &resolution));
        HOLDS("clock_getres: a sensible one",
              resolution.tv_sec == 0 && resolution.tv_nsec > 0 && resolution.tv_nsec <= 10000000);
        clock_gettime(clocks[i], &library);
        int64_t apart = nanoseconds(&library) - nanoseconds(&kernel);
        snprintf(text, sizeof text, "clock_gettime: clock %d, the vDSO agrees", clocks[i]);
        HOLDS(text, apart >= 0 && apart < 500000000);
    }
    clock_t unused = times(nullptr);
    (void)unused;
    struct timespec last, now;
    clock_gettime(CLOCK_MONOTONIC, &last);
    int backwards = 0;
    for (int i = 0; i < 20000; i++) {
        if (i & 1)
            clock_gettime(CLOCK_MONOTONIC, &now);
        else
            syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
        if (nanoseconds(&now) < nanoseconds(&last)) backwards++;
        last = now;
    }
    ANSWERS("clock_gettime: never goes back", 0, backwards);
    FAILS("clock_gettime: EINVAL", EINVAL, syscall(SYS_clock_gettime, 99, &now));
    FAILS("clock_gettime: EINVAL for another process's clock that is none", EINVAL,
          syscall(SYS_clock_gettime, ~4000000 << 3 | 2, &now));
    ANSWERS("clock_gettime: a process's clock", 0, syscall(SYS_clock_gettime, (~getpid() << 3) | 2, &now));
    FAILS("clock_gettime: EFAULT", EFAULT, syscall(SYS_clock_gettime, CLOCK_MONOTONIC, nowhere));
    FAILS("clock_getres: EINVAL", EINVAL, syscall(SYS_clock_getres, 99, &now));
    FAILS("clock_getres: EFAULT", EFAULT, syscall(SYS_clock_getres, CLOCK_MONOTONIC, nowhere));
    ANSWERS("clock_getres: nowhere to put it", 0, syscall(SYS_clock_getres, CLOCK_MONOTONIC, nullptr));
    FAILS("clock_settime: EINVAL for CLOCK_MONOTONIC", EINVAL, syscall(SYS_clock_settime, CLOCK_MONOTONIC, &now));
    FAILS("clock_settime: EINVAL for a clock", EINVAL, syscall(SYS_clock_settime, 99, &now));
    FAILS("clock_settime: EFAULT", EFAULT, syscall(SYS_clock_settime, CLOCK_REALTIME, nowhere));
    FAILS("clock_settime: EINVAL for nanoseconds", EINVAL,
          syscall(SYS_clock_settime, CLOCK_REALTIME, &(struct timespec){1, 1000000000}));
    FAILS("clock_settime: EINVAL for a negative time", EINVAL,
          syscall(SYS_clock_settime, CLOCK_REALTIME, &(struct timespec){-1, 0}));
}

static void test_day(void) {
    struct timeval now;
    struct timezone zone;
    struct timespec real;
    struct tms usage;
    ANSWERS("gettimeofday: 0", 0, syscall(SYS_gettimeofday, &now, &zone));
    syscall(SYS_clock_gettime, CLOCK_REALTIME, &real);
    HOLDS("gettimeofday: the same day", real.tv_sec - now.tv_sec <= 1 && now.tv_usec < 1000000);
    ANSWERS("gettimeofday: nowhere to put it", 0, syscall(SYS_gettimeofday, nullptr, nullptr));
    FAILS("gettimeofday: EFAULT", EFAULT, syscall(SYS_gettimeofday, nowhere, nullptr));
    FAILS("gettimeofday: EFAULT for the zone", EFAULT, syscall(SYS_gettimeofday, nullptr, nowhere));
    FAILS("settimeofday: EFAULT", EFAULT, syscall(SYS_settimeofday, nowhere, nullptr));
    FAILS("settimeofday: EFAULT for the zone", EFAULT, syscall(SYS_settimeofday, nullptr, nowhere));
    FAILS("settimeofday: EINVAL", EINVAL, syscall(SYS_settimeofday, &(struct timeval){1, 2000000}, nullptr));
    FAILS("settimeofday: EINVAL for a negative time", EINVAL,
          syscall(SYS_settimeofday, &(struct timeval){-1, 0}, nullptr));
    int64_t seconds = 0;
    long answer = syscall(SYS_time, &seconds);
    HOLDS("time: both answers", answer == seconds && real.tv_sec - answer <= 1);
    FAILS("time: EFAULT", EFAULT, syscall(SYS_time, nowhere));
    SUCCEEDS("times: ticks", syscall(SYS_times, &usage));
    FAILS("times: EFAULT", EFAULT, syscall(SYS_times, nowhere));
    for (volatile unsigned long i = 0; i < 300000000 && times(&usage) && usage.tms_utime + usage.tms_stime < 2; i++) {
    }
    HOLDS("times: processor time passes", usage.tms_utime + usage.tms_stime >= 2);
}

static void test_sleep(void) {
    struct timespec moment = {0, 30000000}, bad = {0, 1000000000}, negative = {-1, 0}, rest = {}, now;
    long before = milliseconds_now();
    ANSWERS("nanosleep: 30 ms", 0, syscall(SYS_nanosleep, &moment, nullptr));
    HOLDS("nanosleep: slept", milliseconds_now() - before >= 29);
    FAILS("nanosleep: EINVAL for nanoseconds", EINVAL, syscall(SYS_nanosleep, &bad, nullptr));
    FAILS("nanosleep: EINVAL for a negative time", EINVAL, syscall(SYS_nanosleep, &negative, nullptr));
    FAILS("nanosleep: EFAULT", EFAULT, syscall(SYS_nanosleep, nowhere, nullptr));
    install(SIGALRM, 0);
    ualarm(20000, 0);
    struct timespec second = {1, 0};
    FAILS("nanosleep: EINTR", EINTR, syscall(SYS_nanosleep, &second, &rest));
    HOLDS("nanosleep: the remaining time", rest.tv_sec == 0 && rest.tv_nsec > 800000000 && rest.tv_nsec < 1000000000);
    install(SIGALRM, SA_RESTART);
    ualarm(20000, 0);
    FAILS("nanosleep: EINTR even with SA_RESTART", EINTR, syscall(SYS_nanosleep, &second, nullptr));
    ualarm(20000, 0);
    FAILS("nanosleep: EFAULT for the remaining time", EFAULT, syscall(SYS_nanosleep, &second, nowhere));
    pid_t child = fork();
    if (child == 0) {
        struct timespec span = {0, 150000000};
        long start = milliseconds_now();
        int result = (int)syscall(SYS_nanosleep, &span, nullptr);
        long passed = milliseconds_now() - start;
        _exit(result == 0 && passed >= 149 && passed < 2000 ? 0 : 1);
    }
    sleep_milliseconds(30);
    kill(child, SIGSTOP);
    sleep_milliseconds(30);
    kill(child, SIGCONT);
    int status;
    waitpid(child, &status, 0);
    ANSWERS("restart_syscall: a sleep goes on after a stop", 0, status);
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
    now.tv_nsec += 30000000;
    if (now.tv_nsec >= 1000000000) {
        now.tv_nsec -= 1000000000;
        now.tv_sec++;
    }
    ANSWERS("clock_nanosleep: until a time", 0,
            syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &now, nullptr));
    struct timespec after;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &after);
    HOLDS("clock_nanosleep: reached it", nanoseconds(&after) >= nanoseconds(&now));
    ANSWERS("clock_nanosleep: a time that has passed", 0,
            syscall(SYS_clock_nanosleep, CLOCK_REALTIME, TIMER_ABSTIME, &moment, nullptr));
    ANSWERS("clock_nanosleep: relative", 0, syscall(SYS_clock_nanosleep, CLOCK_REALTIME, 0, &moment, nullptr));
    FAILS("clock_nanosleep: EINVAL for the clock", EINVAL, syscall(SYS_clock_nanosleep, 99, 0, &moment, nullptr));
    FAILS("clock_nanosleep: EOPNOTSUPP for the own thread's processor time", EOPNOTSUPP,
          syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &moment, nullptr));
    FAILS("clock_nanosleep: EOPNOTSUPP for a clock without sleep", EOPNOTSUPP,
          syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC_COARSE, 0, &moment, nullptr));
    FAILS("clock_nanosleep: EINVAL for nanoseconds", EINVAL,
          syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &bad, nullptr));
    FAILS("clock_nanosleep: EFAULT", EFAULT, syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, nowhere, nullptr));
    install(SIGALRM, 0);
    ualarm(20000, 0);
    rest = (struct timespec){};
    FAILS("clock_nanosleep: EINTR", EINTR, syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &second, &rest));
    HOLDS("clock_nanosleep: the remaining time", rest.tv_nsec > 800000000);
}

static void test_intervals(void) {
    struct itimerval value = {{0, 10000}, {0, 10000}}, old;
    FAILS("getitimer: EINVAL", EINVAL, syscall(SYS_getitimer, 3, &old));
    FAILS("getitimer: EFAULT", EFAULT, syscall(SYS_getitimer, ITIMER_REAL, nowhere));
    FAILS("setitimer: EINVAL for a timer", EINVAL, syscall(SYS_setitimer, 3, &value, nullptr));
    FAILS("setitimer: EFAULT", EFAULT, syscall(SYS_setitimer, ITIMER_REAL, nowhere, nullptr));
    FAILS("setitimer: EINVAL for microseconds", EINVAL,
          syscall(SYS_setitimer, ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 1000000}}, nullptr));
    install(SIGALRM, SA_RESTART);
    ANSWERS("setitimer: ITIMER_REAL", 0, syscall(SYS_setitimer, ITIMER_REAL, &value, nullptr));
    while (fired < 3)
        pause();
    HOLDS("setitimer: fires again and again", fired >= 3 && fired_code == SI_KERNEL);
    ANSWERS("getitimer: ITIMER_REAL", 0, syscall(SYS_getitimer, ITIMER_REAL, &old));
    HOLDS("getitimer: the interval", old.it_interval.tv_usec == 10000 && old.it_value.tv_usec <= 10000);
    value = (struct itimerval){};
    ANSWERS("setitimer: stops", 0, syscall(SYS_setitimer, ITIMER_REAL, &value, &old));
    HOLDS("setitimer: the old one", old.it_interval.tv_usec == 10000);
    ANSWERS("alarm: none was set", 0, syscall(SYS_alarm, 100));
    ANSWERS("alarm: the rest of the last", 100, syscall(SYS_alarm, 0));
    install(SIGVTALRM, 0);
    value = (struct itimerval){{0, 0}, {0, 20000}};
    ANSWERS("setitimer: ITIMER_VIRTUAL", 0, syscall(SYS_setitimer, ITIMER_VIRTUAL, &value, nullptr));
    long end = milliseconds_now() + 5000;
    while (!fired && milliseconds_now() < end) {
    }
    HOLDS("setitimer: ITIMER_VIRTUAL fires", fired == 1);
    install(SIGPROF, 0);
    syscall(SYS_setitimer, ITIMER_PROF, &value, nullptr);
    while (!fired && milliseconds_now() < end) {
    }
    HOLDS("setitimer: ITIMER_PROF fires", fired == 1);
}

static void test_timers(void) {
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN, .sigev_value.sival_int = 99};
    struct itimerspec value = {{0, 10000000}, {0, 10000000}}, old;
    int id = -1;
    install(SIGRTMIN, SA_RESTART);
    ANSWERS("timer_create: by signal", 0, syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id));
    FAILS("timer_create: EINVAL for a clock", EINVAL, syscall(SYS_timer_create, 99, &event, &id));
    FAILS("timer_create: EFAULT for the event", EFAULT, syscall(SYS_timer_create, CLOCK_MONOTONIC, nowhere, &id));
    FAILS("timer_create: EFAULT for the place", EFAULT, syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, nowhere));
    event.sigev_signo = 99;
    FAILS("timer_create: EINVAL for a signal", EINVAL, syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id));
    event = (struct sigevent){.sigev_notify = 77};
    FAILS("timer_create: EINVAL for a notification", EINVAL, syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id));
    ANSWERS("timer_gettime: not armed", 0, syscall(SYS_timer_gettime, id, &old));
    HOLDS("timer_gettime: zero", old.it_value.tv_nsec == 0 && old.it_value.tv_sec == 0);
    ANSWERS("timer_settime: arms", 0, syscall(SYS_timer_settime, id, 0, &value, &old));
    while (fired < 3)
        pause();
    HOLDS("timer_settime: fires with its value", fired >= 3 && fired_code == SI_TIMER && fired_value == 99);
    ANSWERS("timer_gettime: armed", 0, syscall(SYS_timer_gettime, id, &old));
    HOLDS("timer_gettime: the interval", old.it_interval.tv_nsec == 10000000);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    sleep_milliseconds(60);
    sigprocmask(SIG_UNBLOCK, &set, nullptr);
    HOLDS("timer_getoverrun: what was missed while blocked", fired_overrun >= 2);
    SUCCEEDS("timer_getoverrun: 0 or more", syscall(SYS_timer_getoverrun, id));
    value.it_value.tv_nsec = 1000000000;
    FAILS("timer_settime: EINVAL for nanoseconds", EINVAL, syscall(SYS_timer_settime, id, 0, &value, nullptr));
    FAILS("timer_settime: EFAULT", EFAULT, syscall(SYS_timer_settime, id, 0, nowhere, nullptr));
    FAILS("timer_settime: EINVAL for no value", EINVAL, syscall(SYS_timer_settime, id, 0, nullptr, nullptr));
    FAILS("timer_gettime: EFAULT", EFAULT, syscall(SYS_timer_gettime, id, nowhere));
    ANSWERS("timer_delete: 0", 0, syscall(SYS_timer_delete, id));
    FAILS("timer_delete: EINVAL", EINVAL, syscall(SYS_timer_delete, id));
    FAILS("timer_gettime: EINVAL", EINVAL, syscall(SYS_timer_gettime, id, &old));
    FAILS("timer_settime: EINVAL", EINVAL, syscall(SYS_timer_settime, id, 0, &(struct itimerspec){}, nullptr));
    FAILS("timer_getoverrun: EINVAL", EINVAL, syscall(SYS_timer_getoverrun, id));
    install(SIGALRM, 0);
    ANSWERS("timer_create: without an event", 0, syscall(SYS_timer_create, CLOCK_REALTIME, nullptr, &id));
    struct timespec now;
    syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
    value = (struct itimerspec){.it_value = now};
    ANSWERS("timer_settime: a time that has passed", 0, syscall(SYS_timer_settime, id, TIMER_ABSTIME, &value, nullptr));
    for (int i = 0; i < 100 && !fired; i++)
        sleep_milliseconds(5);
    HOLDS("timer_settime: fires at once, the value is the timer's number", fired == 1 && fired_value == id);
    syscall(SYS_timer_delete, id);
    install(SIGUSR1, 0);
    event = (struct sigevent){.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    syscall(SYS_timer_create, CLOCK_PROCESS_CPUTIME_ID, &event, &id);
    value = (struct itimerspec){.it_value = {0, 20000000}};
    ANSWERS("timer_settime: on processor time", 0, syscall(SYS_timer_settime, id, 0, &value, nullptr));
    long end = milliseconds_now() + 5000;
    while (!fired && milliseconds_now() < end) {
    }
    HOLDS("timer_settime: processor time fires", fired == 1);
}

static int unprivileged(void) {
    struct timex timex = {.modes = ADJ_TICK, .tick = 10000};
    if (setuid(1000)) return 1;
    if (syscall(SYS_adjtimex, &timex) != -1 || errno != EPERM) return 2;
    timex.modes = 0;
    if (syscall(SYS_adjtimex, &timex) < 0) return 3;
    if (syscall(SYS_settimeofday, &(struct timeval){1, 0}, nullptr) != -1 || errno != EPERM) return 4;
    return 0;
}

static void test_adjustment(void) {
    struct timex timex = {};
    SUCCEEDS("adjtimex: reads", syscall(SYS_adjtimex, &timex));
    HOLDS("adjtimex: a tick", timex.tick == 10000 && timex.time.tv_sec > 0);
    FAILS("adjtimex: EFAULT", EFAULT, syscall(SYS_adjtimex, nowhere));
    timex = (struct timex){.modes = ADJ_TICK, .tick = 1};
    FAILS("adjtimex: EINVAL for a tick", EINVAL, syscall(SYS_adjtimex, &timex));
    timex = (struct timex){.modes = ADJ_OFFSET_SINGLESHOT};
    SUCCEEDS("adjtimex: a single adjustment by nothing", syscall(SYS_adjtimex, &timex));
    timex = (struct timex){.modes = ADJ_MAXERROR, .maxerror = 12345678};
    SUCCEEDS("adjtimex: sets the greatest error", syscall(SYS_adjtimex, &timex));
    HOLDS("adjtimex: which is kept", timex.maxerror >= 12345678);
    timex = (struct timex){.modes = ADJ_SETOFFSET, .time = {0, 1000000}};
    FAILS("adjtimex: EINVAL for microseconds", EINVAL, syscall(SYS_adjtimex, &timex));
    timex.modes = 0;
    SUCCEEDS("clock_adjtime: reads", syscall(SYS_clock_adjtime, CLOCK_REALTIME, &timex));
    FAILS("clock_adjtime: EINVAL for a clock", EINVAL, syscall(SYS_clock_adjtime, 99, &timex));
    FAILS("clock_adjtime: EOPNOTSUPP for another clock", EOPNOTSUPP,
          syscall(SYS_clock_adjtime, CLOCK_MONOTONIC, &timex));
    FAILS("clock_adjtime: EFAULT", EFAULT, syscall(SYS_clock_adjtime, CLOCK_REALTIME, nowhere));
    ANSWERS("adjtimex: EPERM for an unprivileged user", 0, in_child(unprivileged));
}

int main(void) {
    test_clocks();
    test_day();
    test_sleep();
    test_intervals();
    test_timers();
    test_adjustment();
    return tap_done();
}
