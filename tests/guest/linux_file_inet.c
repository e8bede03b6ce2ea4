// TCP and UDP over the loopback addresses.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>

#include "linux_calls.h"

static char buffer[70000];

static struct sockaddr_in at(uint32_t address, int port) {
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(address), .sin_port = htons(port)};
}

static void test_sockets(void) {
    int pair[2];
    WORKS(socket, socket(AF_INET, SOCK_STREAM, IPPROTO_TCP) >= 0 && socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP) >= 0);
    FAILS(socket, EPROTONOSUPPORT, socket(AF_INET, SOCK_STREAM, IPPROTO_UDP));
    FAILS(socket, ESOCKTNOSUPPORT, socket(AF_INET, SOCK_RDM, 0));
    FAILS(socketpair, EOPNOTSUPP, socketpair(AF_INET, SOCK_STREAM, 0, pair));
}

static void test_stream(void) {
    int server = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0), on = 1, value = -1;
    struct sockaddr_in any = at(INADDR_ANY, 0), loop = at(INADDR_LOOPBACK, 0), far = at(0x01020304, 0), name, peer,
                       unix_name = loop;
    socklen_t length = sizeof name;
    FAILS(bind, EADDRNOTAVAIL, bind(server, &far, sizeof far));
    FAILS(bind, EINVAL, bind(server, &loop, 8));
    unix_name.sin_family = AF_UNIX;
    FAILS(bind, EAFNOSUPPORT, bind(server, &unix_name, sizeof unix_name));
    WORKS(getsockname, getsockname(server, (void *)&name, &length) == 0 && length == 16 && name.sin_port == 0 &&
                           name.sin_addr.s_addr == 0);
    WORKS(bind, bind(server, &loop, sizeof loop) == 0 && getsockname(server, (void *)&name, &length) == 0 &&
                    name.sin_port != 0 && name.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
    FAILS(bind, EINVAL, bind(server, &loop, sizeof loop));
    FAILS(bind, EADDRINUSE, bind(client, &name, sizeof name));
    FAILS(connect, ECONNREFUSED, connect(client, &name, sizeof name));
    FAILS(recvfrom, ENOTCONN, recv(client, buffer, 1, 0));
    FAILS(sendto, EPIPE, send(client, buffer, 1, MSG_NOSIGNAL));
    FAILS(shutdown, ENOTCONN, shutdown(client, SHUT_RD));
    FAILS(getpeername, ENOTCONN, getpeername(client, (void *)&peer, &length));
    FAILS(accept, EINVAL, accept(server, NULL, NULL));
    WORKS(listen,
          listen(server, 4) == 0 && getsockopt(server, SOL_SOCKET, SO_ACCEPTCONN, &value, &length) == 0 && value == 1);
    client = socket(AF_INET, SOCK_STREAM, 0);
    WORKS(connect, connect(client, &name, sizeof name) == 0);
    FAILS(connect, EISCONN, connect(client, &name, sizeof name));
    length = sizeof peer;
    int accepted = accept(server, &peer, &length);
    struct sockaddr_in own;
    WORKS(accept, accepted >= 0 && length == 16 && peer.sin_family == AF_INET &&
                      peer.sin_addr.s_addr == htonl(INADDR_LOOPBACK) && peer.sin_port != 0);
    WORKS(getsockname, getsockname(client, (void *)&own, &length) == 0 && own.sin_port == peer.sin_port &&
                           own.sin_addr.s_addr == peer.sin_addr.s_addr);
    WORKS(getpeername, getpeername(client, (void *)&own, &length) == 0 && own.sin_port == name.sin_port);
    WORKS(getsockname, getsockname(accepted, (void *)&own, &length) == 0 && own.sin_port == name.sin_port);
    WORKS(setsockopt, setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 &&
                          getsockopt(client, IPPROTO_TCP, TCP_NODELAY, &value, (length = 4, &length)) == 0 &&
                          value == 1);
    FAILS(setsockopt, EINVAL, setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, 1));
    FAILS(setsockopt, ENOPROTOOPT, setsockopt(client, IPPROTO_TCP, 9999, &on, sizeof on));
    FAILS(getsockopt, ENOPROTOOPT, getsockopt(client, IPPROTO_TCP, 9999, &value, &length));
    FAILS(accept, EFAULT, (connect(socket(AF_INET, SOCK_STREAM, 0), &name, sizeof name), accept(server, BAD, &length)));
    struct pollfd p = {client, POLLIN | POLLOUT, 0};
    WORKS(poll, poll(&p, 1, 0) == 1 && p.revents == POLLOUT);
    WORKS(sendto, send(client, "hello", 5, 0) == 5 && recv(accepted, buffer, 9, 0) == 5 &&
                      send(accepted, "back", 4, 0) == 4 && recv(client, buffer, 9, 0) == 4);
    pid_t child = fork();
    int status;
    if (child == 0) {
        long total = 0, n;
        close(client);
        while ((n = read(accepted, buffer, sizeof buffer)) > 0)
            total += n;
        _exit(total == 10 * sizeof buffer ? 0 : 1);
    }
    close(accepted);
    for (int i = 0; i < 10; i++)
        if (write(client, buffer, sizeof buffer) != sizeof buffer) exit(1);
    WORKS(shutdown, shutdown(client, SHUT_WR) == 0 && waitpid(child, &status, 0) == child && status == 0 &&
                        recv(client, buffer, 1, 0) == 0);
    FAILS(sendto, EPIPE, send(client, "x", 1, MSG_NOSIGNAL));
    int wide = socket(AF_INET, SOCK_STREAM, 0);
    length = sizeof own;
    WORKS(bind, bind(wide, &any, sizeof any) == 0 && listen(wide, 1) == 0 &&
                    getsockname(wide, (void *)&own, &length) == 0 && own.sin_addr.s_addr == 0);
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    WORKS(connect, connect(socket(AF_INET, SOCK_STREAM, 0), &own, sizeof own) == 0);
    FAILS(connect, EAFNOSUPPORT, connect(socket(AF_INET, SOCK_STREAM, 0), &unix_name, sizeof unix_name));
    FAILS(connect, EINVAL, connect(socket(AF_INET, SOCK_STREAM, 0), &own, 8));
}

