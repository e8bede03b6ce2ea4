// System V IPC: what works and every documented error.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

#define KEY 0x48454c43

static void nothing(int signal) {
    (void)signal;
}

static int as_other_user(int (*call)(int), int argument) {
    fflush(stdout);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        if (setgid(1000) || setuid(1000)) _exit(255);
        _exit(call(argument) == -1 ? errno : 0);
    }
    int status;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 254;
}

static int shm_attach(int id) {
    return shmat(id, NULL, 0) == (void *)-1 ? -1 : 0;
}
static int shm_stat(int id) {
    struct shmid_ds status;
    return shmctl(id, IPC_STAT, &status);
}
static int shm_remove(int id) {
    return shmctl(id, IPC_RMID, NULL);
}
static int shm_get(int size) {
    return shmget(KEY, (size_t)size, 0600);
}

static void shared_memory(void) {
    struct shmid_ds status;
    CHECK_NAMED(shmget(KEY, 4096, 0600) == -1 && errno == ENOENT, "shmget: ENOENT without IPC_CREAT");
    CHECK_NAMED(shmget(IPC_PRIVATE, 0, 0600) == -1 && errno == EINVAL, "shmget: EINVAL for size 0");
    int id = shmget(KEY, 10000, IPC_CREAT | 0600);
    CHECK_NAMED(id >= 0, "shmget: makes a segment");
    CHECK_NAMED(shmget(KEY, 0, 0) == id, "shmget: finds it by key");
    CHECK_NAMED(shmget(KEY, 20000, 0600) == -1 && errno == EINVAL, "shmget: EINVAL for more than its size");
    CHECK_NAMED(shmget(KEY, 1, IPC_CREAT | IPC_EXCL | 0600) == -1 && errno == EEXIST, "shmget: EEXIST with IPC_EXCL");
    char *memory = shmat(id, NULL, 0);
    CHECK_NAMED(memory != (void *)-1, "shmat: attaches");
    strcpy(memory, "shared");
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        memory[9999] = 'c';
        _exit(strcmp(memory, "shared"));
    }
    int code;
    waitpid(child, &code, 0);
    CHECK_NAMED(code == 0 && memory[9999] == 'c', "shmat: parent and child see each other's bytes");
    char *second = shmat(id, NULL, SHM_RDONLY);
    CHECK_NAMED(second != (void *)-1 && second != memory && strcmp(second, "shared") == 0,
                "shmat: a second read-only place");
    CHECK_NAMED(shmctl(id, IPC_STAT, &status) == 0 && status.shm_nattch == 2 && status.shm_segsz == 10000 &&
                    status.shm_cpid == getpid(),
                "shmctl: IPC_STAT counts attachments");
    CHECK_NAMED(shmat(id, memory + 1, 0) == (void *)-1 && errno == EINVAL, "shmat: EINVAL for an odd address");
    CHECK_NAMED(shmat(id, memory, 0) == (void *)-1 && errno == EINVAL, "shmat: EINVAL where something is mapped");
    CHECK_NAMED(shmat(12345678, NULL, 0) == (void *)-1 && errno == EINVAL, "shmat: EINVAL for no such id");
    CHECK_NAMED(as_other_user(shm_attach, id) == EACCES, "shmat: EACCES for another user");
    CHECK_NAMED(as_other_user(shm_stat, id) == EACCES, "shmctl: EACCES for IPC_STAT of another user");
    CHECK_NAMED(as_other_user(shm_remove, id) == EPERM, "shmctl: EPERM for IPC_RMID of another user");
    CHECK_NAMED(as_other_user(shm_get, 1) == EACCES, "shmget: EACCES for another user");
    CHECK_NAMED(shmdt(second) == 0, "shmdt: detaches");
    CHECK_NAMED(shmdt(second) == -1 && errno == EINVAL, "shmdt: EINVAL where nothing is attached");
    CHECK_NAMED(shmdt(memory + 1) == -1 && errno == EINVAL, "shmdt: EINVAL for an odd address");
    CHECK_NAMED(shmctl(id, IPC_STAT, (void *)1) == -1 && errno == EFAULT, "shmctl: EFAULT");
    CHECK_NAMED(shmctl(id, 999, &status) == -1 && errno == EINVAL, "shmctl: EINVAL for an unknown command");
    CHECK_NAMED(shmctl(12345678, IPC_STAT, &status) == -1 && errno == EINVAL, "shmctl: EINVAL for no such id");
    CHECK_NAMED(shmctl(id, IPC_RMID, NULL) == 0, "shmctl: IPC_RMID while attached");
    CHECK_NAMED(strcmp(memory, "shared") == 0, "shmctl: the memory stays until the last detach");
    CHECK_NAMED(shmget(KEY, 0, 0) == -1 && errno == ENOENT, "shmctl: the key is free after IPC_RMID");
    CHECK_NAMED(shmdt(memory) == 0, "shmdt: the last detach");
    CHECK_NAMED(shmctl(id, IPC_STAT, &status) == -1 && (errno == EINVAL || errno == EIDRM),
                "shmctl: the segment is gone");
}

