// The program: what runs before it, waits for it or becomes it.
#include "interpreter.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

enum { EXEC_NOT_IN_PATH = 1, EXEC_STAT, EXEC_FORBIDDEN, EXEC_FAILED };

static char **pointers(run *r, uint32_t strings, int64_t count, uint32_t room) {
    char **table = (char **)cl_text(r, room), *walk = cl_text(r, strings);
    for (int64_t i = 0; i < count; i++) {
        table[i] = walk;
        walk += strlen(walk) + 1;
    }
    table[count] = NULL;
    return table;
}

static int may_execute(const char *path) {
    struct stat status;
    if (stat(path, &status) < 0) return -errno;
    if (S_ISDIR(status.st_mode)) return -EISDIR;
    return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0 ? -errno : 0;
}

// Finds the program as a shell would, without starting it. Leaves what it is called in `r->detail`.
static int find_program(run *r, char **argv, char **envp) {
    static char candidate[PATH_MAX];
    const char *name = argv[0], *path = NULL;
    r->detail = name;
    if (strchr(name, '/')) {
        int failure = may_execute(name);
        if (failure) r->exec_stage = failure == -EACCES || failure == -EISDIR ? EXEC_FORBIDDEN : EXEC_STAT;
        return failure;
    }
    for (char **variable = envp; *variable; variable++)
        if (!strncmp(*variable, "PATH=", 5)) path = *variable + 5;
    r->exec_stage = EXEC_NOT_IN_PATH;
    if (!path || !*name) return -ENOENT;
    size_t length = strlen(name);
    for (;;) {
        const char *end = strchr(path, ':');
        size_t count = end ? (size_t)(end - path) : strlen(path);
        if (count + length + 2 < sizeof candidate) {
            memcpy(candidate, path, count);
            candidate[count] = '/';
            memcpy(candidate + count + (count > 0), name, length + 1);
            if (may_execute(candidate) == 0) break;
        }
        if (!end) return -ENOENT;
        path = end + 1;
    }
    r->exec_stage = 0;
    r->detail = candidate;
    return 0;
}

static int lookup(run *r, cl_op *op) {
    return find_program(r, pointers(r, op->s[0], op->n[0], op->s[2]), pointers(r, op->s[1], op->n[1], op->s[3]));
}

int cl_prepare_program(run *r, cl_op *op) {
    int failure = lookup(r, op);
    if (failure) return failure;
    cl_send_times(r);
    r->program = r->detail;
    return 0;
}

static int op_exec(run *r, cl_op *op) {
    int failure = r->program ? 0 : cl_prepare_program(r, op);
    if (failure) return failure;
    r->detail = r->program;
    execve(r->program, pointers(r, op->s[0], op->n[0], op->s[2]), pointers(r, op->s[1], op->n[1], op->s[3]));
    r->exec_stage = EXEC_FAILED;
    return -errno;
}

// Waits until somebody connects to the socket that `start` knows; errors of the rest are told there.
static int op_start(run *r) {
    int fd;
    cl_send_times(r);
    cl_send_record(r, CL_REC_READY, 0, 0, NULL, -1);
    close(r->launch.channel);
    while ((fd = accept4(r->launch.start, NULL, NULL, SOCK_CLOEXEC)) < 0)
        if (errno != EINTR && errno != ECONNABORTED) _exit(125);
    close(r->launch.start);
    r->launch.start = -1;
    r->launch.channel = fd;
    return 0;
}

// The first process of a container that was started with --init: passes signals on, reaps what is orphaned, ends as the
// program ends. It stays what it is and executes nothing, so it shares its memory with the monitor; nobody inside may
// look into it.
static _Noreturn void be_init(pid_t program) {
    sigset_t all;
    siginfo_t info;
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    prctl(PR_SET_NAME, "docker-init", 0, 0, 0);
    syscall(SYS_close_range, 0u, ~0u, 0u);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    for (;;) {
        int status, number = sigwaitinfo(&all, &info);
        if (number > 0 && number != SIGCHLD) kill(program, number);
        for (pid_t ended; (ended = waitpid(-1, &status, WNOHANG)) > 0;)
            if (ended == program) _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    }
}

static int op_init(void) {
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (pid < 0) return -errno;
    if (pid > 0) be_init(pid);
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    // A group of its own in the foreground of the terminal, so that keys reach it and not its parent.
    setpgid(0, 0);
    tcsetpgrp(0, getpid());
    sigprocmask(SIG_SETMASK, &before, NULL);
    return 0;
}

// Runs a program of the bundle (a hook), with the container's state on its standard input, and waits for its end. One
// that fails is an error of the number CL_HOOK_FAILED and its exit code (128 and the signal that killed it).
static int op_hook(run *r, cl_op *op) {
    char **argv = pointers(r, op->s[0], op->n[0], op->s[2]);
    char **envp = pointers(r, op->s[1], op->n[1], op->s[2] + (uint32_t)(op->n[0] + 1) * 8);
    const char *state = cl_text(r, op->s[3]);
    int ends[2], status = 0;
    r->detail = argv[0];
    if (pipe2(ends, O_CLOEXEC) < 0) return -errno;
    pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (pid < 0) return -errno;
    if (pid == 0) {
        struct sigaction standard = {.sa_handler = SIG_DFL};
        for (int number = 1; number < 65; number++) sigaction(number, &standard, NULL);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        // Before the root is exchanged a hook begins in the container's root, as runc has it; hooks rely on it.
        for (cl_op *later = op; later < op + (r->plan->count - r->index); later++)
            if (later->code == CL_OP_PIVOT && r->root >= 0 && fchdir(r->root) < 0) _exit(126);
        dup2(ends[0], 0);
        syscall(SYS_close_range, 3u, ~0u, 4u /* CLOSE_RANGE_CLOEXEC */);
        execve(argv[0], argv + 1, envp);
        _exit(127);
    }
    close(ends[0]);
    struct sigaction ignored = {.sa_handler = SIG_IGN}, before;
    sigaction(SIGPIPE, &ignored, &before);
    (void)!write(ends[1], state, strlen(state));
    sigaction(SIGPIPE, &before, NULL);
    close(ends[1]);
    uint64_t deadline = op->n[2] > 0 ? cl_now() + (uint64_t)op->n[2] * 1000000000ull : 0;
    for (;;) {
        pid_t ended = waitpid(pid, &status, deadline ? WNOHANG : 0);
        if (ended == pid) break;
        if (ended < 0 && errno != EINTR) return -errno;
        if (!deadline || ended != 0) continue;
        if (cl_now() > deadline) {
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
            return -ETIMEDOUT;
        }
        struct timespec pause = {0, 5000000};
        nanosleep(&pause, NULL);
    }
    if (status == 0) return 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127) return -ENOENT;
    return -(CL_HOOK_FAILED + (WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status)));
}

int cl_perform_program(run *r, cl_op *op) {
    switch (op->code) {
    case CL_OP_EXEC: return op_exec(r, op);
    case CL_OP_LOOKUP: return lookup(r, op + (r->plan->count - 1 - r->index));
    case CL_OP_START: return op_start(r);
    case CL_OP_INIT: return op_init();
    case CL_OP_HOOK: return op_hook(r, op);
    default: return 1;
    }
}
