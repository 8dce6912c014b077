// Carries out a plan between clone and exec: no allocation, no stdio, no locks, only system calls and the stack.
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

// The state of the process that carries out the plan.
typedef struct {
    cl_plan *plan;
    cl_launch launch;
    int root;               // the container's root before the pivot, / afterwards
    int terminal;           // its end of the terminal, -1 without
    int outstanding;        // requests to the parent that were not waited for
    uint32_t index;
    const char *detail;     // what a failing operation was about
    int exec_stage;
} run;

static char *text(run *r, uint32_t offset) { return offset ? (char *)r->plan + offset : NULL; }

static cl_op *operations(cl_plan *plan) { return (cl_op *)((char *)plan + plan->operations); }

static void copy_text(char *to, size_t room, const char *from) {
    size_t i = 0;
    for (; from && from[i] && i + 1 < room; i++) to[i] = from[i];
    to[i] = 0;
}

// "/proc/self/fd/N"
typedef struct { char path[32]; } fd_path;

static fd_path path_of(int fd) {
    fd_path result;
    char digits[12];
    int count = 0;
    memcpy(result.path, "/proc/self/fd/", 14);
    do { digits[count++] = (char)('0' + fd % 10); fd /= 10; } while (fd);
    for (int i = 0; i < count; i++) result.path[14 + i] = digits[count - 1 - i];
    result.path[14 + count] = 0;
    return result;
}

static void send_record(run *r, uint32_t kind, int error, int detail, const char *what, int descriptor) {
    cl_record record = {.kind = kind, .index = r->index, .error = error, .detail = detail};
    copy_text(record.text, sizeof record.text, what);
    union { struct cmsghdr header; char room[CMSG_SPACE(sizeof(int))]; } control;
    struct iovec area = {&record, sizeof record};
    struct msghdr message = {.msg_iov = &area, .msg_iovlen = 1};
    if (descriptor >= 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = &control;
        message.msg_controllen = sizeof control;
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&control.header), &descriptor, sizeof(int));
    }
    while (sendmsg(r->launch.channel, &message, MSG_NOSIGNAL) < 0)
        if (errno != EINTR) _exit(125);
}

static void send_times(run *r) {
    cl_times message = {.head = {.kind = CL_REC_TIMES}};
    uint32_t count = r->plan->count < CL_TIMES ? r->plan->count : CL_TIMES;
    cl_op *op = operations(r->plan);
    for (uint32_t i = 0; i < count; i++) {
        message.times[i].begun = op[i].begun;
        message.times[i].done = op[i].done;
    }
    message.head.detail = (int32_t)count;
    while (send(r->launch.channel, &message, sizeof message.head + count * sizeof message.times[0], MSG_NOSIGNAL) < 0)
        if (errno != EINTR) _exit(125);
}

// Waits for the answers to everything asked so far.
static void await_parent(run *r) {
    while (r->outstanding > 0) {
        int32_t answer;
        ssize_t count = recv(r->launch.channel, &answer, sizeof answer, 0);
        if (count < 0 && errno == EINTR) continue;
        if (count != sizeof answer || answer != 0) _exit(125);
        r->outstanding--;
    }
}

// Mounting -----------------------------------------------------------------------------------------------------------

