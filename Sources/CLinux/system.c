#include "CLinux.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/bpf.h>
#include <linux/openat2.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

uint64_t cl_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

// The child of a vfork: shares memory with a parent that waits, so it calls nothing but system calls.
static _Noreturn void become(const char *path, char *const argv[], char *const envp[], const int *fds, int pairs,
                             int daemon, const char *cwd, volatile int *error) {
    sigset_t none;
    sigemptyset(&none);
    struct sigaction standard = {.sa_handler = SIG_DFL};
    for (int number = 1; number < 32; number++) sigaction(number, &standard, NULL);
    if (daemon) setsid();
    // All sources are moved out of the way of all targets first, so that the order of the pairs does not matter.
    int top = 3;
    for (int i = 0; i < pairs; i++) if (fds[2 * i + 1] >= top) top = fds[2 * i + 1] + 1;
    int moved[16];
    if (pairs > 16) { *error = E2BIG; _exit(127); }
    for (int i = 0; i < pairs; i++) {
        moved[i] = fcntl(fds[2 * i], F_DUPFD_CLOEXEC, top);
        if (moved[i] < 0) { *error = errno; _exit(127); }
    }
    int last = -1;
    for (int i = 0; i < pairs; i++) {
        int target = fds[2 * i + 1];
        if (dup2(moved[i], target) < 0) { *error = errno; _exit(127); }
        if (target > last) last = target;
    }
    syscall(SYS_close_range, (unsigned)(last + 1), ~0u, 4 /* CLOSE_RANGE_CLOEXEC */);
    for (int fd = 3; fd < last; fd++) {
        int wanted = 0;
        for (int i = 0; i < pairs; i++) wanted |= fds[2 * i + 1] == fd;
        if (!wanted) fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
    if (cwd && chdir(cwd) < 0) { *error = errno; _exit(127); }
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(path, argv, envp);
    *error = errno;
    _exit(127);
}

pid_t cl_spawn(const char *path, char *const argv[], char *const envp[], const int *fds, int pairs, int daemon,
               const char *cwd) {
    volatile int error = 0;
    volatile pid_t result = 0;
    sigset_t all, before;
    if (!envp) envp = environ;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = vfork();
    if (pid == 0) {
        if (!daemon) become(path, argv, envp, fds, pairs, 0, cwd, &error);
        pid_t inner = vfork();
        if (inner == 0) become(path, argv, envp, fds, pairs, 1, cwd, &error);
        if (inner < 0) error = errno;
        result = inner;
        _exit(0);
    }
    int failure = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (pid < 0) return -failure;
    if (daemon || error) {
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
    }
    if (error) return -error;
    return daemon ? result : pid;
}

struct in_namespace { int netns, domain, type, protocol, result; };

static int socket_in_namespace(void *argument) {
    struct in_namespace *request = argument;
    if (setns(request->netns, CLONE_NEWNET) < 0) { request->result = -errno; return 0; }
    int fd = socket(request->domain, request->type | SOCK_CLOEXEC, request->protocol);
    request->result = fd < 0 ? -errno : fd;
    return 0;
}

int cl_socket_in_namespace(int netns, int domain, int type, int protocol) {
    // A short-lived process that shares memory and descriptors: an ordinary user could not come back from setns.
    static _Alignas(16) char stack[16384];
    struct in_namespace request = {netns, domain, type, protocol, -EAGAIN};
    pid_t pid = clone(socket_in_namespace, stack + sizeof stack, CLONE_VM | CLONE_FILES | CLONE_VFORK | SIGCHLD, &request);
    if (pid < 0) return -errno;
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
    return request.result;
}

int cl_open_in_root(int root, const char *path, int flags, mode_t mode) {
    struct open_how how = {.flags = (unsigned)flags | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    if (flags & (O_CREAT | O_TMPFILE)) how.mode = mode;
    while (*path == '/') path++;
    for (int attempt = 0;; attempt++) {
        int fd = (int)syscall(SYS_openat2, root, *path ? path : ".", &how, sizeof how);
        if (fd >= 0) return fd;
        if ((errno != EAGAIN && errno != EINTR) || attempt > 32) return -errno;
    }
}

static int write_file(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return -errno;
    ssize_t written = write(fd, text, strlen(text));
    int failure = written < 0 ? -errno : 0;
    close(fd);
    return failure;
}

static pid_t start_helper(char **argv, pid_t target) {
    pid_t pid = fork();
    if (pid == 0) {
        char number[16];
        snprintf(number, sizeof number, "%d", target);
        argv[1] = number;
        execv(argv[0], argv);
        _exit(127);
    }
    return pid;
}

int cl_enter_user_namespace(char **uid_helper, char **gid_helper, const char *uid_map, const char *gid_map, int *stage) {
    int link[2];
    pid_t self = getpid(), helper = -1;
    *stage = 1;
    if (uid_helper) {
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, link) < 0) return -errno;
        helper = fork();
        if (helper < 0) return -errno;
        if (helper == 0) {
            char byte;
            close(link[0]);
            if (read(link[1], &byte, 1) != 1) _exit(1);
            pid_t uids = start_helper(uid_helper, self), gids = start_helper(gid_helper, self);
            int a = 1, b = 1;
            if (uids < 0 || waitpid(uids, &a, 0) != uids) a = 1;
            if (gids < 0 || waitpid(gids, &b, 0) != gids) b = 1;
            _exit(a || b ? 1 : 0);
        }
        close(link[1]);
    }
    int failure = 0;
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0) failure = -errno;
    if (uid_helper) {
        if (!failure && write(link[0], "1", 1) != 1) failure = -errno;
        close(link[0]);
        int status = 1;
        while (waitpid(helper, &status, 0) < 0 && errno == EINTR) {}
        if (!failure && status) { *stage = 2; failure = -EPERM; }
    } else if (!failure) {
        *stage = 2;
        failure = write_file("/proc/self/setgroups", "deny");
        if (failure == -ENOENT) failure = 0;
        if (!failure) failure = write_file("/proc/self/uid_map", uid_map);
        if (!failure) failure = write_file("/proc/self/gid_map", gid_map);
    }
    if (failure) return failure;
    *stage = 3;
    if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0) return -errno;
    if (uid_helper && setgroups(0, NULL) < 0) return -errno;
    // The files in /proc/self belong to this id again only when the process is dumpable.
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0) return -errno;
    return 0;
}

