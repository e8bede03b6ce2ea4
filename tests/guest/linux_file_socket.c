// Sockets: unix domain in all forms, names, options, messages with descriptors and credentials; TCP and UDP on
// loopback.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "linux_calls.h"

static char buffer[1000];

static struct sockaddr_un unix_name(const char *path) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    strcpy(name.sun_path, path);
    return name;
}

#define ADDRESS(name) (struct sockaddr *)&(name), sizeof(name)

static void test_making(void) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), pair[2];
    WORKS(socket, fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC && (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    FAILS(socket, EAFNOSUPPORT, socket(999, SOCK_STREAM, 0));
    FAILS(socket, EINVAL, socket(AF_UNIX, 77, 0));
    FAILS(socket, EINVAL, socket(AF_UNIX, SOCK_STREAM | 0x100000, 0));
    FAILS(socket, ESOCKTNOSUPPORT, socket(AF_UNIX, SOCK_RDM, 0));
    FAILS(socket, EPROTONOSUPPORT, socket(AF_UNIX, SOCK_STREAM, 99));
    WORKS(socketpair, socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && write(pair[0], "ab", 2) == 2 &&
                          read(pair[1], buffer, 9) == 2);
    WORKS(socketpair, close(pair[0]) == 0 && read(pair[1], buffer, 9) == 0);
    FAILS(socketpair, EPIPE, write(pair[1], "x", 1));
    FAILS(socketpair, EAFNOSUPPORT, socketpair(999, SOCK_STREAM, 0, pair));
    FAILS(socketpair, EFAULT, socketpair(AF_UNIX, SOCK_STREAM, 0, BAD));
    FAILS(socketpair, EPROTONOSUPPORT, socketpair(AF_UNIX, SOCK_STREAM, 99, pair));
    WORKS(socketpair, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0 && write(pair[0], "abc", 3) == 3 &&
                          write(pair[0], "d", 1) == 1 && read(pair[1], buffer, 2) == 2 &&
                          read(pair[1], buffer, 9) == 1 && buffer[0] == 'd');
    WORKS(socketpair, socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair) == 0);
    FAILS(socketpair, EAGAIN, read(pair[0], buffer, 1));
}