// One attempt at `place`. When a symbolic link without a target is in the way, the path through that target is left in
// `path` and -ELOOP is returned.
static int place_once(run *r, char *path, int file, mode_t mode) {
    char part[PATH_MAX], target[PATH_MAX];
    size_t length = strlen(path), end = 0;
    int parent = cl_open_in_root(r->root, ".", O_PATH, 0);
    while (parent >= 0 && end < length) {
        while (path[end] == '/') end++;
        size_t start = end;
        while (end < length && path[end] != '/') end++;
        if (start == end) break;
        memcpy(part, path, end);
        part[end] = 0;
        size_t after = end;
        while (path[after] == '/') after++;
        int last = after >= length;
        int next = cl_open_in_root(r->root, part, O_PATH, 0);
        if (next == -ENOENT) {
            const char *name = part + start;
            int made = last && file ? mknodat(parent, name, S_IFREG | 0644, 0) : mkdirat(parent, name, last ? mode : 0755);
            int failure = made < 0 ? -errno : 0;
            ssize_t size = failure == -EEXIST ? readlinkat(parent, name, target, sizeof target) : -1;
            if (size >= 0) {
                size_t before = target[0] == '/' ? 0 : start, rest = length - end;
                close(parent);
                if (before + (size_t)size + rest >= PATH_MAX) return -ENAMETOOLONG;
                memmove(path + before + size, path + end, rest + 1);
                memcpy(path + before, target, (size_t)size);
                return -ELOOP;
            }
            next = failure && failure != -EEXIST ? failure : openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
            if (next == -1) next = -errno;
        }
        close(parent);
        parent = next;
    }
    return parent;
}

// A place in the root as an O_PATH descriptor, made when missing (its parents too). Returns it or -errno.
static int place(run *r, const char *wanted, int file, mode_t mode) {
    char path[PATH_MAX];
    int fd = cl_open_in_root(r->root, wanted, O_PATH, 0);
    if (fd != -ENOENT) return fd;
    if (strlen(wanted) >= sizeof path) return -ENAMETOOLONG;
    copy_text(path, sizeof path, wanted);
    for (int links = 0; links < 40; links++) {
        fd = place_once(r, path, file, mode);
        if (fd != -ELOOP) return fd;
    }
    return -ELOOP;
}

static int remount_attributes(int fd, uint64_t attributes, int recursive) {
    struct mount_attr attr = {.attr_set = attributes};
    if (syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr, sizeof attr) == 0) return 0;
    if (errno != ENOSYS) return -errno;
    struct statvfs status;
    if (fstatvfs(fd, &status) < 0) return -errno;
    unsigned long flags = MS_REMOUNT | MS_BIND;
    if ((attributes & MOUNT_ATTR_RDONLY) || (status.f_flag & ST_RDONLY)) flags |= MS_RDONLY;
    if ((attributes & MOUNT_ATTR_NOSUID) || (status.f_flag & ST_NOSUID)) flags |= MS_NOSUID;
    if ((attributes & MOUNT_ATTR_NODEV) || (status.f_flag & ST_NODEV)) flags |= MS_NODEV;
    if ((attributes & MOUNT_ATTR_NOEXEC) || (status.f_flag & ST_NOEXEC)) flags |= MS_NOEXEC;
    return mount(NULL, path_of(fd).path, NULL, flags, NULL) < 0 ? -errno : 0;
}

static int set_attributes(run *r, const char *path, uint64_t attributes, int recursive) {
    int fd = cl_open_in_root(r->root, path, O_PATH, 0);
    if (fd < 0) return fd;
    int result = remount_attributes(fd, attributes, recursive);
    close(fd);
    return result;
}