static void test_datagrams(void) {
    int a = socket(AF_INET, SOCK_DGRAM, 0), b = socket(AF_INET, SOCK_DGRAM, 0), c = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in loop = at(INADDR_LOOPBACK, 0), name, from;
    socklen_t length = sizeof name;
    WORKS(bind, bind(a, &loop, sizeof loop) == 0 && getsockname(a, (void *)&name, &length) == 0);
    FAILS(listen, EOPNOTSUPP, listen(a, 1));
    FAILS(accept, EOPNOTSUPP, accept(a, NULL, NULL));
    FAILS(sendto, EDESTADDRREQ, send(b, "x", 1, 0));
    FAILS(write, EDESTADDRREQ, write(b, "x", 1));
    FAILS(sendto, EINVAL, sendto(b, "x", 1, 0, (void *)&loop, sizeof loop));
    FAILS(sendto, EINVAL, sendto(b, "x", 1, 0, (void *)&name, 8));
    FAILS(sendto, EMSGSIZE, sendto(b, buffer, 66000, 0, (void *)&name, sizeof name));
    WORKS(sendto, sendto(b, "datagram", 8, 0, (void *)&name, sizeof name) == 8);
    length = sizeof from;
    WORKS(recvfrom, recvfrom(a, buffer, 4, MSG_TRUNC, (void *)&from, &length) == 8 && length == 16 &&
                        from.sin_port != 0 && from.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
    WORKS(sendto, sendto(a, "answer", 6, 0, (void *)&from, sizeof from) == 6 && recv(b, buffer, 99, 0) == 6);
    WORKS(sendto, sendto(b, "", 0, 0, (void *)&name, sizeof name) == 0 && recv(a, buffer, 99, 0) == 0);
    WORKS(connect, connect(c, &name, sizeof name) == 0 && send(c, "c", 1, 0) == 1 && recv(a, buffer, 9, 0) == 1 &&
                       getpeername(c, (void *)&from, &length) == 0 && from.sin_port == name.sin_port);
    FAILS(recvfrom, EAGAIN, recv(a, buffer, 9, MSG_DONTWAIT));
    close(a);
    WORKS(sendto, send(c, "lost", 4, 0) == 4);
    FAILS(recvfrom, ECONNREFUSED, recv(c, buffer, 9, MSG_DONTWAIT));
    FAILS(shutdown, ENOTCONN, shutdown(b, SHUT_RDWR));
}

static void as_a_user(void) {
    struct sockaddr_in low = at(INADDR_LOOPBACK, 80);
    FAILS(bind, EACCES, bind(socket(AF_INET, SOCK_STREAM, 0), &low, sizeof low));
    FAILS(socket, EPERM, socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
}

int main(void) {
    signal(SIGPIPE, SIG_IGN);
    test_sockets();
    test_stream();
    test_datagrams();
    as_user(as_a_user);
    return tap_done();
}
