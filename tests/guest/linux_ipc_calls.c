// System V IPC: shared memory, semaphores, message queues; each call's success and each documented error.
#include "raw_call.h"

#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

union semun {
    int val;
    void *buf;
    unsigned short *array;
};

static int as_user(int (*function)(void)) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        if (setgid(1000) || setuid(1000)) _exit(99);
        _exit(function());
    }
    int status;
    waitpid(child, &status, 0);
    return WEXITSTATUS(status);
}

static void no_action(int) {
}

static int object;

// ---- shared memory

static int shm_refused(void) {
    if (syscall(SYS_shmat, object, nullptr, 0) != -1 || errno != EACCES) return 1;
    if (syscall(SYS_shmctl, object, IPC_RMID, nullptr) != -1 || errno != EPERM) return 2;
    struct shmid_ds status = {};
    if (syscall(SYS_shmctl, object, IPC_STAT, &status) != -1 || errno != EACCES) return 3;
    if (syscall(SYS_shmctl, object, IPC_SET, &status) != -1 || errno != EPERM) return 4;
    if (syscall(SYS_shmget, 0x4711, 4096, 0600) != -1 || errno != EACCES) return 5;
    return 0;
}

static void test_shared_memory(void) {
    struct shmid_ds status;
    FAILS("shmget: ENOENT", ENOENT, syscall(SYS_shmget, 0x4711, 4096, 0600));
    FAILS("shmget: EINVAL for size 0", EINVAL, syscall(SYS_shmget, 0x4711, 0, IPC_CREAT | 0600));
    FAILS("shmget: EINVAL for a huge size", EINVAL, syscall(SYS_shmget, 0x4711, -1UL, IPC_CREAT | 0600));
    object = (int)syscall(SYS_shmget, 0x4711, 5000, IPC_CREAT | 0600);
    HOLDS("shmget: creates", object >= 0);
    ANSWERS("shmget: finds", object, syscall(SYS_shmget, 0x4711, 4000, 0600));
    FAILS("shmget: EEXIST", EEXIST, syscall(SYS_shmget, 0x4711, 4000, IPC_CREAT | IPC_EXCL | 0600));
    FAILS("shmget: EINVAL for a larger size", EINVAL, syscall(SYS_shmget, 0x4711, 6000, 0600));
    char *first = (char *)syscall(SYS_shmat, object, nullptr, 0),
         *second = (char *)syscall(SYS_shmat, object, nullptr, SHM_RDONLY);
    HOLDS("shmat: twice", first != (void *)-1 && second != (void *)-1 && first != second);
    strcpy(first, "shared");
    HOLDS("shmat: the same memory", strcmp(second, "shared") == 0);
    FAILS("shmat: EINVAL for an id", EINVAL, syscall(SYS_shmat, 0x7fffff, nullptr, 0));
    FAILS("shmat: EINVAL for a negative id", EINVAL, syscall(SYS_shmat, -1, nullptr, 0));
    FAILS("shmat: EINVAL for an address within a page", EINVAL, syscall(SYS_shmat, object, first + 1, 0));
    FAILS("shmat: EINVAL for a place in use", EINVAL, syscall(SYS_shmat, object, first, 0));
    FAILS("shmat: EINVAL for SHM_REMAP without an address", EINVAL, syscall(SYS_shmat, object, nullptr, SHM_REMAP));
    ANSWERS("shmat: SHM_REMAP", second, syscall(SYS_shmat, object, second, SHM_REMAP));
    char *place = mmap(nullptr, 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(place, 65536);
    ANSWERS("shmat: SHM_RND", place + 4096, syscall(SYS_shmat, object, place + 4096 + 77, SHM_RND));
    ANSWERS("shmdt: it", 0, syscall(SYS_shmdt, place + 4096));
    ANSWERS("shmctl: IPC_STAT", 0, syscall(SYS_shmctl, object, IPC_STAT, &status));
    HOLDS("shmctl: size, creator, attachments",
          status.shm_segsz == 5000 && status.shm_cpid == getpid() && status.shm_nattch == 2);
    HOLDS("shmctl: mode and key", (status.shm_perm.mode & 0777) == 0600 && status.shm_perm.__key == 0x4711);
    pid_t child = fork();
    if (child == 0) {
        strcpy(first, "child");
        _exit(0);
    }
    waitpid(child, nullptr, 0);
    HOLDS("shmat: shared after fork", strcmp(second, "child") == 0);
    ANSWERS("shmat, shmctl, shmget: another user is refused", 0, as_user(shm_refused));
    FAILS("shmctl: EINVAL for a command", EINVAL, syscall(SYS_shmctl, object, 99, &status));
    FAILS("shmctl: EINVAL for an id", EINVAL, syscall(SYS_shmctl, 0x7fffff, IPC_STAT, &status));
    FAILS("shmctl: EFAULT", EFAULT, syscall(SYS_shmctl, object, IPC_STAT, nowhere));
    FAILS("shmctl: IPC_SET EFAULT", EFAULT, syscall(SYS_shmctl, object, IPC_SET, nowhere));
    status.shm_perm.mode = 0640;
    ANSWERS("shmctl: IPC_SET", 0, syscall(SYS_shmctl, object, IPC_SET, &status));
    syscall(SYS_shmctl, object, IPC_STAT, &status);
    HOLDS("shmctl: the new mode", (status.shm_perm.mode & 0777) == 0640);
    SUCCEEDS("shmctl: IPC_INFO", syscall(SYS_shmctl, 0, IPC_INFO, (char[128]){}));
    SUCCEEDS("shmctl: SHM_INFO", syscall(SYS_shmctl, 0, 14, (char[128]){}));
    ANSWERS("shmctl: SHM_LOCK", 0, syscall(SYS_shmctl, object, SHM_LOCK, nullptr));
    FAILS("shmdt: EINVAL", EINVAL, syscall(SYS_shmdt, place));
    FAILS("shmdt: EINVAL for an address within a page", EINVAL, syscall(SYS_shmdt, first + 1));
    ANSWERS("shmctl: IPC_RMID", 0, syscall(SYS_shmctl, object, IPC_RMID, nullptr));
    FAILS("shmget: ENOENT after the removal", ENOENT, syscall(SYS_shmget, 0x4711, 4096, 0600));
    HOLDS("shmctl: attached memory outlives the removal", strcmp(first, "child") == 0);
    ANSWERS("shmctl: IPC_STAT while attached", 0, syscall(SYS_shmctl, object, IPC_STAT, &status));
    HOLDS("shmctl: SHM_DEST", (status.shm_perm.mode & 01000) != 0);
    ANSWERS("shmdt: the first", 0, syscall(SYS_shmdt, first));
    ANSWERS("shmdt: the last", 0, syscall(SYS_shmdt, second));
    FAILS("shmat: EINVAL once it is gone", EINVAL, syscall(SYS_shmat, object, nullptr, 0));
}

// ---- semaphores

static int sem_refused(void) {
    struct sembuf operation = {0, 1, 0};
    unsigned short values[3];
    if (syscall(SYS_semop, object, &operation, 1) != -1 || errno != EACCES) return 1;
    if (syscall(SYS_semctl, object, 0, IPC_RMID, 0) != -1 || errno != EPERM) return 2;
    if (syscall(SYS_semctl, object, 0, GETVAL, 0) != -1 || errno != EACCES) return 3;
    if (syscall(SYS_semctl, object, 0, SETVAL, 1) != -1 || errno != EACCES) return 4;
    if (syscall(SYS_semctl, object, 0, GETALL, values) != -1 || errno != EACCES) return 5;
    if (syscall(SYS_semget, 0x4712, 1, 0600) != -1 || errno != EACCES) return 6;
    return 0;
}

static pid_t operator(int number, int change, int flags) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        struct sembuf operation = {(unsigned short)number, (short)change, (short)flags};
        signal(SIGUSR1, no_action);
        _exit(syscall(SYS_semop, object, &operation, 1) == 0 ? 0 : errno);
    }
    sleep_milliseconds(30);
    return child;
}