static int op_overlay(run *r, cl_op *op) {
    static char options[4096];
    static const char escaped[] = ":,\\";
    size_t used = 0;
    int by_descriptor = 0;
    const char *lower = text(r, op->s[0]), *target = text(r, op->s[3]);
    const char *upper = text(r, op->s[1]), *work = text(r, op->s[2]);
    size_t total = 96;
    const char *walk = lower;
    for (int64_t i = 0; i < op->n[0]; i++) {
        if (strpbrk(walk, escaped)) by_descriptor = 1;
        total += strlen(walk) + 1;
        walk += strlen(walk) + 1;
    }
    if (upper) total += strlen(upper) + strlen(work);
    if (total > sizeof options || (upper && (strpbrk(upper, escaped) || strpbrk(work, escaped)))) by_descriptor = 1;
#define PUT(string) do { const char *p_ = (string); while (*p_) { if (used + 1 >= sizeof options) return -E2BIG; options[used++] = *p_++; } options[used] = 0; } while (0)
#define PUT_PATH(string) do { \
        if (by_descriptor) { \
            int fd_ = open((string), O_PATH | O_DIRECTORY | O_CLOEXEC); \
            if (fd_ < 0) { r->detail = (string); return -errno; } \
            fd_path name_ = path_of(fd_); PUT(name_.path); \
        } else PUT(string); } while (0)
    PUT("lowerdir=");
    walk = lower;
    for (int64_t i = 0; i < op->n[0]; i++) {
        if (i) PUT(":");
        PUT_PATH(walk);
        walk += strlen(walk) + 1;
    }
    if (upper) {
        PUT(",upperdir=");
        PUT_PATH(upper);
        PUT(",workdir=");
        PUT_PATH(work);
    }
    if (op->flags & CL_F_USERXATTR) PUT(",userxattr");
    size_t before = used;
    if (op->flags & CL_F_VOLATILE) PUT(",volatile");
    int result = mount("overlay", target, "overlay", 0, options);
    if (result < 0 && (op->flags & CL_F_VOLATILE) && errno == EINVAL) {
        options[before] = 0;
        result = mount("overlay", target, "overlay", 0, options);
    }
    if (result < 0) { r->detail = target; return -errno; }
    r->root = open(target, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return r->root < 0 ? -errno : 0;
}

static int op_root(run *r, cl_op *op) {
    const char *path = text(r, op->s[3]);
    if (mount(path, path, NULL, MS_BIND | MS_REC, NULL) < 0) return -errno;
    r->root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return r->root < 0 ? -errno : 0;
}

static int op_mount(run *r, cl_op *op) {
    int fd = place(r, text(r, op->s[2]), 0, (mode_t)op->n[1]);
    if (fd < 0) return fd;
    int result = mount(text(r, op->s[1]), path_of(fd).path, text(r, op->s[0]), (unsigned long)op->n[0], text(r, op->s[3]));
    int failure = result < 0 ? -errno : 0;
    close(fd);
    return failure;
}

static int bind_mount(run *r, const char *source, const char *path, uint64_t attributes, int recursive) {
    struct stat status;
    if (stat(source, &status) < 0) { r->detail = source; return -errno; }
    int fd = place(r, path, !S_ISDIR(status.st_mode), 0755);
    if (fd < 0) { r->detail = path; return fd; }
    int result = mount(source, path_of(fd).path, NULL, MS_BIND | (recursive ? MS_REC : 0), NULL);
    int failure = result < 0 ? -errno : 0;
    close(fd);
    if (!failure && attributes) failure = set_attributes(r, path, attributes, recursive);
    return failure;
}

static int op_mknod(run *r, cl_op *op) {
    const char *path = text(r, op->s[2]);
    if (op->flags & CL_F_BIND_DEVICE) return bind_mount(r, path, path, 0, 0);
    const char *slash = strrchr(path, '/');
    char parent[PATH_MAX];
    size_t length = slash ? (size_t)(slash - path) : 0;
    if (length >= sizeof parent) return -ENAMETOOLONG;
    memcpy(parent, path, length);
    parent[length] = 0;
    int fd = place(r, length ? parent : "/", 0, 0755);
    if (fd < 0) return fd;
    dev_t device = makedev((unsigned)op->n[1], (unsigned)op->n[2]);
    int result = mknodat(fd, slash ? slash + 1 : path, (mode_t)op->n[0], device) < 0 && errno != EEXIST ? -errno : 0;
    close(fd);
    return result;
}

static int op_symlink(run *r, cl_op *op) {
    const char *path = text(r, op->s[2]), *slash = strrchr(path, '/');
    char parent[PATH_MAX];
    size_t length = slash ? (size_t)(slash - path) : 0;
    if (length >= sizeof parent) return -ENAMETOOLONG;
    memcpy(parent, path, length);
    parent[length] = 0;
    int fd = place(r, length ? parent : "/", 0, 0755);
    if (fd < 0) return fd;
    int result = symlinkat(text(r, op->s[0]), fd, slash ? slash + 1 : path) < 0 && errno != EEXIST ? -errno : 0;
    close(fd);
    return result;
}

