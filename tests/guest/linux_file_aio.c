// Asynchronous I/O: io_setup, io_submit, io_getevents, io_cancel, io_destroy.
#include <linux/aio_abi.h>
#include <signal.h>
#include <time.h>

#include "linux_calls.h"

static void on_alarm(int number) {
    (void)number;
}

static struct iocb request(int fd, int operation, void *text, size_t size, long offset, unsigned long data) {
    return (struct iocb){.aio_fildes = fd,
                         .aio_lio_opcode = operation,
                         .aio_buf = (uintptr_t)text,
                         .aio_nbytes = size,
                         .aio_offset = offset,
                         .aio_data = data};
}

int main(void) {
    work_in_fresh_directory();
    aio_context_t context = 0, wrong = 77, nothing = 0;
    struct io_event events[8];
    char buffer[16] = "";
    if (RAW(SYS_io_setup, 8, &context) == -1 && errno == ENOSYS) SKIP_ALL("no asynchronous I/O");
    WORKS(io_setup, context != 0);
    FAILS(io_setup, EINVAL, RAW(SYS_io_setup, 8, &context));
    FAILS(io_setup, EINVAL, RAW(SYS_io_setup, 0, &nothing));
    FAILS(io_setup, EFAULT, RAW(SYS_io_setup, 8, BAD));
    FAILS(io_setup, EAGAIN, RAW(SYS_io_setup, 0x100000, &nothing));
    int fd = file_with("file", "0123456789"), only_read = open("file", O_RDONLY), directory = open(".", O_RDONLY);
    struct iocb a = request(fd, IOCB_CMD_PWRITE, "abc", 3, 2, 11), b = request(fd, IOCB_CMD_PREAD, buffer, 10, 0, 22),
                *list[2] = {&a, &b};
    WORKS(io_submit, RAW(SYS_io_submit, context, 1L, list) == 1);
    struct timespec second = {1, 0}, none = {0, 0};
    WORKS(io_getevents, RAW(SYS_io_getevents, context, 1L, 8L, events, &second) == 1 && events[0].data == 11 &&
                            events[0].res == 3 && events[0].obj == (uintptr_t)&a);
    WORKS(io_submit, RAW(SYS_io_submit, context, 1L, list + 1) == 1 &&
                         RAW(SYS_io_getevents, context, 1L, 8L, events, NULL) == 1 && events[0].data == 22 &&
                         events[0].res == 10 && memcmp(buffer, "01abc56789", 10) == 0);
    WORKS(io_getevents, RAW(SYS_io_getevents, context, 0L, 8L, events, NULL) == 0);
    WORKS(io_getevents, RAW(SYS_io_getevents, context, 1L, 8L, events, &none) == 0);
    second.tv_sec = 0, second.tv_nsec = 30000000;
    WORKS(io_getevents, RAW(SYS_io_getevents, context, 1L, 8L, events, &second) == 0);
    struct iocb sync = request(fd, IOCB_CMD_FDSYNC, NULL, 0, 0, 33), *sync_list = &sync;
    WORKS(io_submit, RAW(SYS_io_submit, context, 1L, &sync_list) == 1);
    WORKS(io_getevents,
          RAW(SYS_io_getevents, context, 1L, 1L, events, NULL) == 1 && events[0].data == 33 && events[0].res == 0);
    WORKS(io_submit, RAW(SYS_io_submit, context, 0L, list) == 0);
    FAILS(io_submit, EINVAL, RAW(SYS_io_submit, wrong, 1L, list));
    FAILS(io_submit, EINVAL, RAW(SYS_io_submit, context, -1L, list));
    FAILS(io_submit, EFAULT, RAW(SYS_io_submit, context, 1L, BAD));
    struct iocb *bad_list = BAD;
    FAILS(io_submit, EFAULT, RAW(SYS_io_submit, context, 1L, &bad_list));
    a.aio_fildes = 999;
    FAILS(io_submit, EBADF, RAW(SYS_io_submit, context, 1L, list));
    a.aio_fildes = only_read;
    FAILS(io_submit, EBADF, RAW(SYS_io_submit, context, 1L, list));
    a.aio_fildes = fd, a.aio_lio_opcode = 99;
    FAILS(io_submit, EINVAL, RAW(SYS_io_submit, context, 1L, list));
    a.aio_lio_opcode = IOCB_CMD_PWRITE, a.aio_reserved2 = 1;
    FAILS(io_submit, EINVAL, RAW(SYS_io_submit, context, 1L, list));
    a.aio_reserved2 = 0;
    (void)directory;
    FAILS(io_cancel, EINVAL, RAW(SYS_io_cancel, context, &a, events));
    FAILS(io_cancel, EFAULT, RAW(SYS_io_cancel, context, BAD, events));
    FAILS(io_getevents, EINVAL, RAW(SYS_io_getevents, wrong, 0L, 1L, events, NULL));
    FAILS(io_getevents, EINVAL, RAW(SYS_io_getevents, context, 2L, 1L, events, NULL));
    FAILS(io_getevents, EINVAL, RAW(SYS_io_getevents, context, -1L, 1L, events, NULL));
    FAILS(io_getevents, EFAULT, RAW(SYS_io_getevents, context, 0L, 1L, events, BAD));
    struct sigaction action = {.sa_handler = on_alarm};
    sigaction(SIGALRM, &action, NULL);
    struct itimerval alarm = {.it_value = {0, 50000}};
    setitimer(ITIMER_REAL, &alarm, NULL);
    FAILS(io_getevents, EINTR, RAW(SYS_io_getevents, context, 1L, 1L, events, NULL));
    WORKS(io_destroy, RAW(SYS_io_destroy, context) == 0);
    FAILS(io_destroy, EINVAL, RAW(SYS_io_destroy, context));
    FAILS(io_destroy, EINVAL, RAW(SYS_io_destroy, wrong));
    return tap_done();
}