// Of a container's process, whose namespace is one below the shared one, the shared one.
static int shared_namespace(int fd) {
    struct stat above, own;
    int parent = ioctl(fd, 0xb702 /* NS_GET_PARENT */);
    if (parent < 0) return fd;
    int is_shared = fstat(parent, &above) < 0 || stat("/proc/self/ns/user", &own) < 0
        || (above.st_ino == own.st_ino && above.st_dev == own.st_dev);
    close(is_shared ? parent : fd);
    return is_shared ? fd : parent;
}

int cl_join_user_namespace(pid_t pid) {
    char path[40];
    uid_t owner = (uid_t)-1;
    snprintf(path, sizeof path, "/proc/%d/ns/user", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -errno;
    fd = shared_namespace(fd);
    int failure = ioctl(fd, 0xb704 /* NS_GET_OWNER_UID */, &owner) < 0 ? -errno : owner == geteuid() ? 0 : -ESRCH;
    if (!failure && setns(fd, CLONE_NEWUSER) < 0) failure = -errno;
    close(fd);
    if (failure) return failure;
    if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0) return -errno;
    if (setgroups(0, NULL) < 0) return -errno;
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0) return -errno;
    return 0;
}

int cl_pidfd_open(pid_t pid) {
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    return fd < 0 ? -errno : fd;
}

int cl_pidfd_signal(int pidfd, int signal) {
    return syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) < 0 ? -errno : 0;
}

int cl_pidfd_wait(int pidfd, int block, int *status) {
    siginfo_t info = {0};
    while (waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED | (block ? 0 : WNOHANG)) < 0)
        if (errno != EINTR) return -errno;
    if (info.si_pid == 0) return 0;
    *status = info.si_code == CLD_EXITED ? info.si_status << 8 : info.si_status;
    return 1;
}

int cl_pidfd_left(int pidfd, int *status) {
    // What linux/pidfd.h has from Linux 6.15 on, as far as it was then.
    struct { uint64_t mask, cgroup; uint32_t ids[11]; int32_t status; } info = {.mask = 8 /* PIDFD_INFO_EXIT */};
    if (ioctl(pidfd, _IOWR(0xff, 11, info), &info) < 0) return -errno;
    if (!(info.mask & 8)) return -ENODATA;
    *status = info.status;
    return 0;
}