static void test_stream(void) {
    struct sockaddr_un name = unix_name("listening"), peer, missing = unix_name("missing"), file = unix_name("file");
    socklen_t length;
    int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0),
        plain = file_with("file", "x"), status;
    WORKS(bind, bind(server, ADDRESS(name)) == 0 && access("listening", F_OK) == 0);
    FAILS(bind, EINVAL, bind(server, ADDRESS(missing)));
    FAILS(bind, EADDRINUSE, bind(client, ADDRESS(name)));
    FAILS(bind, EBADF, bind(-1, ADDRESS(name)));
    FAILS(bind, ENOTSOCK, bind(plain, ADDRESS(name)));
    FAILS(bind, EINVAL, bind(client, (struct sockaddr *)&name, 200));
    FAILS(bind, EFAULT, bind(client, BAD, sizeof name));
    struct sockaddr_un nowhere = unix_name("no/such/place");
    FAILS(bind, ENOENT, bind(client, ADDRESS(nowhere)));
    struct sockaddr_un below = unix_name("file/x");
    FAILS(bind, ENOTDIR, bind(client, ADDRESS(below)));
    FAILS(connect, ECONNREFUSED, connect(client, ADDRESS(name)));
    WORKS(listen, listen(server, 5) == 0);
    FAILS(listen, EBADF, listen(-1, 5));
    FAILS(listen, ENOTSOCK, listen(plain, 5));
    int datagram = socket(AF_UNIX, SOCK_DGRAM, 0);
    FAILS(listen, EOPNOTSUPP, listen(datagram, 5));
    FAILS(connect, ENOENT, connect(client, ADDRESS(missing)));
    FAILS(connect, ECONNREFUSED, connect(client, ADDRESS(file)));
    FAILS(connect, EBADF, connect(-1, ADDRESS(name)));
    FAILS(connect, ENOTSOCK, connect(plain, ADDRESS(name)));
    FAILS(connect, EFAULT, connect(client, BAD, sizeof name));
    FAILS(connect, EPROTOTYPE, connect(datagram, ADDRESS(name)));
    FAILS(getpeername, ENOTCONN, getpeername(client, (struct sockaddr *)&peer, (length = sizeof peer, &length)));
    FAILS(sendto, ENOTCONN, send(client, "x", 1, MSG_NOSIGNAL));
    FAILS(accept, EINVAL, accept(client, NULL, NULL));
    FAILS(accept, EBADF, accept(-1, NULL, NULL));
    FAILS(accept, ENOTSOCK, accept(plain, NULL, NULL));
    FAILS(accept, EOPNOTSUPP, accept(datagram, NULL, NULL));
    WORKS(connect, connect(client, ADDRESS(name)) == 0);
    FAILS(connect, EISCONN, connect(client, ADDRESS(name)));
    length = sizeof peer;
    int served = accept(server, (struct sockaddr *)&peer, &length);
    WORKS(accept, served >= 0 && length == sizeof(sa_family_t) && peer.sun_family == AF_UNIX);
    fcntl(server, F_SETFL, O_NONBLOCK);
    FAILS(accept, EAGAIN, accept(server, NULL, NULL));
    FAILS(accept4, EINVAL, accept4(server, NULL, NULL, 1));
    int second = socket(AF_UNIX, SOCK_STREAM, 0);
    connect(second, ADDRESS(name));
    int taken = accept4(server, NULL, NULL, SOCK_CLOEXEC);
    WORKS(accept4, taken >= 0 && fcntl(taken, F_GETFD) == FD_CLOEXEC);
    length = sizeof peer;
    WORKS(getpeername,
          getpeername(client, (struct sockaddr *)&peer, &length) == 0 && strcmp(peer.sun_path, "listening") == 0);
    length = 4;
    WORKS(getsockname, getsockname(served, (struct sockaddr *)&peer, &length) == 0 &&
                           length == sizeof(sa_family_t) + strlen("listening") + 1);
    FAILS(getsockname, EBADF, getsockname(-1, (struct sockaddr *)&peer, &length));
    FAILS(getsockname, ENOTSOCK, getsockname(plain, (struct sockaddr *)&peer, &length));
    FAILS(getsockname, EFAULT, getsockname(client, (struct sockaddr *)&peer, BAD));
    FAILS(getsockname, EFAULT, getsockname(client, BAD, (length = sizeof peer, &length)));
    FAILS(getsockname, EINVAL, getsockname(client, (struct sockaddr *)&peer, (length = -1, &length)));
    FAILS(getpeername, EBADF, getpeername(-1, (struct sockaddr *)&peer, &length));
    FAILS(getpeername, ENOTSOCK, getpeername(plain, (struct sockaddr *)&peer, &length));
    FAILS(getpeername, EFAULT, getpeername(client, (struct sockaddr *)&peer, BAD));
    WORKS(sendto, send(client, "hello", 5, 0) == 5 && recv(served, buffer, 3, 0) == 3 &&
                      recv(served, buffer, 9, MSG_PEEK) == 2 && recv(served, buffer, 9, 0) == 2);
    FAILS(recvfrom, EAGAIN, recv(served, buffer, 1, MSG_DONTWAIT));
    FAILS(recvfrom, EBADF, recv(-1, buffer, 1, 0));
    FAILS(recvfrom, ENOTSOCK, recv(plain, buffer, 1, 0));
    FAILS(sendto, EBADF, send(-1, buffer, 1, 0));
    FAILS(sendto, ENOTSOCK, send(plain, buffer, 1, 0));
    FAILS(sendto, EFAULT, send(client, BAD, 1, MSG_NOSIGNAL));
    WORKS(shutdown, shutdown(client, SHUT_WR) == 0 && recv(served, buffer, 1, 0) == 0 &&
                        send(served, "back", 4, 0) == 4 && recv(client, buffer, 9, 0) == 4);
    FAILS(shutdown, EPIPE, send(client, "x", 1, MSG_NOSIGNAL));
    FAILS(shutdown, EINVAL, shutdown(client, 9));
    FAILS(shutdown, EBADF, shutdown(-1, SHUT_RD));
    FAILS(shutdown, ENOTSOCK, shutdown(plain, SHUT_RD));
    WORKS(shutdown, shutdown(socket(AF_UNIX, SOCK_STREAM, 0), SHUT_RD) == 0);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGPIPE, SIG_DFL);
        send(client, "x", 1, 0);
        _exit(0);
    }
    WORKS(sendto, waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
    struct sockaddr_un hidden = {.sun_family = AF_UNIX, .sun_path = "\0abstract name"};
    int abstract = socket(AF_UNIX, SOCK_STREAM, 0), caller = socket(AF_UNIX, SOCK_STREAM, 0);
    WORKS(bind, bind(abstract, (struct sockaddr *)&hidden, 16) == 0 && listen(abstract, 1) == 0 &&
                    connect(caller, (struct sockaddr *)&hidden, 16) == 0);
}