static int sem_decrement(int id) {
    struct sembuf operation = {0, -1, 0};
    return semop(id, &operation, 1);
}
static int sem_remove(int id) {
    return semctl(id, 0, IPC_RMID);
}
static int sem_value(int id) {
    return semctl(id, 0, GETVAL);
}

static void semaphores(void) {
    struct semid_ds status;
    CHECK_NAMED(semget(KEY, 1, 0600) == -1 && errno == ENOENT, "semget: ENOENT without IPC_CREAT");
    CHECK_NAMED(semget(IPC_PRIVATE, 0, 0600) == -1 && errno == EINVAL, "semget: EINVAL for no semaphores");
    CHECK_NAMED(semget(IPC_PRIVATE, 1000000, 0600) == -1 && errno == EINVAL, "semget: EINVAL for too many");
    int id = semget(KEY, 3, IPC_CREAT | 0600);
    CHECK_NAMED(id >= 0 && semget(KEY, 0, 0) == id, "semget: makes a set and finds it");
    CHECK_NAMED(semget(KEY, 4, 0600) == -1 && errno == EINVAL, "semget: EINVAL for more than there are");
    CHECK_NAMED(semget(KEY, 1, IPC_CREAT | IPC_EXCL | 0600) == -1 && errno == EEXIST, "semget: EEXIST with IPC_EXCL");
    CHECK_NAMED(semctl(id, 0, SETVAL, 2) == 0 && semctl(id, 0, GETVAL) == 2, "semctl: SETVAL and GETVAL");
    unsigned short values[3] = {1, 2, 3};
    CHECK_NAMED(semctl(id, 0, SETALL, values) == 0, "semctl: SETALL");
    memset(values, 0, sizeof values);
    CHECK_NAMED(semctl(id, 0, GETALL, values) == 0 && values[2] == 3, "semctl: GETALL");
    struct sembuf operations[] = {{0, -1, 0}, {1, 3, 0}};
    CHECK_NAMED(semop(id, operations, 2) == 0 && semctl(id, 0, GETVAL) == 0 && semctl(id, 1, GETVAL) == 5,
                "semop: two at once");
    CHECK_NAMED(semctl(id, 1, GETPID) == getpid(), "semctl: GETPID");
    struct sembuf refused[] = {{1, -1, IPC_NOWAIT}, {0, -1, IPC_NOWAIT}};
    CHECK_NAMED(semop(id, refused, 2) == -1 && errno == EAGAIN && semctl(id, 1, GETVAL) == 5,
                "semop: EAGAIN, and nothing was done");
    struct sembuf beyond = {9, 1, 0}, over = {1, 32767, 0};
    CHECK_NAMED(semop(id, &beyond, 1) == -1 && errno == EFBIG, "semop: EFBIG");
    CHECK_NAMED(semop(id, &over, 1) == -1 && errno == ERANGE, "semop: ERANGE");
    CHECK_NAMED(semop(id, operations, 0) == -1 && errno == EINVAL, "semop: EINVAL for no operations");
    CHECK_NAMED(semop(id, operations, 100000) == -1 && errno == E2BIG, "semop: E2BIG");
    CHECK_NAMED(semop(id, (void *)1, 1) == -1 && errno == EFAULT, "semop: EFAULT");
    CHECK_NAMED(semop(12345678, operations, 1) == -1 && errno == EINVAL, "semop: EINVAL for no such id");
    CHECK_NAMED(semctl(id, 0, SETVAL, 40000) == -1 && errno == ERANGE, "semctl: ERANGE");
    CHECK_NAMED(semctl(id, 9, GETVAL) == -1 && errno == EINVAL, "semctl: EINVAL for no such semaphore");
    CHECK_NAMED(semctl(id, 0, 999) == -1 && errno == EINVAL, "semctl: EINVAL for an unknown command");
    CHECK_NAMED(semctl(id, 0, IPC_STAT, &status) == 0 && status.sem_nsems == 3, "semctl: IPC_STAT");
    CHECK_NAMED(semctl(id, 0, IPC_STAT, (void *)1) == -1 && errno == EFAULT, "semctl: EFAULT");
    CHECK_NAMED(as_other_user(sem_decrement, id) == EACCES, "semop: EACCES for another user");
    CHECK_NAMED(as_other_user(sem_value, id) == EACCES, "semctl: EACCES for GETVAL of another user");
    CHECK_NAMED(as_other_user(sem_remove, id) == EPERM, "semctl: EPERM for IPC_RMID of another user");
    struct timespec short_time = {0, 20000000};
    CHECK_NAMED(semtimedop(id, operations, 1, &short_time) == -1 && errno == EAGAIN,
                "semtimedop: EAGAIN after the time");
    struct timespec bad_time = {0, -1};
    CHECK_NAMED(semtimedop(id, operations, 1, &bad_time) == -1 && errno == EINVAL, "semtimedop: EINVAL for a bad time");
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) _exit(sem_decrement(id) == 0 ? 0 : 1);
    while (semctl(id, 0, GETNCNT) != 1)
        usleep(1000);
    struct sembuf up = {0, 1, 0};
    int code;
    CHECK_NAMED(semop(id, &up, 1) == 0 && waitpid(child, &code, 0) == child && code == 0,
                "semop: wakes a process that waits");
    fflush(stdout);
    child = fork();
    if (child == 0) {
        struct sembuf undone = {2, 4, SEM_UNDO};
        _exit(semop(id, &undone, 1));
    }
    waitpid(child, &code, 0);
    CHECK_NAMED(code == 0 && semctl(id, 2, GETVAL) == 3, "semop: SEM_UNDO at exit");
    fflush(stdout);
    child = fork();
    if (child == 0) _exit(sem_decrement(id) == -1 ? errno : 0);
    while (semctl(id, 0, GETNCNT) != 1)
        usleep(1000);
    CHECK_NAMED(semctl(id, 0, IPC_RMID) == 0, "semctl: IPC_RMID");
    waitpid(child, &code, 0);
    CHECK_NAMED(WEXITSTATUS(code) == EIDRM, "semop: EIDRM when the set is removed");
    id = semget(IPC_PRIVATE, 1, 0600);
    fflush(stdout);
    child = fork();
    if (child == 0) {
        struct sigaction action = {.sa_handler = nothing};
        sigaction(SIGUSR1, &action, NULL);
        _exit(sem_decrement(id) == -1 ? errno : 0);
    }
    while (semctl(id, 0, GETNCNT) != 1)
        usleep(1000);
    kill(child, SIGUSR1);
    waitpid(child, &code, 0);
    CHECK_NAMED(WEXITSTATUS(code) == EINTR, "semop: EINTR");
    semctl(id, 0, IPC_RMID);
}

