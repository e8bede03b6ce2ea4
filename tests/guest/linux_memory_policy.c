// Memory policies of a machine with one node, protection keys, calls by pidfd.
#include "raw_call.h"

#include <sys/mman.h>
#include <sys/uio.h>

#define PAGE 4096UL

int main(void) {
    unsigned long node0 = 1, far = 1UL << 60, wide[20] = {1};
    int mode = 99, status[2], nodes[2] = {0, 0};
    char *place = mmap(nullptr, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    place[0] = 1;
    void *pages[2] = {place, place + PAGE};
    if (syscall(SYS_get_mempolicy, &mode, nullptr, 0UL, nullptr, 0UL) == -1 && errno == ENOSYS)
        SKIP_ALL("no memory policies");
    HOLDS("get_mempolicy: the default", mode == 0);
    ANSWERS("get_mempolicy: nodes", 0, syscall(SYS_get_mempolicy, &mode, wide, 1025UL, nullptr, 4UL));
    HOLDS("get_mempolicy: node 0 is allowed", wide[0] == 1);
    FAILS("get_mempolicy: EINVAL for flags", EINVAL, syscall(SYS_get_mempolicy, &mode, nullptr, 0UL, nullptr, 64UL));
    FAILS("get_mempolicy: EINVAL for an address without its flag", EINVAL,
          syscall(SYS_get_mempolicy, &mode, nullptr, 0UL, place, 0UL));
    FAILS("get_mempolicy: EFAULT for an address", EFAULT,
          syscall(SYS_get_mempolicy, &mode, nullptr, 0UL, nowhere, 2UL));
    FAILS("get_mempolicy: EFAULT for the mode", EFAULT,
          syscall(SYS_get_mempolicy, nowhere, nullptr, 0UL, nullptr, 0UL));
    FAILS("set_mempolicy: EINVAL for a mode", EINVAL, syscall(SYS_set_mempolicy, 99, &node0, 64UL));
    FAILS("set_mempolicy: EINVAL for nodes with the default", EINVAL, syscall(SYS_set_mempolicy, 0, &node0, 64UL));
    FAILS("set_mempolicy: EINVAL for no nodes", EINVAL, syscall(SYS_set_mempolicy, 2, nullptr, 0UL));
    FAILS("set_mempolicy: EINVAL for nodes that don't exist", EINVAL, syscall(SYS_set_mempolicy, 2, &far, 64UL));
    FAILS("set_mempolicy: EFAULT", EFAULT, syscall(SYS_set_mempolicy, 2, nowhere, 64UL));
    ANSWERS("set_mempolicy: bind to node 0", 0, syscall(SYS_set_mempolicy, 2, &node0, 64UL));
    ANSWERS("get_mempolicy: what was set", 0, syscall(SYS_get_mempolicy, &mode, nullptr, 0UL, nullptr, 0UL));
    HOLDS("get_mempolicy: bind", mode == 2);
    ANSWERS("set_mempolicy: the default again", 0, syscall(SYS_set_mempolicy, 0, nullptr, 0UL));
    ANSWERS("mbind: a range", 0, syscall(SYS_mbind, place, PAGE, 2, &node0, 64UL, 0));
    FAILS("mbind: EINVAL for an address within a page", EINVAL,
          syscall(SYS_mbind, place + 1, PAGE, 2, &node0, 64UL, 0));
    FAILS("mbind: EINVAL for flags", EINVAL, syscall(SYS_mbind, place, PAGE, 2, &node0, 64UL, 64));
    FAILS("mbind: EINVAL for a mode", EINVAL, syscall(SYS_mbind, place, PAGE, 99, &node0, 64UL, 0));
    FAILS("mbind: EFAULT for the nodes", EFAULT, syscall(SYS_mbind, place, PAGE, 2, nowhere, 64UL, 0));
    FAILS("mbind: EFAULT for nothing there", EFAULT,
          syscall(SYS_mbind, (void *)0x100000000000, PAGE, 2, &node0, 64UL, 0));
    ANSWERS("migrate_pages: own", 0, syscall(SYS_migrate_pages, 0, 64UL, &node0, &node0));
    FAILS("migrate_pages: ESRCH", ESRCH, syscall(SYS_migrate_pages, 4000000, 64UL, &node0, &node0));
    FAILS("migrate_pages: EFAULT", EFAULT, syscall(SYS_migrate_pages, 0, 64UL, nowhere, &node0));
    ANSWERS("move_pages: where they are", 0, syscall(SYS_move_pages, 0, 2UL, pages, nullptr, status, 0));
    HOLDS("move_pages: one is there, one not", status[0] == 0 && status[1] < 0);
    FAILS("move_pages: EINVAL for flags", EINVAL, syscall(SYS_move_pages, 0, 2UL, pages, nodes, status, 64));
    FAILS("move_pages: ESRCH", ESRCH, syscall(SYS_move_pages, 4000000, 2UL, pages, nodes, status, 0));
    FAILS("move_pages: EFAULT", EFAULT, syscall(SYS_move_pages, 0, 2UL, nowhere, nodes, status, 0));
    nodes[0] = 5;
    FAILS("move_pages: ENODEV", ENODEV, syscall(SYS_move_pages, 0, 2UL, pages, nodes, status, 0));
    FAILS("set_mempolicy_home_node: EINVAL for flags", EINVAL, syscall(450, place, PAGE, 0UL, 1UL));
    FAILS("set_mempolicy_home_node: EINVAL for a node", EINVAL, syscall(450, place, PAGE, 9999UL, 0UL));
    FAILS("pkey_alloc: EINVAL for flags", EINVAL, syscall(SYS_pkey_alloc, 1UL, 0UL));
    FAILS("pkey_alloc: EINVAL for rights", EINVAL, syscall(SYS_pkey_alloc, 0UL, 99UL));
    FAILS("pkey_free: EINVAL", EINVAL, syscall(SYS_pkey_free, 9));
    FAILS("pkey_mprotect: EINVAL for a key", EINVAL, syscall(SYS_pkey_mprotect, place, PAGE, PROT_READ, 9));
    ANSWERS("pkey_mprotect: without a key", 0, syscall(SYS_pkey_mprotect, place, PAGE, PROT_READ, -1));
    int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
    struct iovec vector = {place + PAGE, PAGE}, bad = {place + PAGE + 1, PAGE};
    ANSWERS("process_madvise: own", PAGE, syscall(440, self, &vector, 1UL, MADV_WILLNEED, 0));
    FAILS("process_madvise: EINVAL for flags", EINVAL, syscall(440, self, &vector, 1UL, MADV_WILLNEED, 1));
    FAILS("process_madvise: EBADF", EBADF, syscall(440, 999, &vector, 1UL, MADV_WILLNEED, 0));
    FAILS("process_madvise: EFAULT", EFAULT, syscall(440, self, nowhere, 1UL, MADV_WILLNEED, 0));
    FAILS("process_madvise: EINVAL for an address within a page", EINVAL,
          syscall(440, self, &bad, 1UL, MADV_WILLNEED, 0));
    FAILS("process_mrelease: EINVAL for a living process", EINVAL, syscall(448, self, 0));
    FAILS("process_mrelease: EINVAL for flags", EINVAL, syscall(448, self, 1));
    FAILS("process_mrelease: EBADF", EBADF, syscall(448, 999, 0));
    return tap_done();
}