static void test_options(void) {
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), plain = open("file", O_RDONLY), value = 0, on = 1;
    socklen_t length = sizeof value;
    WORKS(getsockopt, getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &length) == 0 && value == SOCK_STREAM && length == 4);
    WORKS(getsockopt, getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &value, &length) == 0 && value == AF_UNIX);
    WORKS(getsockopt, getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &length) == 0 && value == 0);
    WORKS(getsockopt, getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &length) == 0 && value == 0);
    WORKS(getsockopt, getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &value, &length) == 0 && value > 0);
    WORKS(setsockopt, setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0 &&
                          getsockopt(fd, SOL_SOCKET, SO_PASSCRED, &value, &length) == 0 && value == 1);
    struct linger linger = {1, 7}, kept = {0};
    socklen_t kept_size = sizeof kept;
    WORKS(setsockopt, setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) == 0 &&
                          getsockopt(fd, SOL_SOCKET, SO_LINGER, &kept, &kept_size) == 0 && kept.l_onoff == 1 &&
                          kept.l_linger == 7);
    FAILS(setsockopt, EINVAL, setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(int)));
    int priority = 5, answer = 0;
    socklen_t answer_size = sizeof answer;
    WORKS(setsockopt, setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &priority, sizeof priority) == 0 &&
                          getsockopt(fd, SOL_SOCKET, SO_PRIORITY, &answer, &answer_size) == 0 && answer == 5);
    WORKS(setsockopt, setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0);
    FAILS(setsockopt, EINVAL, setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, 1));
    FAILS(setsockopt, EFAULT, setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, BAD, sizeof on));
    FAILS(setsockopt, EBADF, setsockopt(-1, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on));
    FAILS(setsockopt, ENOTSOCK, setsockopt(plain, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on));
    FAILS(setsockopt, ENOPROTOOPT, setsockopt(fd, SOL_SOCKET, 9999, &on, sizeof on));
    FAILS(getsockopt, ENOPROTOOPT, getsockopt(fd, SOL_SOCKET, 9999, &value, &length));
    FAILS(getsockopt, EBADF, getsockopt(-1, SOL_SOCKET, SO_TYPE, &value, &length));
    FAILS(getsockopt, ENOTSOCK, getsockopt(plain, SOL_SOCKET, SO_TYPE, &value, &length));
    FAILS(getsockopt, EFAULT, getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, BAD));
    FAILS(getsockopt, EFAULT, getsockopt(fd, SOL_SOCKET, SO_TYPE, BAD, &length));
    FAILS(getsockopt, EINVAL, getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, (length = -1, &length)));
    int pair[2];
    struct ucred peer;
    length = sizeof peer;
    WORKS(getsockopt, socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 &&
                          getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.pid == getpid() &&
                          peer.uid == 0);
}

