// execve, execveat: what the new program gets, what it loses, and each error.
// flags: -Wno-deprecated-declarations
#include "raw_call.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

static char *own_path = "/proc/self/exe";

static int exec_status(const char *path, char *const arguments[], char *const environment[]) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        syscall(SYS_execve, path, arguments, environment);
        _exit(100 + errno % 100);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 200 + WTERMSIG(status);
}

// ---- in the new program: each role answers 0 when all is well, or a number that tells what is not

static int role_arguments(int count, char **arguments, char **environment) {
    if (count != 4 || strcmp(arguments[2], "") || strcmp(arguments[3], "x y")) return 1;
    if (arguments[4] != nullptr) return 2;
    if (!environment[0] || strcmp(environment[0], "A=1") || environment[1]) return 3;
    return 0;
}

static int role_vector(char **environment) {
    while (*environment)
        environment++;
    const unsigned long *vector = (const unsigned long *)(environment + 1);
    int seen[64] = {};
    for (; vector[0] != AT_NULL; vector += 2) {
        if (vector[0] < 64) seen[vector[0]]++;
    }
    static const int wanted[] = {AT_PHDR, AT_PHENT, AT_PHNUM, AT_PAGESZ, AT_BASE,   AT_FLAGS, AT_ENTRY,  AT_UID,
                                 AT_EUID, AT_GID,   AT_EGID,  AT_SECURE, AT_RANDOM, AT_HWCAP, AT_CLKTCK, AT_EXECFN};
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        if (seen[wanted[i]] != 1) return 10 + (int)i;
    }
    if (getauxval(AT_PAGESZ) != 4096 || getauxval(AT_CLKTCK) != 100) return 1;
    if (getauxval(AT_PHENT) != sizeof(Elf64_Phdr)) return 2;
    const Elf64_Phdr *header = (const Elf64_Phdr *)getauxval(AT_PHDR);
    if (header->p_type > PT_GNU_STACK) return 3;
    if (getauxval(AT_UID) != getuid() || getauxval(AT_SECURE) != 0) return 4;
    const Elf64_Ehdr *vdso = (const Elf64_Ehdr *)getauxval(AT_SYSINFO_EHDR);
    if (vdso && (memcmp(vdso->e_ident, ELFMAG, SELFMAG) || vdso->e_type != ET_DYN)) return 5;
    if (strcmp((char *)getauxval(AT_PLATFORM), "x86_64")) return 6;
    return 0;
}

static int role_state(void) {
    struct sigaction action;
    stack_t stack;
    sigset_t mask, pending;
    char name[16];
    sigaction(SIGUSR1, nullptr, &action);
    if (action.sa_handler != SIG_DFL) return 1; // handlers are gone
    sigaction(SIGUSR2, nullptr, &action);
    if (action.sa_handler != SIG_IGN) return 2; // ignored stays ignored
    sigprocmask(SIG_SETMASK, nullptr, &mask);
    if (!sigismember(&mask, SIGHUP)) return 3;
    sigpending(&pending);
    if (!sigismember(&pending, SIGHUP)) return 4;
    if (fcntl(50, F_GETFD) != -1) return 5; // close on exec
    if (fcntl(51, F_GETFD) != 0) return 6;
    sigaltstack(nullptr, &stack);
    if (!(stack.ss_flags & SS_DISABLE)) return 7;
    prctl(PR_GET_NAME, name);
    if (strcmp(name, "exe") && strncmp(name, "linux_process_e", 15)) return 8;
    struct itimerspec timer;
    if (syscall(SYS_timer_gettime, 0, &timer) != -1) return 9; // POSIX timers are gone
    return 0;
}

static void handler(int) {
}

static int prepare_state(void) {
    static char memory[16384];
    struct sigevent event = {.sigev_notify = SIGEV_NONE};
    int timer;
    signal(SIGUSR1, handler);
    signal(SIGUSR2, SIG_IGN);
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGHUP);
    sigprocmask(SIG_SETMASK, &mask, nullptr);
    raise(SIGHUP);
    int null = open("/dev/null", O_RDONLY);
    dup3(null, 50, O_CLOEXEC);
    dup2(null, 51);
    sigaltstack(&(stack_t){.ss_sp = memory, .ss_size = sizeof memory}, nullptr);
    syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer);
    prctl(PR_SET_NAME, "before");
    execl("/proc/self/exe", "exec", "state", nullptr);
    return 99;
}

