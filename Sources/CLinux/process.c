// What becomes of the process itself: namespaces, streams, ids, rights.
#include "interpreter.h"

#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <termios.h>

static int op_console(run *r, cl_op *op) {
    int unlock = 0;
    int master = cl_open_in_root(r->root, "/dev/pts/ptmx", O_RDWR | O_NOCTTY, 0);
    if (master < 0) return master;
    if (ioctl(master, TIOCSPTLCK, &unlock) < 0) return -errno;
    struct winsize size = {.ws_row = (unsigned short)r->launch.rows, .ws_col = (unsigned short)r->launch.columns};
    // Before the program can ask for it.
    if (r->launch.rows > 0 && ioctl(master, TIOCSWINSZ, &size) < 0) return -errno;
    r->terminal = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (r->terminal < 0) return -errno;
    const char *path = cl_text(r, op->s[2]);
    if (path && *path) {
        int fd = cl_place(r, path, 1, 0);
        if (fd < 0) return fd;
        if (mount(cl_path_of(r->terminal).path, cl_path_of(fd).path, NULL, MS_BIND, NULL) < 0) return -errno;
        close(fd);
    }
    cl_send_record(r, CL_REC_CONSOLE, 0, 0, NULL, master);
    close(master);
    return 0;
}

static int op_stdio(run *r) {
    int in = r->launch.input, out = r->launch.output, err = r->launch.error;
    if (r->terminal >= 0) {
        if (setsid() < 0 && errno != EPERM) return -errno;
        if (ioctl(r->terminal, TIOCSCTTY, 0) < 0) return -errno;
        in = out = err = r->terminal;
    }
    // The sources lie above 2: the monitor keeps 0, 1 and 2 occupied.
    if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0) return -errno;
    return 0;
}

static int op_loopback(void) {
    struct ifreq request = {.ifr_name = "lo"};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    int failure = 0;
    if (ioctl(fd, SIOCGIFFLAGS, &request) < 0) failure = -errno;
    request.ifr_flags |= IFF_UP | IFF_RUNNING;
    if (!failure && ioctl(fd, SIOCSIFFLAGS, &request) < 0) failure = -errno;
    close(fd);
    return failure;
}

static int op_chdir(run *r, cl_op *op) {
    const char *path = cl_text(r, op->s[0]);
    char now[PATH_MAX];
    r->detail = path;
    // Neither follows a link of /proc/self/fd: a descriptor that is open just now is no directory of the container.
    int fd = op->n[0] ? cl_place(r, path, 0, 0755) : cl_open_in_root(r->root, path, O_PATH | O_DIRECTORY, 0);
    if (fd < 0) return fd;
    int failure = fchdir(fd) < 0 ? -errno : 0;
    close(fd);
    if (failure) return failure;
    // A path through a leaked descriptor of the host would end outside the root: the kernel says "(unreachable)".
    long length = syscall(SYS_getcwd, now, sizeof now);
    return length < 0 ? -errno : now[0] != '/' ? -ENOENT : 0;
}

static int op_bounding(cl_op *op) {
    for (int number = 0; number < 64; number++) {
        if (prctl(PR_CAPBSET_READ, number, 0, 0, 0) < 0) break;
        if (!((uint64_t)op->n[0] >> number & 1) && prctl(PR_CAPBSET_DROP, number, 0, 0, 0) < 0) return -errno;
    }
    return 0;
}

static int op_ids(run *r, cl_op *op) {
    struct stat status;
    // A program that is not root must be able to open its own /dev/stdout.
    for (int fd = 0; fd < 3; fd++)
        if (fstat(fd, &status) == 0 && (S_ISFIFO(status.st_mode) || isatty(fd)))
            (void)!fchown(fd, (uid_t)op->n[0], (gid_t)-1);
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0) return -errno;
    if (setgroups((size_t)op->n[2], (const gid_t *)cl_text(r, op->s[0])) < 0 && !(errno == EPERM && (op->flags & CL_F_GROUPS_OPTIONAL))) {
        r->detail = "setgroups";
        return -errno;
    }
    if (setresgid((gid_t)op->n[1], (gid_t)op->n[1], (gid_t)op->n[1]) < 0) { r->detail = "setgid"; return -errno; }
    if (setresuid((uid_t)op->n[0], (uid_t)op->n[0], (uid_t)op->n[0]) < 0) { r->detail = "setuid"; return -errno; }
    return 0;
}