static void test_messages(void) {
    int pair[2], fd = file_with("passed", "passed on"), one = 1;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) {
        WORKS(sendmsg, 0);
        return;
    }
    union {
        char bytes[CMSG_SPACE(2 * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
        struct cmsghdr align;
    } control = {}, received = {};
    struct iovec out = {"data", 4}, in = {buffer, 100};
    struct msghdr message = {
        .msg_iov = &out, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = CMSG_LEN(sizeof(int))};
    struct msghdr receive = {
        .msg_iov = &in, .msg_iovlen = 1, .msg_control = received.bytes, .msg_controllen = sizeof received};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    WORKS(sendmsg, sendmsg(pair[0], &message, 0) == 4);
    WORKS(recvmsg, recvmsg(pair[1], &receive, MSG_CMSG_CLOEXEC) == 4 && memcmp(buffer, "data", 4) == 0);
    header = CMSG_FIRSTHDR(&receive);
    int got = -1;
    if (header != NULL) memcpy(&got, CMSG_DATA(header), sizeof got);
    WORKS(recvmsg, header != NULL && header->cmsg_type == SCM_RIGHTS && header->cmsg_len == CMSG_LEN(sizeof(int)) &&
                       got >= 0 && got != fd && pread(got, buffer, 100, 0) == 9 && fcntl(got, F_GETFD) == FD_CLOEXEC);
    WORKS(recvmsg, sendmsg(pair[0], &message, 0) == 4 &&
                       (receive.msg_controllen = 0, recvmsg(pair[1], &receive, 0) == 4) &&
                       (receive.msg_flags & MSG_CTRUNC) != 0);
    int bad = 999;
    memcpy(CMSG_DATA((struct cmsghdr *)control.bytes), &bad, sizeof bad);
    FAILS(sendmsg, EBADF, sendmsg(pair[0], &message, 0));
    ((struct cmsghdr *)control.bytes)->cmsg_len = 3;
    FAILS(sendmsg, EINVAL, sendmsg(pair[0], &message, 0));
    message.msg_controllen = 0;
    WORKS(recvmsg,
          setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof one) == 0 && sendmsg(pair[0], &message, 0) == 4);
    receive.msg_controllen = sizeof received;
    struct ucred credentials = {};
    long length = recvmsg(pair[1], &receive, 0);
    header = CMSG_FIRSTHDR(&receive);
    if (header != NULL) memcpy(&credentials, CMSG_DATA(header), sizeof credentials);
    WORKS(recvmsg, length == 4 && header != NULL && header->cmsg_type == SCM_CREDENTIALS &&
                       credentials.pid == getpid() && credentials.uid == 0);
    FAILS(sendmsg, EFAULT, sendmsg(pair[0], BAD, 0));
    FAILS(sendmsg, EBADF, sendmsg(-1, &message, 0));
    FAILS(sendmsg, ENOTSOCK, sendmsg(fd, &message, 0));
    FAILS(recvmsg, EFAULT, recvmsg(pair[0], BAD, 0));
    FAILS(recvmsg, EBADF, recvmsg(-1, &receive, 0));
    FAILS(recvmsg, ENOTSOCK, recvmsg(fd, &receive, 0));
    static struct iovec many[1025];
    struct msghdr long_one = {.msg_iov = many, .msg_iovlen = 1025};
    FAILS(sendmsg, EMSGSIZE, syscall(SYS_sendmsg, pair[0], &long_one, 0));
    int packets[2];
    socketpair(AF_UNIX, SOCK_DGRAM, 0, packets);
    struct mmsghdr several[3] = {}, back[3] = {};
    struct iovec parts[3] = {{"a", 1}, {"bb", 2}, {"ccc", 3}},
                 into[3] = {{buffer, 9}, {buffer + 10, 9}, {buffer + 20, 2}};
    for (int i = 0; i < 3; i++) {
        several[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
        back[i].msg_hdr = (struct msghdr){.msg_iov = &into[i], .msg_iovlen = 1};
    }
    WORKS(sendmmsg, sendmmsg(packets[0], several, 3, 0) == 3 && several[2].msg_len == 3);
    WORKS(recvmmsg, recvmmsg(packets[1], back, 3, MSG_WAITFORONE, NULL) == 3 && back[1].msg_len == 2 &&
                        back[2].msg_len == 2 && (back[2].msg_hdr.msg_flags & MSG_TRUNC) != 0);
    FAILS(recvmmsg, EAGAIN, recvmmsg(packets[1], back, 3, MSG_DONTWAIT, NULL));
    FAILS(sendmmsg, EBADF, sendmmsg(-1, several, 3, 0));
    FAILS(recvmmsg, EBADF, recvmmsg(-1, back, 3, 0, NULL));
    FAILS(sendmmsg, EFAULT, sendmmsg(packets[0], BAD, 1, 0));
    struct sockaddr_un name = unix_name("datagrams"), mine = unix_name("mine"), from = {};
    socklen_t size = sizeof from;
    int receiver = socket(AF_UNIX, SOCK_DGRAM, 0), sender = socket(AF_UNIX, SOCK_DGRAM, 0);
    WORKS(sendto, bind(receiver, ADDRESS(name)) == 0 && bind(sender, ADDRESS(mine)) == 0 &&
                      sendto(sender, "dg", 2, 0, ADDRESS(name)) == 2 &&
                      recvfrom(receiver, buffer, 9, 0, (struct sockaddr *)&from, &size) == 2 &&
                      strcmp(from.sun_path, "mine") == 0);
    FAILS(sendto, ENOTCONN, send(receiver, "x", 1, 0));
    struct sockaddr_un missing = unix_name("missing");
    FAILS(sendto, ENOENT, sendto(sender, "x", 1, 0, ADDRESS(missing)));
    FAILS(sendto, EINVAL, sendto(sender, "x", 1, 0, (struct sockaddr *)&name, 300));
}

static void test_internet(void) {
    int server = socket(AF_INET, SOCK_STREAM, 0);
    if (server < 0 && errno == EAFNOSUPPORT) return;
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}, bound;
    socklen_t length = sizeof bound;
    int client = socket(AF_INET, SOCK_STREAM, 0), accepted;
    WORKS(bind, bind(server, ADDRESS(any)) == 0 && getsockname(server, (struct sockaddr *)&bound, &length) == 0 &&
                    bound.sin_port != 0);
    FAILS(connect, ECONNREFUSED, connect(client, ADDRESS(bound)));
    close(client);
    client = socket(AF_INET, SOCK_STREAM, 0);
    FAILS(shutdown, ENOTCONN, shutdown(client, SHUT_RD));
    WORKS(listen, listen(server, 4) == 0 && connect(client, ADDRESS(bound)) == 0 &&
                      (accepted = accept(server, NULL, NULL)) >= 0);
    WORKS(sendto, send(client, "tcp", 3, 0) == 3 && recv(accepted, buffer, 9, 0) == 3 && close(client) == 0 &&
                      recv(accepted, buffer, 9, 0) == 0);
    int a = socket(AF_INET, SOCK_DGRAM, 0), b = socket(AF_INET, SOCK_DGRAM, 0);
    length = sizeof bound;
    WORKS(sendto, bind(a, ADDRESS(any)) == 0 && getsockname(a, (struct sockaddr *)&bound, &length) == 0 &&
                      sendto(b, "udp", 3, 0, ADDRESS(bound)) == 3 && recv(a, buffer, 9, 0) == 3);
    FAILS(sendto, EDESTADDRREQ, send(b, "x", 1, 0));
    struct sockaddr_in elsewhere = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x01020304)};
    FAILS(bind, EADDRNOTAVAIL, bind(b, ADDRESS(elsewhere)));
}

int main(void) {
    work_in_fresh_directory();
    signal(SIGPIPE, SIG_IGN);
    test_making();
    test_stream();
    test_options();
    test_messages();
    test_internet();
    return tap_done();
}