static int with_no_arguments(void) {
    syscall(SYS_execve, "/proc/self/exe", nullptr, nullptr);
    return 99;
}

static char folder[] = "/tmp/exec-test-XXXXXX";
static char place[200];
static char *at(const char *name) {
    snprintf(place, sizeof place, "%s/%s", folder, name);
    return place;
}

static void make(const char *name, const void *bytes, size_t size, int mode) {
    int file = open(at(name), O_CREAT | O_WRONLY | O_TRUNC, 0700);
    (void)!write(file, bytes, size);
    fchmod(file, mode);
    close(file);
}

static int exec_at(int directory, const char *path, int flags) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        char *arguments[] = {"exec", "true", nullptr};
        syscall(SYS_execveat, directory, path, arguments, nullptr, flags);
        _exit(100 + errno % 100);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 200 + WTERMSIG(status);
}

static int without_permission(void) {
    (void)!setuid(1000);
    syscall(SYS_execve, place, (char *[]){"x", nullptr}, nullptr);
    return errno;
}

static void copy_self(const char *name) {
    char buffer[65536];
    ssize_t size;
    int from = open("/proc/self/exe", O_RDONLY), to = open(at(name), O_CREAT | O_WRONLY, 0755);
    while ((size = read(from, buffer, sizeof buffer)) > 0)
        (void)!write(to, buffer, (size_t)size);
    close(from);
    close(to);
}

static void test_errors(void) {
    char *none[] = {"x", nullptr};
    FAILS("execve: ENOENT", ENOENT, syscall(SYS_execve, "/no/such/program", none, nullptr));
    FAILS("execve: ENOENT for an empty path", ENOENT, syscall(SYS_execve, "", none, nullptr));
    FAILS("execve: EFAULT for the path", EFAULT, syscall(SYS_execve, nowhere, none, nullptr));
    FAILS("execve: EFAULT for the arguments", EFAULT, syscall(SYS_execve, own_path, nowhere, nullptr));
    FAILS("execve: EFAULT for an argument", EFAULT,
          syscall(SYS_execve, own_path, (void *[]){nowhere, nullptr}, nullptr));
    FAILS("execve: EFAULT for the environment", EFAULT, syscall(SYS_execve, own_path, none, nowhere));
    FAILS("execve: EACCES for a folder", EACCES, syscall(SYS_execve, "/", none, nullptr));
    char name[5000];
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = 0;
    FAILS("execve: ENAMETOOLONG for a path", ENAMETOOLONG, syscall(SYS_execve, name, none, nullptr));
    name[300] = 0;
    FAILS("execve: ENAMETOOLONG for a name", ENAMETOOLONG, syscall(SYS_execve, name, none, nullptr));
    make("text", "hello\n", 6, 0755);
    FAILS("execve: ENOEXEC for a text", ENOEXEC, syscall(SYS_execve, place, none, nullptr));
    FAILS("execve: ENOTDIR", ENOTDIR, syscall(SYS_execve, at("text/more"), none, nullptr));
    make("empty", "", 0, 0755);
    FAILS("execve: ENOEXEC for an empty file", ENOEXEC, syscall(SYS_execve, place, none, nullptr));
    make("plain", "hello\n", 6, 0644);
    FAILS("execve: EACCES without an x bit, even for root", EACCES, syscall(SYS_execve, place, none, nullptr));
    make("header", "\177ELF\2\1\1", 7, 0755);
    FAILS("execve: ENOEXEC for a cut ELF file", ENOEXEC, syscall(SYS_execve, place, none, nullptr));
    (void)!symlink("loop", at("loop"));
    FAILS("execve: ELOOP", ELOOP, syscall(SYS_execve, place, none, nullptr));
    make("nothing", "#!/no/such/interpreter\n", 23, 0755);
    FAILS("execve: ENOENT for a script's interpreter", ENOENT, syscall(SYS_execve, place, none, nullptr));
    copy_self("busy");
    int writer = open(at("busy"), O_WRONLY);
    FAILS("execve: ETXTBSY while open for writing", ETXTBSY, syscall(SYS_execve, place, none, nullptr));
    close(writer);
    chmod(folder, 0755);
    make("secret", "hello\n", 6, 0700);
    ANSWERS("execve: EACCES without permission", EACCES, in_child(without_permission));
    char *long_argument = malloc(200000);
    memset(long_argument, 'b', 199999);
    long_argument[199999] = 0;
    FAILS("execve: E2BIG for one long argument", E2BIG,
          syscall(SYS_execve, own_path, (char *[]){"x", long_argument, nullptr}, nullptr));
    long_argument[100000] = 0;
    char *many[40] = {};
    for (int i = 0; i < 39; i++)
        many[i] = long_argument;
    FAILS("execve: E2BIG for all together", E2BIG, syscall(SYS_execve, own_path, many, nullptr));
    free(long_argument);
}