static int op_capabilities(cl_op *op) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {0};
    if (syscall(SYS_capget, &header, data) < 0) return -errno;
    for (int word = 0; word < 2; word++) {
        uint32_t had = data[word].permitted;
        data[word].permitted = (uint32_t)((uint64_t)op->n[3] >> (32 * word)) & had;
        data[word].effective = (uint32_t)((uint64_t)op->n[0] >> (32 * word)) & data[word].permitted;
        data[word].inheritable = (uint32_t)((uint64_t)op->n[1] >> (32 * word)) & (had | data[word].inheritable);
    }
    if (syscall(SYS_capset, &header, data) < 0) return -errno;
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0) return -errno;
    // Only what is permitted and inheritable can be ambient; the rest is not granted, and that is no error (specification).
    for (int number = 0; number < 64; number++)
        if ((uint64_t)op->n[2] >> number & 1 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number, 0, 0) < 0 && errno != EPERM
            && errno != EINVAL)
            return -errno;
    return 0;
}

static int op_seccomp(run *r, cl_op *op) {
    // Just before the program a filter may allow execve and nothing else, so whatever else there is to do is done now.
    int failure = op[1].code == CL_OP_EXEC ? cl_prepare_program(r, op + 1) : 0;
    if (failure) return failure;
    struct sock_fprog program = {(unsigned short)op->n[0], (struct sock_filter *)cl_text(r, op->s[0])};
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, (unsigned)op->n[1], &program) == 0) return 0;
    if (errno != EINVAL && errno != ENOSYS) return -errno;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0 ? -errno : 0;
}

static int op_death_signal(run *r, cl_op *op) {
    if (prctl(PR_SET_PDEATHSIG, op->n[0], 0, 0, 0) < 0) return -errno;
    struct pollfd channel = {.fd = r->launch.channel};
    if (poll(&channel, 1, 0) == 1 && channel.revents & POLLHUP) _exit(137);
    return 0;
}

static int move_descriptor(int *fd, int to) {
    if (*fd == to) return 0;
    if (dup3(*fd, to, O_CLOEXEC) < 0) return -errno;
    *fd = to;
    return 0;
}

static int op_close(run *r) {
    // The channel, and where `start` is awaited, follow the descriptors that stay; everything above is closed. They
    // close themselves when the program begins.
    int first = 3 + r->launch.preserve, last = first + (r->launch.start >= 0);
    int start = r->launch.start, channel = r->launch.channel;
    if (start >= 0 && start == first && (start = fcntl(start, F_DUPFD_CLOEXEC, last + 1)) < 0) return -errno;
    int failure = move_descriptor(&channel, first);
    if (!failure && start >= 0) failure = move_descriptor(&start, last);
    if (failure) return failure;
    r->launch.channel = channel;
    r->launch.start = start;
    r->root = -1;
    r->terminal = -1;
    if (syscall(SYS_close_range, (unsigned)last + 1, ~0u, 0u) < 0 && errno == ENOSYS)
        for (int fd = last + 1; fd < 1024; fd++) close(fd);
    r->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return r->root < 0 ? -errno : 0;
}

static int op_signals(void) {
    struct sigaction standard = {.sa_handler = SIG_DFL};
    sigset_t none;
    for (int number = 1; number < 65; number++) sigaction(number, &standard, NULL);
    sigemptyset(&none);
    return sigprocmask(SIG_SETMASK, &none, NULL) < 0 ? -errno : 0;
}

static int op_refork(run *r) {
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
    if (pid < 0) return -errno;
    if (pid > 0) {
        cl_send_record(r, CL_REC_PID, 0, pid, NULL, -1);
        _exit(0);
    }
    return 0;
}

static int root_again(run *r) {
    close(r->root);
    r->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return r->root < 0 ? -errno : 0;
}

