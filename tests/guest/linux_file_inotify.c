// inotify: every kind of event, the life of watches, and the errors.
#include <poll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>

#include "linux_calls.h"

static int queue;
static char buffer[65536];
static long filled, at;

// The next event; NULL when there is none.
static struct inotify_event *next(void) {
    if (at >= filled) {
        at = 0;
        filled = read(queue, buffer, sizeof buffer);
        if (filled <= 0) return NULL;
    }
    struct inotify_event *event = (void *)(buffer + at);
    at += sizeof *event + event->len;
    return event;
}

// Whether the next event is this one.
static int is(int watch, uint32_t mask, const char *name) {
    struct inotify_event *event = next();
    if (event == NULL) {
        printf("# no event\n");
        return 0;
    }
    const char *text = event->len > 0 ? event->name : "";
    if (event->wd == watch && event->mask == mask && strcmp(text, name) == 0) return 1;
    printf("# got watch %d mask %#x name '%s'\n", event->wd, event->mask, text);
    return 0;
}

static void drain(void) {
    while (next() != NULL)
        continue;
}

int main(void) {
    work_in_fresh_directory();
    make_long_names();
    mkdir("d", 0755);
    close(file_with("file", "x"));
    queue = RAW(SYS_inotify_init1, IN_NONBLOCK | IN_CLOEXEC);
    WORKS(inotify_init1, queue >= 0 && fcntl(queue, F_GETFD) == FD_CLOEXEC);
    int old = RAW(SYS_inotify_init, 0);
    WORKS(inotify_init, old >= 0 && fcntl(old, F_GETFD) == 0);
    FAILS(inotify_init1, EINVAL, RAW(SYS_inotify_init1, 1));
    FAILS(read, EAGAIN, read(queue, buffer, sizeof buffer));
    int watch = inotify_add_watch(queue, "d", IN_ALL_EVENTS);
    WORKS(inotify_add_watch, watch > 0);
    int fd = open("d/new", O_CREAT | O_RDWR, 0600);
    WORKS(inotify_add_watch, is(watch, IN_CREATE, "new") && is(watch, IN_OPEN, "new"));
    WORKS(inotify_add_watch, write(fd, "abc", 3) == 3 && is(watch, IN_MODIFY, "new"));
    WORKS(inotify_add_watch, pread(fd, buffer, 3, 0) == 3 && is(watch, IN_ACCESS, "new"));
    WORKS(inotify_add_watch, ftruncate(fd, 1) == 0 && is(watch, IN_MODIFY, "new"));
    WORKS(inotify_add_watch, close(fd) == 0 && is(watch, IN_CLOSE_WRITE, "new"));
    fd = open("d/new", O_RDONLY);
    WORKS(inotify_add_watch, close(fd) == 0 && is(watch, IN_OPEN, "new") && is(watch, IN_CLOSE_NOWRITE, "new"));
    WORKS(inotify_add_watch, chmod("d/new", 0644) == 0 && is(watch, IN_ATTRIB, "new"));
    WORKS(inotify_add_watch, rename("d/new", "d/newer") == 0 && is(watch, IN_MOVED_FROM, "new"));
    uint32_t cookie = ((struct inotify_event *)buffer)->cookie;
    WORKS(inotify_add_watch, is(watch, IN_MOVED_TO, "newer") && cookie != 0 &&
                                 ((struct inotify_event *)(buffer + at - 32))->cookie == cookie);
    WORKS(inotify_add_watch, rename("d/newer", "out") == 0 && is(watch, IN_MOVED_FROM, "newer"));
    WORKS(inotify_add_watch, rename("out", "d/in") == 0 && is(watch, IN_MOVED_TO, "in"));
    WORKS(inotify_add_watch, mkdir("d/sub", 0700) == 0 && is(watch, IN_CREATE | IN_ISDIR, "sub"));
    WORKS(inotify_add_watch, rmdir("d/sub") == 0 && is(watch, IN_DELETE | IN_ISDIR, "sub"));
    WORKS(inotify_add_watch, symlink("x", "d/link") == 0 && is(watch, IN_CREATE, "link"));
    WORKS(inotify_add_watch, unlink("d/in") == 0 && is(watch, IN_DELETE, "in"));
    int count = 0;
    WORKS(ioctl, unlink("d/link") == 0 && ioctl(queue, FIONREAD, &count) == 0 && count == 32);
    struct pollfd p = {queue, POLLIN, 0};
    WORKS(poll, poll(&p, 1, 0) == 1 && p.revents == POLLIN);
    FAILS(read, EINVAL, read(queue, buffer, 20));
    drain();
    WORKS(poll, poll(&p, 1, 0) == 0);
    int other = inotify_add_watch(queue, "file", IN_ALL_EVENTS);
    WORKS(inotify_add_watch, other > 0 && other != watch && inotify_add_watch(queue, "file", IN_MODIFY) == other);
    FAILS(inotify_add_watch, EEXIST, inotify_add_watch(queue, "file", IN_MODIFY | IN_MASK_CREATE));
    WORKS(inotify_add_watch,
          inotify_add_watch(queue, "file", IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_MASK_ADD) == other);
    WORKS(inotify_add_watch, link("file", "second") == 0 && is(other, IN_ATTRIB, ""));
    WORKS(inotify_add_watch, rename("file", "moved") == 0 && is(other, IN_MOVE_SELF, ""));
    WORKS(inotify_add_watch, unlink("second") == 0 && is(other, IN_ATTRIB, ""));
    WORKS(inotify_add_watch, unlink("moved") == 0 && is(other, IN_ATTRIB, "") && is(other, IN_DELETE_SELF, "") &&
                                 is(other, IN_IGNORED, ""));
    FAILS(inotify_rm_watch, EINVAL, inotify_rm_watch(queue, other));
    close(file_with("once", "x"));
    other = inotify_add_watch(queue, "once", IN_ATTRIB | IN_ONESHOT);
    WORKS(inotify_add_watch, chmod("once", 0600) == 0 && chmod("once", 0640) == 0 && is(other, IN_ATTRIB, "") &&
                                 is(other, IN_IGNORED, ""));
    WORKS(inotify_add_watch, next() == NULL);
    WORKS(inotify_rm_watch, inotify_rm_watch(queue, watch) == 0 && is(watch, IN_IGNORED, ""));
    FAILS(inotify_rm_watch, EINVAL, inotify_rm_watch(queue, watch));
    FAILS(inotify_rm_watch, EBADF, inotify_rm_watch(-1, 1));
    fd = open("once", O_RDONLY);
    FAILS(inotify_rm_watch, EINVAL, inotify_rm_watch(fd, 1));
    FAILS(inotify_add_watch, EINVAL, inotify_add_watch(fd, "d", IN_ALL_EVENTS));
    FAILS(inotify_add_watch, EBADF, inotify_add_watch(-1, "d", IN_ALL_EVENTS));
    FAILS(inotify_add_watch, EINVAL, inotify_add_watch(queue, "d", 0));
    FAILS(inotify_add_watch, EINVAL, inotify_add_watch(queue, "d", IN_MODIFY | IN_MASK_ADD | IN_MASK_CREATE));
    FAILS(inotify_add_watch, ENOENT, inotify_add_watch(queue, "missing", IN_MODIFY));
    FAILS(inotify_add_watch, ENOTDIR, inotify_add_watch(queue, "once", IN_MODIFY | IN_ONLYDIR));
    FAILS(inotify_add_watch, EFAULT, RAW(SYS_inotify_add_watch, queue, BAD, IN_MODIFY));
    FAILS(inotify_add_watch, ENAMETOOLONG, inotify_add_watch(queue, long_name, IN_MODIFY));
    drain();
    inotify_add_watch(queue, "d", IN_CREATE);
    for (int i = 0; i < 5; i++) {
        char name[20];
        snprintf(name, sizeof name, "d/n%d", i);
        close(open(name, O_CREAT | O_RDWR, 0600));
    }
    int seen = 0;
    while (next() != NULL)
        seen++;
    WORKS(inotify_add_watch, seen == 5);
    WORKS(close, close(queue) == 0 && unlink("d/n0") == 0);
    return tap_done();
}