static int ended(pid_t child) {
    int status;
    waitpid(child, &status, 0);
    return WEXITSTATUS(status);
}

static void test_semaphores(void) {
    struct sembuf operation = {0, 1, 0}, operations[501] = {};
    struct semid_ds status;
    struct timespec moment = {0, 20000000}, bad = {0, 1000000000};
    unsigned short values[3] = {};
    FAILS("semget: ENOENT", ENOENT, syscall(SYS_semget, 0x4712, 1, 0600));
    FAILS("semget: EINVAL for none", EINVAL, syscall(SYS_semget, 0x4712, 0, IPC_CREAT | 0600));
    FAILS("semget: EINVAL for a negative number", EINVAL, syscall(SYS_semget, 0x4712, -1, IPC_CREAT | 0600));
    FAILS("semget: EINVAL for too many", EINVAL, syscall(SYS_semget, 0x4712, 32001, IPC_CREAT | 0600));
    object = (int)syscall(SYS_semget, 0x4712, 3, IPC_CREAT | 0600);
    HOLDS("semget: creates", object >= 0);
    ANSWERS("semget: finds", object, syscall(SYS_semget, 0x4712, 0, 0600));
    FAILS("semget: EEXIST", EEXIST, syscall(SYS_semget, 0x4712, 3, IPC_CREAT | IPC_EXCL | 0600));
    FAILS("semget: EINVAL for more than it has", EINVAL, syscall(SYS_semget, 0x4712, 4, 0600));
    ANSWERS("semop: adds", 0, syscall(SYS_semop, object, &operation, 1));
    ANSWERS("semctl: GETVAL", 1, syscall(SYS_semctl, object, 0, GETVAL, 0));
    ANSWERS("semctl: GETPID", getpid(), syscall(SYS_semctl, object, 0, GETPID, 0));
    FAILS("semop: EINVAL for an id", EINVAL, syscall(SYS_semop, 0x7fffff, &operation, 1));
    FAILS("semop: EINVAL for no operation", EINVAL, syscall(SYS_semop, object, &operation, 0));
    FAILS("semop: E2BIG", E2BIG, syscall(SYS_semop, object, operations, 501));
    FAILS("semop: EFAULT", EFAULT, syscall(SYS_semop, object, nowhere, 1));
    operation.sem_num = 3;
    FAILS("semop: EFBIG", EFBIG, syscall(SYS_semop, object, &operation, 1));
    operation = (struct sembuf){0, -2, IPC_NOWAIT};
    FAILS("semop: EAGAIN", EAGAIN, syscall(SYS_semop, object, &operation, 1));
    operation = (struct sembuf){0, 32767, 0};
    FAILS("semop: ERANGE", ERANGE, syscall(SYS_semop, object, &operation, 1));
    operation = (struct sembuf){0, -2, 0};
    FAILS("semtimedop: EAGAIN after the time", EAGAIN, syscall(SYS_semtimedop, object, &operation, 1, &moment));
    FAILS("semtimedop: EINVAL for the time", EINVAL, syscall(SYS_semtimedop, object, &operation, 1, &bad));
    FAILS("semtimedop: EFAULT for the time", EFAULT, syscall(SYS_semtimedop, object, &operation, 1, nowhere));
    struct sembuf both[2] = {{0, -1, IPC_NOWAIT}, {1, -1, IPC_NOWAIT}};
    FAILS("semop: all or nothing", EAGAIN, syscall(SYS_semop, object, both, 2));
    ANSWERS("semop: nothing was changed", 1, syscall(SYS_semctl, object, 0, GETVAL, 0));
    pid_t child = operator(1, -1, 0);
    ANSWERS("semctl: GETNCNT", 1, syscall(SYS_semctl, object, 1, GETNCNT, 0));
    ANSWERS("semctl: SETVAL", 0, syscall(SYS_semctl, object, 1, SETVAL, 1));
    ANSWERS("semop: the waiter goes on", 0, ended(child));
    child = operator(0, 0, 0);
    ANSWERS("semctl: GETZCNT", 1, syscall(SYS_semctl, object, 0, GETZCNT, 0));
    operation = (struct sembuf){0, -1, 0};
    syscall(SYS_semop, object, &operation, 1);
    ANSWERS("semop: waits for zero", 0, ended(child));
    child = operator(2, 5, SEM_UNDO);
    ended(child);
    ANSWERS("semop: SEM_UNDO", 0, syscall(SYS_semctl, object, 2, GETVAL, 0));
    child = operator(0, -1, 0);
    kill(child, SIGUSR1);
    ANSWERS("semop: EINTR", EINTR, ended(child));
    values[0] = 4;
    values[2] = 6;
    ANSWERS("semctl: SETALL", 0, syscall(SYS_semctl, object, 0, SETALL, values));
    memset(values, 0, sizeof values);
    ANSWERS("semctl: GETALL", 0, syscall(SYS_semctl, object, 0, GETALL, values));
    HOLDS("semctl: the values", values[0] == 4 && values[1] == 0 && values[2] == 6);
    ANSWERS("semctl: IPC_STAT", 0, syscall(SYS_semctl, object, 0, IPC_STAT, &status));
    HOLDS("semctl: the number", status.sem_nsems == 3);
    ANSWERS("semctl: IPC_SET", 0, syscall(SYS_semctl, object, 0, IPC_SET, &status));
    FAILS("semctl: EFAULT", EFAULT, syscall(SYS_semctl, object, 0, IPC_STAT, nowhere));
    FAILS("semctl: EFAULT for SETALL", EFAULT, syscall(SYS_semctl, object, 0, SETALL, nowhere));
    FAILS("semctl: EINVAL for an id", EINVAL, syscall(SYS_semctl, 0x7fffff, 0, GETVAL, 0));
    FAILS("semctl: EINVAL for a number", EINVAL, syscall(SYS_semctl, object, 3, GETVAL, 0));
    FAILS("semctl: EINVAL for a command", EINVAL, syscall(SYS_semctl, object, 0, 99, 0));
    FAILS("semctl: ERANGE for SETVAL", ERANGE, syscall(SYS_semctl, object, 0, SETVAL, 32768));
    FAILS("semctl: ERANGE for a negative value", ERANGE, syscall(SYS_semctl, object, 0, SETVAL, -1));
    values[1] = 40000;
    FAILS("semctl: ERANGE for SETALL", ERANGE, syscall(SYS_semctl, object, 0, SETALL, values));
    SUCCEEDS("semctl: IPC_INFO", syscall(SYS_semctl, 0, 0, IPC_INFO, (char[128]){}));
    ANSWERS("semop, semctl, semget: another user is refused", 0, as_user(sem_refused));
    child = operator(1, -1, 0);
    ANSWERS("semctl: IPC_RMID", 0, syscall(SYS_semctl, object, 0, IPC_RMID, 0));
    ANSWERS("semop: EIDRM", EIDRM, ended(child));
    FAILS("semop: EINVAL once it is gone", EINVAL, syscall(SYS_semop, object, &operation, 1));
}