static void test_scripts(void) {
    char text[300];
    copy_self("self");
    snprintf(text, sizeof text, "#! %s/self script\n", folder);
    make("script", text, strlen(text), 0755);
    ANSWERS("execve: a script with an argument", 0,
            exec_status(at("script"), (char *[]){"zero", "one", nullptr}, nullptr));
    snprintf(text, sizeof text, "#!%s/script\n", folder);
    make("nested", text, strlen(text), 0755);
    ANSWERS("execve: a script of a script", 0, exec_status(at("nested"), (char *[]){"zero", "one", nullptr}, nullptr));
}

static void test_execveat(void) {
    int directory = open(folder, O_RDONLY | O_DIRECTORY), file = open(at("self"), O_PATH | O_CLOEXEC);
    ANSWERS("execveat: relative to a descriptor", 0, exec_at(directory, "self", 0));
    ANSWERS("execveat: AT_EMPTY_PATH", 0, exec_at(file, "", AT_EMPTY_PATH));
    ANSWERS("execveat: an absolute path ignores the descriptor", 0, exec_at(-1, at("self"), 0));
    ANSWERS("execveat: EBADF", 100 + EBADF, exec_at(999, "self", 0));
    ANSWERS("execveat: ENOTDIR", 100 + ENOTDIR, exec_at(file, "self", 0));
    ANSWERS("execveat: EINVAL for flags", 100 + EINVAL, exec_at(directory, "self", 0x40000));
    ANSWERS("execveat: ENOENT for an empty path", 100 + ENOENT, exec_at(file, "", 0));
    (void)!symlink("self", at("link"));
    ANSWERS("execveat: a link is followed", 0, exec_at(directory, "link", 0));
    ANSWERS("execveat: ELOOP with AT_SYMLINK_NOFOLLOW", 100 + ELOOP, exec_at(directory, "link", AT_SYMLINK_NOFOLLOW));
    close(directory);
    close(file);
}

static int role(int count, char **arguments, char **environment) {
    if (!strcmp(arguments[1], "arguments")) return role_arguments(count, arguments, environment);
    if (!strcmp(arguments[1], "vector")) return role_vector(environment);
    if (!strcmp(arguments[1], "state")) return role_state();
    if (!strcmp(arguments[1], "true")) return 0;
    if (!strcmp(arguments[1], "script")) {
        // Name of the interpreter, its argument, the script, the script's arguments.
        if (strcmp(arguments[count - 1], "one")) return 1;
        return strncmp(arguments[2], "/tmp/exec-test-", 15) != 0;
    }
    return 98;
}

int main(int count, char **arguments, char **environment) {
    if (count == 1 && arguments[0][0] == 0) return 61; // started without arguments: gets one empty string
    if (count > 1) return role(count, arguments, environment);
    (void)!mkdtemp(folder);
    ANSWERS("execve: arguments and environment", 0,
            exec_status(own_path, (char *[]){"exec", "arguments", "", "x y", nullptr}, (char *[]){"A=1", nullptr}));
    ANSWERS("execve: the auxiliary vector", 0, exec_status(own_path, (char *[]){"exec", "vector", nullptr}, nullptr));
    ANSWERS("execve: signals, descriptors, name and timers", 0, in_child(prepare_state));
    ANSWERS("execve: without arguments", 61, in_child(with_no_arguments));
    test_errors();
    test_scripts();
    test_execveat();
    char command[100];
    static const char *const names[] = {"text", "empty",  "plain",  "header", "loop", "nothing",
                                        "busy", "secret", "script", "nested", "self", "link"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unlink(at(names[i]));
    (void)command;
    ANSWERS("rmdir: the folder is empty again", 0, rmdir(folder));
    return tap_done();
}