static int op_mask(run *r, cl_op *op) {
    struct stat status;
    int fd = cl_open_in_root(r->root, text(r, op->s[2]), O_PATH, 0);
    if (fd == -ENOENT || fd == -ENOTDIR) return 0;
    if (fd < 0) return fd;
    int result = fstat(fd, &status);
    if (result == 0) {
        result = S_ISDIR(status.st_mode)
            ? mount("tmpfs", path_of(fd).path, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "nr_blocks=1,nr_inodes=1")
            : mount("/dev/null", path_of(fd).path, NULL, MS_BIND, NULL);
    }
    int failure = result < 0 ? -errno : 0;
    close(fd);
    return failure;
}

static int op_readonly(run *r, cl_op *op) {
    const char *path = text(r, op->s[2]);
    int fd = cl_open_in_root(r->root, path, O_PATH, 0);
    if (fd == -ENOENT || fd == -ENOTDIR) return 0;
    if (fd < 0) return fd;
    fd_path name = path_of(fd);
    int failure = mount(name.path, name.path, NULL, MS_BIND | MS_REC, NULL) < 0 ? -errno : 0;
    close(fd);
    return failure ? failure : set_attributes(r, path, MOUNT_ATTR_RDONLY, 0);
}

static int op_pivot(run *r) {
    if (fchdir(r->root) < 0) return -errno;
    if (syscall(SYS_pivot_root, ".", ".") < 0) return -errno;
    // The old root now lies on top of the new one, at the working directory.
    if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0) return -errno;
    close(r->root);
    r->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return r->root < 0 ? -errno : 0;
}

// Process ------------------------------------------------------------------------------------------------------------

static int op_console(run *r, cl_op *op) {
    int unlock = 0;
    int master = cl_open_in_root(r->root, "/dev/pts/ptmx", O_RDWR | O_NOCTTY, 0);
    if (master < 0) return master;
    if (ioctl(master, TIOCSPTLCK, &unlock) < 0) return -errno;
    r->terminal = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (r->terminal < 0) return -errno;
    const char *path = text(r, op->s[2]);
    if (path && *path) {
        int fd = place(r, path, 1, 0);
        if (fd < 0) return fd;
        if (mount(path_of(r->terminal).path, path_of(fd).path, NULL, MS_BIND, NULL) < 0) return -errno;
        close(fd);
    }
    send_record(r, CL_REC_CONSOLE, 0, 0, NULL, master);
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
    const char *path = text(r, op->s[0]);
    char now[PATH_MAX];
    r->detail = path;
    if (op->n[0]) {
        int fd = place(r, path, 0, 0755);
        if (fd < 0) return fd;
        close(fd);
    }
    if (chdir(path) < 0) return -errno;
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
    if (setgroups((size_t)op->n[2], (const gid_t *)text(r, op->s[0])) < 0 && !(errno == EPERM && (op->flags & CL_F_GROUPS_OPTIONAL))) {
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
        uint32_t wanted = (uint32_t)((uint64_t)op->n[0] >> (32 * word)) & data[word].permitted;
        data[word].effective = data[word].permitted = wanted;
        data[word].inheritable = (uint32_t)((uint64_t)op->n[1] >> (32 * word)) & wanted;
    }
    if (syscall(SYS_capset, &header, data) < 0) return -errno;
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0) return -errno;
    for (int number = 0; number < 64; number++)
        if ((uint64_t)op->n[2] >> number & 1 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number, 0, 0) < 0) return -errno;
    return 0;
}

static int op_seccomp(run *r, cl_op *op) {
    struct sock_fprog program = {(unsigned short)op->n[0], (struct sock_filter *)text(r, op->s[0])};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0 ? -errno : 0;
}

static int op_death_signal(run *r, cl_op *op) {
    if (prctl(PR_SET_PDEATHSIG, op->n[0], 0, 0, 0) < 0) return -errno;
    struct pollfd channel = {.fd = r->launch.channel};
    if (poll(&channel, 1, 0) == 1 && channel.revents & POLLHUP) _exit(137);
    return 0;
}