// Closes all that the process does not need any more outside: inside, those with CAP_SYS_PTRACE could follow it out
// (CVE-2016-9962).
static void close_others(run *r) {
    const cl_launch *l = &r->launch;
    int keep[] = {l->channel, l->target, l->input, l->output, l->error, l->start, r->terminal, r->root};
    int next = 3 + l->preserve;
    for (;;) {
        int end = -1;
        for (size_t i = 0; i < sizeof keep / sizeof *keep; i++)
            if (keep[i] >= next && (end < 0 || keep[i] < end)) end = keep[i];
        if (end < 0) break;
        if (end > next && syscall(SYS_close_range, (unsigned)next, (unsigned)end - 1, 0u) < 0) return;
        next = end + 1;
    }
    syscall(SYS_close_range, (unsigned)next, ~0u, 0u);
}

static int op_setns(run *r, cl_op *op) {
    close_others(r);
    // Nothing in the container may look at the monitor's program through this process.
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    return setns(r->launch.target, (int)op->n[0]) < 0 ? -errno : root_again(r);
}

static int op_join(run *r, cl_op *op) {
    const char *path = cl_text(r, op->s[1]);
    r->detail = path;
    close_others(r);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -errno;
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    int failure = setns(fd, (int)op->n[0]) < 0 ? -errno : 0;
    close(fd);
    if (failure || !(op->n[0] & CLONE_NEWNS)) return failure;
    return root_again(r);
}

static int op_hostname(run *r, cl_op *op) {
    const char *name = cl_text(r, op->s[0]);
    int result = op->code == CL_OP_HOSTNAME ? sethostname(name, strlen(name)) : setdomainname(name, strlen(name));
    return result < 0 ? -errno : 0;
}

// A session keyring of its own: with the one that was inherited, a container could read the keys of who started it.
static int op_keyring(run *r, cl_op *op) {
    long result = syscall(SYS_keyctl, 1 /* KEYCTL_JOIN_SESSION_KEYRING */, cl_text(r, op->s[0]));
    return result < 0 && errno != ENOSYS ? -errno : 0;
}

int cl_perform_process(run *r, cl_op *op) {
    switch (op->code) {
    case CL_OP_SETNS: return op_setns(r, op);
    case CL_OP_JOIN: return op_join(r, op);
    case CL_OP_REFORK: return op_refork(r);
    case CL_OP_UNSHARE: return unshare((int)op->n[0]) < 0 ? -errno : 0;
    case CL_OP_CONSOLE: return op_console(r, op);
    case CL_OP_HOSTNAME:
    case CL_OP_DOMAINNAME: return op_hostname(r, op);
    case CL_OP_LOOPBACK: return op_loopback();
    case CL_OP_STDIO: return op_stdio(r);
    case CL_OP_SESSION: return setsid() < 0 && errno != EPERM ? -errno : 0;
    case CL_OP_KEYRING: return op_keyring(r, op);
    case CL_OP_CHDIR: return op_chdir(r, op);
    case CL_OP_BOUNDING: return op_bounding(op);
    case CL_OP_IDS: return op_ids(r, op);
    case CL_OP_CAPABILITIES: return op_capabilities(op);
    case CL_OP_NO_NEW_PRIVS: return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
    case CL_OP_SECCOMP: return op_seccomp(r, op);
    case CL_OP_DEATH_SIGNAL: return op_death_signal(r, op);
    case CL_OP_CLOSE: return op_close(r);
    case CL_OP_SIGNALS: return op_signals();
    case CL_OP_CALL:
        return syscall(op->n[0], op->n[1], op->s[0] ? (long)cl_text(r, op->s[0]) : (long)op->n[2], op->n[3]) < 0 ? -errno : 0;
    case CL_OP_RLIMIT: {
        struct rlimit limit = {(rlim_t)op->n[1], (rlim_t)op->n[2]};
        return setrlimit((int)op->n[0], &limit) < 0 ? -errno : 0;
    }
    case CL_OP_UMASK: umask((mode_t)op->n[0]); return 0;
    default: return cl_perform_program(r, op);
    }
}