int cl_wexitstatus(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

int cl_flock(int fd, int exclusive, int block) {
    int operation = (exclusive ? LOCK_EX : LOCK_SH) | (block ? 0 : LOCK_NB);
    while (flock(fd, operation) < 0)
        if (errno != EINTR) return -errno;
    return 0;
}

int cl_memfd(const char *name) {
    int fd = memfd_create(name, MFD_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int cl_syncfs(int fd) { return syncfs(fd) < 0 ? -errno : 0; }

int cl_remove_tree(int directory, const char *path) {
    if (unlinkat(directory, path, 0) == 0) return 0;
    if (errno != EISDIR && errno != EPERM) return -errno;
    if (unlinkat(directory, path, AT_REMOVEDIR) == 0) return 0;
    if (errno == ENOTDIR) return -EPERM;
    if (errno != ENOTEMPTY && errno != EEXIST) return -errno;
    int fd = openat(directory, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == EACCES && fchmodat(directory, path, 0700, 0) == 0)
        fd = openat(directory, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return -errno;
    DIR *stream = fdopendir(fd);
    if (!stream) { int failure = -errno; close(fd); return failure; }
    int failure = 0;
    for (struct dirent *entry; !failure && (entry = readdir(stream));) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        failure = cl_remove_tree(fd, entry->d_name);
        if (failure == -EACCES && fchmod(fd, 0700) == 0) failure = cl_remove_tree(fd, entry->d_name);
        if (failure == -ENOENT) failure = 0;
    }
    closedir(stream);
    if (failure) return failure;
    return unlinkat(directory, path, AT_REMOVEDIR) < 0 ? -errno : 0;
}

int cl_ioctl_size(int fd, unsigned short *rows, unsigned short *columns) {
    struct winsize size;
    if (ioctl(fd, TIOCGWINSZ, &size) < 0) return -errno;
    *rows = size.ws_row;
    *columns = size.ws_col;
    return 0;
}

int cl_ioctl_set_size(int fd, unsigned short rows, unsigned short columns) {
    struct winsize size = {.ws_row = rows, .ws_col = columns};
    return ioctl(fd, TIOCSWINSZ, &size) < 0 ? -errno : 0;
}

int cl_open_pty(int *master, int *terminal) {
    if (openpty(master, terminal, NULL, NULL, NULL) < 0) return -errno;
    fcntl(*master, F_SETFD, FD_CLOEXEC);
    fcntl(*terminal, F_SETFD, FD_CLOEXEC);
    return 0;
}

static volatile int signal_pipe = -1;
static struct sigaction saved_actions[65];
static char saved[65];
static sigset_t saved_mask;

static void forward_signal(int number) {
    int before = errno;
    unsigned char byte = (unsigned char)number;
    if (signal_pipe >= 0) { ssize_t ignored = write(signal_pipe, &byte, 1); (void)ignored; }
    errno = before;
}

int cl_signals_to_pipe(const int *signals, int count, int fd) {
    struct sigaction action = {.sa_handler = forward_signal, .sa_flags = SA_RESTART};
    sigset_t wanted;
    sigemptyset(&wanted);
    signal_pipe = fd;
    for (int i = 0; i < count; i++) {
        int number = signals[i];
        if (number < 1 || number > 64 || saved[number]) continue;
        if (sigaction(number, &action, &saved_actions[number]) == 0) saved[number] = 1;
        sigaddset(&wanted, number);
    }
    // A parent may have left them blocked; this thread takes them.
    pthread_sigmask(SIG_UNBLOCK, &wanted, &saved_mask);
    return 0;
}

void cl_signals_restore(void) {
    pthread_sigmask(SIG_SETMASK, &saved_mask, NULL);
    for (int number = 1; number < 65; number++) {
        if (!saved[number]) continue;
        sigaction(number, &saved_actions[number], NULL);
        saved[number] = 0;
    }
    signal_pipe = -1;
}

ssize_t cl_receive(int channel, void *buffer, size_t size, int *descriptor) {
    union { struct cmsghdr header; char room[CMSG_SPACE(sizeof(int))]; } control;
    struct iovec area = {buffer, size};
    struct msghdr message = {.msg_iov = &area, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t received;
    *descriptor = -1;
    int reset = 0;
    while ((received = recvmsg(channel, &message, MSG_CMSG_CLOEXEC)) < 0) {
        // Who ends without having read all its answers is told of first; what it had sent before is still there.
        if (errno == ECONNRESET && reset++ == 0) continue;
        if (errno != EINTR) return errno == ECONNRESET ? 0 : -errno;
    }
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_type == SCM_RIGHTS) memcpy(descriptor, CMSG_DATA(header), sizeof(int));
    return received;
}

ssize_t cl_splice(int from, int to, size_t size) {
    ssize_t moved = splice(from, NULL, to, NULL, size, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    return moved < 0 ? -errno : moved;
}

int cl_prctl_dumpable(int value) { return prctl(PR_SET_DUMPABLE, value, 0, 0, 0) < 0 ? -errno : 0; }

int cl_errno_of_seccomp_probe(void) {
    // SECCOMP_SET_MODE_FILTER with a null filter: EFAULT where filters exist.
    return prctl(PR_SET_SECCOMP, 2, NULL, 0, 0) < 0 ? errno : 0;
}

int cl_pipe(int *ends, int nonblocking) {
    return pipe2(ends, O_CLOEXEC | (nonblocking ? O_NONBLOCK : 0)) < 0 ? -errno : 0;
}

int cl_nonblocking(int fd) {
    int flags = fcntl(fd, F_GETFL);
    return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

int cl_accept(int listener, int nonblocking) {
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | (nonblocking ? SOCK_NONBLOCK : 0));
    return fd < 0 ? -errno : fd;
}

int cl_epoll_create(void) {
    int fd = epoll_create1(EPOLL_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int cl_epoll_control(int epoll, int action, int fd, uint32_t events, uint64_t key) {
    struct epoll_event event = {.events = events, .data.u64 = key};
    return epoll_ctl(epoll, action, fd, &event) < 0 ? -errno : 0;
}

int cl_epoll_wait(int epoll, cl_event *events, int count, int milliseconds) {
    struct epoll_event ready[16];
    int number = epoll_wait(epoll, ready, count < 16 ? count : 16, milliseconds);
    if (number < 0) return -errno;
    for (int i = 0; i < number; i++) {
        events[i].key = ready[i].data.u64;
        events[i].events = ready[i].events;
    }
    return number;
}

ssize_t cl_send(int socket, const void *bytes, size_t count) {
    ssize_t sent = send(socket, bytes, count, MSG_NOSIGNAL);
    return sent < 0 ? -errno : sent;
}

int cl_watch_writes(const char *path) {
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd < 0) return -errno;
    if (inotify_add_watch(fd, path, IN_MODIFY) < 0) {
        int failure = -errno;
        close(fd);
        return failure;
    }
    return fd;
}

int cl_sealed_view(const char *path) {
    int fd = (int)syscall(SYS_open_tree, AT_FDCWD, path, 1 /* OPEN_TREE_CLONE */ | O_CLOEXEC);
    if (fd < 0) return -errno;
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
    if (syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0) {
        int failure = -errno;
        close(fd);
        return failure;
    }
    return fd;
}

int cl_attach_device_filter(int cgroup, const uint64_t *instructions, uint32_t count) {
    union bpf_attr load = {
        .prog_type = BPF_PROG_TYPE_CGROUP_DEVICE, .insns = (uint64_t)(uintptr_t)instructions, .insn_cnt = count,
        .license = (uint64_t)(uintptr_t)"",
    };
    int program = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof load);
    if (program < 0) return -errno;
    union bpf_attr attach = {
        .target_fd = (uint32_t)cgroup, .attach_bpf_fd = (uint32_t)program, .attach_type = BPF_CGROUP_DEVICE,
        .attach_flags = BPF_F_ALLOW_MULTI,
    };
    int failure = syscall(SYS_bpf, BPF_PROG_ATTACH, &attach, sizeof attach) < 0 ? -errno : 0;
    close(program);
    return failure;
}

int cl_become_subreaper(void) { return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0 ? -errno : 0; }

int cl_send_descriptor(int socket, int descriptor, const char *text) {
    union { struct cmsghdr header; char room[CMSG_SPACE(sizeof(int))]; } control = {0};
    struct iovec area = {(void *)text, strlen(text)};
    struct msghdr message = {.msg_iov = &area, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&control.header), &descriptor, sizeof(int));
    return sendmsg(socket, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}