static int op_close(run *r) {
    // The channel becomes 3, everything above it is closed, and it closes itself when the program begins.
    if (r->launch.channel != 3) {
        if (dup3(r->launch.channel, 3, O_CLOEXEC) < 0) return -errno;
        r->launch.channel = 3;
    }
    r->root = -1;
    r->terminal = -1;
    if (syscall(SYS_close_range, 4u, ~0u, 0u) < 0 && errno == ENOSYS)
        for (int fd = 4; fd < 1024; fd++) close(fd);
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

static int op_write(run *r, cl_op *op) {
    const char *value = text(r, op->s[1]);
    int fd = open(text(r, op->s[2]), O_WRONLY | O_CLOEXEC);
    if (fd < 0) return -errno;
    ssize_t written = write(fd, value, strlen(value));
    int failure = written < 0 ? -errno : 0;
    close(fd);
    return failure;
}

static int op_refork(run *r) {
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
    if (pid < 0) return -errno;
    if (pid > 0) {
        send_record(r, CL_REC_PID, 0, pid, NULL, -1);
        _exit(0);
    }
    return 0;
}

// The program --------------------------------------------------------------------------------------------------------

enum { EXEC_NOT_IN_PATH = 1, EXEC_STAT, EXEC_FORBIDDEN, EXEC_FAILED };

static char **pointers(run *r, uint32_t strings, int64_t count, uint32_t room) {
    char **table = (char **)text(r, room), *walk = text(r, strings);
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

static int op_exec(run *r, cl_op *op) {
    static char candidate[PATH_MAX];
    char **argv = pointers(r, op->s[0], op->n[0], op->s[2]);
    char **envp = pointers(r, op->s[1], op->n[1], op->s[3]);
    const char *name = argv[0], *path = NULL;
    r->detail = name;
    send_times(r);
    if (strchr(name, '/')) {
        int failure = may_execute(name);
        if (failure) {
            r->exec_stage = failure == -EACCES || failure == -EISDIR ? EXEC_FORBIDDEN : EXEC_STAT;
            return failure;
        }
        execve(name, argv, envp);
    } else {
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
        r->detail = candidate;
        execve(candidate, argv, envp);
    }
    r->exec_stage = EXEC_FAILED;
    return -errno;
}

// One operation; 0 or -errno.
static int perform(run *r, cl_op *op) {
    r->detail = NULL;
    switch (op->code) {
    case CL_OP_SETNS:
        // Nothing in the container may look at the monitor's program through this process.
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
        if (setns(r->launch.target, (int)op->n[0]) < 0) return -errno;
        close(r->root);
        r->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        return r->root < 0 ? -errno : 0;
    case CL_OP_REFORK: return op_refork(r);
    case CL_OP_UNSHARE: return unshare((int)op->n[0]) < 0 ? -errno : 0;
    case CL_OP_PROPAGATION: return mount(NULL, "/", NULL, (unsigned long)op->n[0] | MS_REC, NULL) < 0 ? -errno : 0;
    case CL_OP_OVERLAY: return op_overlay(r, op);
    case CL_OP_ROOT: return op_root(r, op);
    case CL_OP_MOUNT: return op_mount(r, op);
    case CL_OP_BIND: return bind_mount(r, text(r, op->s[1]), text(r, op->s[2]), (uint64_t)op->n[0], (int)op->n[1]);
    case CL_OP_MKNOD: return op_mknod(r, op);
    case CL_OP_SYMLINK: return op_symlink(r, op);
    case CL_OP_MKDIR: {
        int fd = place(r, text(r, op->s[2]), 0, (mode_t)op->n[0]);
        if (fd >= 0) close(fd);
        return fd < 0 ? fd : 0;
    }
    case CL_OP_MASK: return op_mask(r, op);
    case CL_OP_READONLY: return op_readonly(r, op);
    case CL_OP_CONSOLE: return op_console(r, op);
    case CL_OP_PIVOT: return op_pivot(r);
    case CL_OP_READONLY_ROOT: return remount_attributes(r->root, MOUNT_ATTR_RDONLY, 0);
    case CL_OP_HOSTNAME: return sethostname(text(r, op->s[0]), strlen(text(r, op->s[0]))) < 0 ? -errno : 0;
    case CL_OP_DOMAINNAME: return setdomainname(text(r, op->s[0]), strlen(text(r, op->s[0]))) < 0 ? -errno : 0;
    case CL_OP_LOOPBACK: return op_loopback();
    case CL_OP_STDIO: return op_stdio(r);
    case CL_OP_SESSION: return setsid() < 0 && errno != EPERM ? -errno : 0;
    case CL_OP_CHDIR: return op_chdir(r, op);
    case CL_OP_BOUNDING: return op_bounding(op);
    case CL_OP_IDS: return op_ids(r, op);
    case CL_OP_CAPABILITIES: return op_capabilities(op);
    case CL_OP_NO_NEW_PRIVS: return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
    case CL_OP_SECCOMP: return op_seccomp(r, op);
    case CL_OP_DEATH_SIGNAL: return op_death_signal(r, op);
    case CL_OP_CLOSE: return op_close(r);
    case CL_OP_SIGNALS: return op_signals();
    case CL_OP_RLIMIT: {
        struct rlimit limit = {(rlim_t)op->n[1], (rlim_t)op->n[2]};
        return setrlimit((int)op->n[0], &limit) < 0 ? -errno : 0;
    }
    case CL_OP_WRITE: return op_write(r, op);
    case CL_OP_UMASK: umask((mode_t)op->n[0]); return 0;
    case CL_OP_EXEC: return op_exec(r, op);
    case CL_OP_AWAIT: await_parent(r); return 0;
    default:
        if (op->code < CL_OP_PARENT) return -ENOSYS;
        send_record(r, CL_REC_PARENT, 0, 0, NULL, -1);
        r->outstanding++;
        if (!(op->flags & CL_F_ASYNC)) await_parent(r);
        return 0;
    }
}

_Noreturn void cl_interpret(cl_plan *plan, const cl_launch *launch) {
    run state = {.plan = plan, .launch = *launch, .root = -1, .terminal = -1}, *r = &state;
    cl_op *op = operations(plan);
    umask(0);
    for (r->index = 0; r->index < plan->count; r->index++) {
        cl_op *now = &op[r->index];
        if (plan->step) {
            send_record(r, CL_REC_STEP, 0, 0, NULL, -1);
            r->outstanding++;
            await_parent(r);
        }
        now->begun = cl_now();
        r->exec_stage = 0;
        int result = perform(r, now);
        now->done = cl_now();
        if (result == 0 || (now->flags & CL_F_OPTIONAL)) continue;
        send_record(r, CL_REC_ERROR, -result, r->exec_stage, r->detail, -1);
        _exit(r->exec_stage ? 127 : 125);
    }
    _exit(125);
}

pid_t cl_start(void *bytes, const cl_launch *launch, int *pidfd) {
    cl_plan *plan = bytes;
    sigset_t all, before;
    int descriptor = -1;
    if (plan->magic != CL_PLAN_MAGIC || plan->version != CL_PLAN_VERSION) { errno = EINVAL; return -1; }
    struct clone_args args = {
        .flags = plan->clone_flags | CLONE_PIDFD,
        .pidfd = (uint64_t)(uintptr_t)&descriptor,
        .exit_signal = SIGCHLD,
    };
    if (launch->cgroup >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)launch->cgroup;
    }
    // Handlers of this process must not run in the child; the plan sets the mask back.
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (pid < 0 && errno == ENOSYS)
        pid = (pid_t)syscall(SYS_clone, plan->clone_flags | CLONE_PIDFD | SIGCHLD, 0, &descriptor, 0, 0);
    if (pid == 0) cl_interpret(plan, launch);
    int failure = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    errno = failure;
    *pidfd = descriptor;
    return pid;
}