// ---- messages

struct text {
    long type;
    char bytes[100];
};

static int msg_refused(void) {
    struct text text = {1, "x"};
    struct msqid_ds status = {};
    if (syscall(SYS_msgsnd, object, &text, 1, 0) != -1 || errno != EACCES) return 1;
    if (syscall(SYS_msgrcv, object, &text, 1, 0, IPC_NOWAIT) != -1 || errno != EACCES) return 2;
    if (syscall(SYS_msgctl, object, IPC_STAT, &status) != -1 || errno != EACCES) return 3;
    if (syscall(SYS_msgctl, object, IPC_SET, &status) != -1 || errno != EPERM) return 4;
    if (syscall(SYS_msgctl, object, IPC_RMID, 0) != -1 || errno != EPERM) return 5;
    if (syscall(SYS_msgget, 0x4713, 0600) != -1 || errno != EACCES) return 6;
    return 0;
}

static pid_t receiver(long type) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        struct text text;
        signal(SIGUSR1, no_action);
        _exit(syscall(SYS_msgrcv, object, &text, 100, type, 0) >= 0 ? 0 : errno);
    }
    sleep_milliseconds(30);
    return child;
}

static void test_messages(void) {
    struct text text = {1, "one"}, got = {};
    struct msqid_ds status;
    FAILS("msgget: ENOENT", ENOENT, syscall(SYS_msgget, 0x4713, 0600));
    object = (int)syscall(SYS_msgget, 0x4713, IPC_CREAT | 0600);
    HOLDS("msgget: creates", object >= 0);
    ANSWERS("msgget: finds", object, syscall(SYS_msgget, 0x4713, 0600));
    FAILS("msgget: EEXIST", EEXIST, syscall(SYS_msgget, 0x4713, IPC_CREAT | IPC_EXCL | 0600));
    ANSWERS("msgsnd: type 1", 0, syscall(SYS_msgsnd, object, &text, 4, 0));
    text = (struct text){3, "three"};
    ANSWERS("msgsnd: type 3", 0, syscall(SYS_msgsnd, object, &text, 6, 0));
    text = (struct text){2, "two"};
    ANSWERS("msgsnd: type 2", 0, syscall(SYS_msgsnd, object, &text, 4, 0));
    ANSWERS("msgctl: IPC_STAT", 0, syscall(SYS_msgctl, object, IPC_STAT, &status));
    HOLDS("msgctl: what is in the queue", status.msg_qnum == 3 && status.msg_cbytes == 14 &&
                                              status.msg_qbytes == 16384 && status.msg_lspid == getpid());
    ANSWERS("msgrcv: by type", 6, syscall(SYS_msgrcv, object, &got, 100, 3, 0));
    HOLDS("msgrcv: type and text", got.type == 3 && strcmp(got.bytes, "three") == 0);
    ANSWERS("msgrcv: not of a type", 4, syscall(SYS_msgrcv, object, &got, 100, 1, 020000));
    HOLDS("msgrcv: MSG_EXCEPT", got.type == 2);
    FAILS("msgrcv: E2BIG", E2BIG, syscall(SYS_msgrcv, object, &got, 2, 0, 0));
    ANSWERS("msgrcv: MSG_NOERROR cuts", 2, syscall(SYS_msgrcv, object, &got, 2, 0, 010000));
    FAILS("msgrcv: ENOMSG", ENOMSG, syscall(SYS_msgrcv, object, &got, 100, 0, IPC_NOWAIT));
    text.type = 5;
    syscall(SYS_msgsnd, object, &text, 1, 0);
    text.type = 4;
    syscall(SYS_msgsnd, object, &text, 1, 0);
    ANSWERS("msgrcv: the lowest type", 1, syscall(SYS_msgrcv, object, &got, 100, -9L, 0));
    HOLDS("msgrcv: it was 4", got.type == 4);
    FAILS("msgrcv: ENOMSG for the types", ENOMSG, syscall(SYS_msgrcv, object, &got, 100, -4L, IPC_NOWAIT));
    syscall(SYS_msgrcv, object, &got, 100, 0, 0);
    FAILS("msgrcv: EINVAL for an id", EINVAL, syscall(SYS_msgrcv, 0x7fffff, &got, 100, 0, 0));
    FAILS("msgrcv: EINVAL for a size", EINVAL, syscall(SYS_msgrcv, object, &got, -1L, 0, 0));
    FAILS("msgsnd: EINVAL for an id", EINVAL, syscall(SYS_msgsnd, 0x7fffff, &text, 1, 0));
    FAILS("msgsnd: EINVAL for a size", EINVAL, syscall(SYS_msgsnd, object, &text, 8193, 0));
    FAILS("msgsnd: EFAULT", EFAULT, syscall(SYS_msgsnd, object, nowhere, 1, 0));
    text.type = 0;
    FAILS("msgsnd: EINVAL for type 0", EINVAL, syscall(SYS_msgsnd, object, &text, 1, 0));
    text.type = 1;
    syscall(SYS_msgsnd, object, &text, 1, 0);
    FAILS("msgrcv: EFAULT", EFAULT, syscall(SYS_msgrcv, object, nowhere, 100, 0, 0));
    static struct {
        long type;
        char bytes[8192];
    } large = {.type = 1};
    ANSWERS("msgsnd: a large one", 0, syscall(SYS_msgsnd, object, &large, 8192, 0));
    ANSWERS("msgsnd: another", 0, syscall(SYS_msgsnd, object, &large, 8192, 0));
    FAILS("msgsnd: EAGAIN when the queue is full", EAGAIN, syscall(SYS_msgsnd, object, &text, 1, IPC_NOWAIT));
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGUSR1, no_action);
        _exit(syscall(SYS_msgsnd, object, &text, 1, 0) == 0 ? 0 : errno);
    }
    sleep_milliseconds(30);
    kill(child, SIGUSR1);
    ANSWERS("msgsnd: EINTR", EINTR, ended(child));
    syscall(SYS_msgrcv, object, &large, 8192, 0, 0);
    syscall(SYS_msgrcv, object, &large, 8192, 0, 0);
    child = receiver(7);
    kill(child, SIGUSR1);
    ANSWERS("msgrcv: EINTR", EINTR, ended(child));
    child = receiver(7);
    text.type = 7;
    syscall(SYS_msgsnd, object, &text, 1, 0);
    ANSWERS("msgrcv: waits for its type", 0, ended(child));
    FAILS("msgctl: EINVAL for a command", EINVAL, syscall(SYS_msgctl, object, 99, &status));
    FAILS("msgctl: EINVAL for an id", EINVAL, syscall(SYS_msgctl, 0x7fffff, IPC_STAT, &status));
    FAILS("msgctl: EFAULT", EFAULT, syscall(SYS_msgctl, object, IPC_STAT, nowhere));
    FAILS("msgctl: IPC_SET EFAULT", EFAULT, syscall(SYS_msgctl, object, IPC_SET, nowhere));
    ANSWERS("msgctl: IPC_SET", 0, syscall(SYS_msgctl, object, IPC_SET, &status));
    SUCCEEDS("msgctl: IPC_INFO", syscall(SYS_msgctl, 0, IPC_INFO, (char[128]){}));
    ANSWERS("msgsnd, msgrcv, msgctl, msgget: another user is refused", 0, as_user(msg_refused));
    child = receiver(7);
    ANSWERS("msgctl: IPC_RMID", 0, syscall(SYS_msgctl, object, IPC_RMID, nullptr));
    ANSWERS("msgrcv: EIDRM", EIDRM, ended(child));
    FAILS("msgsnd: EINVAL once it is gone", EINVAL, syscall(SYS_msgsnd, object, &text, 1, 0));
}

int main(void) {
    test_shared_memory();
    test_semaphores();
    test_messages();
    return tap_done();
}