struct message {
    long type;
    char text[64];
};

static int msg_send(int id) {
    struct message message = {1, "x"};
    return msgsnd(id, &message, 1, IPC_NOWAIT);
}
static int msg_receive(int id) {
    struct message message;
    return (int)msgrcv(id, &message, 1, 0, IPC_NOWAIT);
}
static int msg_remove(int id) {
    return msgctl(id, IPC_RMID, NULL);
}

static void message_queues(void) {
    struct msqid_ds status;
    struct message in = {3, "three"}, out;
    CHECK_NAMED(msgget(KEY, 0600) == -1 && errno == ENOENT, "msgget: ENOENT without IPC_CREAT");
    int id = msgget(KEY, IPC_CREAT | 0600);
    CHECK_NAMED(id >= 0 && msgget(KEY, 0) == id, "msgget: makes a queue and finds it");
    CHECK_NAMED(msgget(KEY, IPC_CREAT | IPC_EXCL | 0600) == -1 && errno == EEXIST, "msgget: EEXIST with IPC_EXCL");
    CHECK_NAMED(msgsnd(id, &in, 5, 0) == 0, "msgsnd: sends");
    in.type = 2;
    strcpy(in.text, "two");
    CHECK_NAMED(msgsnd(id, &in, 3, 0) == 0, "msgsnd: sends another type");
    CHECK_NAMED(msgctl(id, IPC_STAT, &status) == 0 && status.msg_qnum == 2 && status.msg_lspid == getpid(),
                "msgctl: IPC_STAT");
    CHECK_NAMED(msgrcv(id, &out, sizeof out.text, 2, 0) == 3 && out.type == 2 && memcmp(out.text, "two", 3) == 0,
                "msgrcv: by type");
    CHECK_NAMED(msgrcv(id, &out, 2, 0, 0) == -1 && errno == E2BIG, "msgrcv: E2BIG");
    CHECK_NAMED(msgrcv(id, &out, 2, 0, MSG_NOERROR) == 2 && out.type == 3, "msgrcv: MSG_NOERROR cuts");
    CHECK_NAMED(msgrcv(id, &out, 2, 0, IPC_NOWAIT) == -1 && errno == ENOMSG, "msgrcv: ENOMSG");
    CHECK_NAMED(msgrcv(12345678, &out, 2, 0, IPC_NOWAIT) == -1 && errno == EINVAL, "msgrcv: EINVAL for no such id");
    CHECK_NAMED(msgrcv(id, &out, (size_t)-1, 0, IPC_NOWAIT) == -1 && errno == EINVAL,
                "msgrcv: EINVAL for a negative size");
    in.type = 0;
    CHECK_NAMED(msgsnd(id, &in, 1, 0) == -1 && errno == EINVAL, "msgsnd: EINVAL for type 0");
    in.type = 1;
    CHECK_NAMED(msgsnd(id, &in, 100000, 0) == -1 && errno == EINVAL, "msgsnd: EINVAL for too much");
    CHECK_NAMED(msgsnd(12345678, &in, 1, 0) == -1 && errno == EINVAL, "msgsnd: EINVAL for no such id");
    CHECK_NAMED(msgsnd(id, (void *)1, 1, 0) == -1 && errno == EFAULT, "msgsnd: EFAULT");
    CHECK_NAMED(as_other_user(msg_send, id) == EACCES, "msgsnd: EACCES for another user");
    CHECK_NAMED(as_other_user(msg_receive, id) == EACCES, "msgrcv: EACCES for another user");
    CHECK_NAMED(as_other_user(msg_remove, id) == EPERM, "msgctl: EPERM for IPC_RMID of another user");
    int count = 0;
    while (msgsnd(id, &in, 60, IPC_NOWAIT) == 0)
        count++;
    CHECK_NAMED(count > 100 && errno == EAGAIN, "msgsnd: EAGAIN when the queue is full");
    CHECK_NAMED(msgctl(id, IPC_STAT, (void *)1) == -1 && errno == EFAULT, "msgctl: EFAULT");
    CHECK_NAMED(msgctl(id, 999, &status) == -1 && errno == EINVAL, "msgctl: EINVAL for an unknown command");
    while (msgrcv(id, &out, sizeof out.text, 0, IPC_NOWAIT) >= 0)
        count--;
    CHECK_NAMED(count == 0, "msgrcv: all come out again");
    int code;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) _exit(msgrcv(id, &out, sizeof out.text, 7, 0) == -1 ? errno : 0);
    usleep(20000);
    CHECK_NAMED(msgctl(id, IPC_RMID, NULL) == 0, "msgctl: IPC_RMID");
    waitpid(child, &code, 0);
    CHECK_NAMED(WEXITSTATUS(code) == EIDRM || WEXITSTATUS(code) == EINVAL, "msgrcv: EIDRM when the queue is removed");
}

int main(void) {
    alarm(25);
    shared_memory();
    semaphores();
    message_queues();
    return tap_done();
}
