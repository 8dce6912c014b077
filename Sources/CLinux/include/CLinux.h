#ifndef CLINUX_H
#define CLINUX_H

#include <stdint.h>
#include <sys/types.h>

#include "files.h"
#include "jobs.h"
#include "life.h"

// The plan: what is done between clone and exec, as data. A flattened plan is a header, a table of operations and an
// area of text; every reference is an offset from the beginning of the plan, 0 meaning "none".

enum { CL_PLAN_MAGIC = 0x4b434f44, CL_PLAN_VERSION = 1 };

typedef struct {
    uint32_t magic, version;
    uint32_t size;          // bytes in all
    uint32_t count;         // operations
    uint32_t operations;    // offset of the table
    uint32_t step;          // 1: the child asks before each operation
    uint64_t clone_flags;   // the namespaces of the new process
} cl_plan;

typedef struct {
    uint32_t code;          // CL_OP_…
    uint32_t flags;         // CL_F_…
    int64_t n[4];           // numbers; their meaning depends on the code
    uint32_t s[4];          // texts
    uint64_t begun, done;   // CLOCK_MONOTONIC nanoseconds, written while the plan runs
} cl_op;

enum {
    // What the child does.
    CL_OP_SETNS = 1,        // n0: CLONE_NEW… of the process whose pidfd the launch carries
    CL_OP_REFORK,           // a new process in the joined pid namespace; it goes on, this one ends
    CL_OP_UNSHARE,          // n0: CLONE_NEW…
    CL_OP_PROPAGATION,      // n0: MS_PRIVATE or another, on /; recursively unless n1 is 1
    CL_OP_OVERLAY,          // s0: n0 lower directories, s1: upper, s2: work, s3: where; becomes the root
    CL_OP_ROOT,             // s3: an existing directory that becomes the root
    CL_OP_MOUNT,            // s0: type, s1: source, s2: where in the root, s3: data, n0: MS_…,
                            // n1: mode of a new directory, n2: propagation
    CL_OP_BIND,             // s1: path outside, s2: where in the root, n0: MOUNT_ATTR_… to set, n1: 1 with what is mounted
                            // below it, 2 attributes there too; n2: propagation, n3: MOUNT_ATTR_… to clear;
                            // with CL_F_IN_ROOT also inside the container's proc
    CL_OP_MKNOD,            // s2: path in the root, n0: mode and type, n1: major, n2: minor, n3: owner << 32 | group;
                            // s1: with CL_F_BIND_DEVICE, the path outside where it is another
    CL_OP_SYMLINK,          // s0: content, s2: path in the root
    CL_OP_MKDIR,            // s2: path in the root, n0: mode
    CL_OP_MASK,             // s2: path in the root that is hidden where it exists
    CL_OP_READONLY,         // s2: path in the root that becomes read-only where it exists
    CL_OP_CONSOLE,          // s2: where the console is bound ("" for exec); sends the master end to the monitor
    CL_OP_PIVOT,            // the root becomes /
    CL_OP_READONLY_ROOT,    // / becomes read-only
    CL_OP_HOSTNAME,         // s0
    CL_OP_DOMAINNAME,       // s0
    CL_OP_LOOPBACK,         // lo up
    CL_OP_STDIO,            // standard streams from the launch
    CL_OP_SESSION,          // setsid
    CL_OP_CHDIR,            // s0: path; n0: 1 to make it when missing
    CL_OP_BOUNDING,         // n0: capability mask that stays
    CL_OP_IDS,              // n0: uid, n1: gid, n2: count of s0, an array of uint32_t
    CL_OP_CAPABILITIES,     // n0: effective, n1: inheritable, n2: ambient, n3: permitted
    CL_OP_NO_NEW_PRIVS,
    CL_OP_SECCOMP,          // s0: n0 instructions of struct sock_filter, n1: SECCOMP_FILTER_FLAG_…
    CL_OP_DEATH_SIGNAL,     // n0: the signal sent when the monitor dies
    CL_OP_CLOSE,            // every descriptor above 2 but the channel
    CL_OP_SIGNALS,          // default actions, empty mask
    CL_OP_RLIMIT,           // n0: resource, n1: soft, n2: hard
    CL_OP_WRITE,            // s1: text, s2: absolute path (/proc/sys/…, /proc/self/…)
    CL_OP_UMASK,            // n0
    CL_OP_JOIN,             // s1: the file of a namespace, n0: CLONE_NEW… of its kind
    CL_OP_BORROW,           // s1: the file of a mount namespace, s2: a path there that is mounted on the same path here
    CL_OP_KEYRING,          // s0: the name of the session keyring
    CL_OP_INIT,             // the program becomes a child; this process looks after it
    CL_OP_HOOK,             // s0: path and n0 - 1 arguments, s1: n1 variables, s2: room for their pointers, s3: its input,
                            // n2: seconds it may take, 0 for ever
    CL_OP_LOOKUP,           // finds the program of the last operation
    CL_OP_START,            // waits for a connection to the launch's `start`
    CL_OP_CALL,             // the system call n0 with n1, n2 (s0, an area, where there is one) and n3
    CL_OP_EXEC,             // s0: n0 arguments, s1: n1 variables, s2/s3: room for the two pointer tables
    // What the parent does when the child gets there; the child waits for it unless CL_F_ASYNC is set.
    CL_OP_PARENT = 100,
    CL_OP_ID_MAPS = 100,
    CL_OP_CGROUP,
    CL_OP_NETWORK,
    CL_OP_FORWARD,
    CL_OP_PUBLISH,
    CL_OP_HOOKS,            // s0: a list of hooks as JSON, s1: the container's state
    CL_OP_AWAIT = 199,      // waits until the asynchronous operations of the parent are done
};

enum {
    CL_F_OPTIONAL = 1,      // an error is not the end
    CL_F_ASYNC = 2,         // (parent) the child does not wait
    CL_F_USERXATTR = 4,     // (overlay)
    CL_F_VOLATILE = 8,      // (overlay)
    CL_F_GROUPS_OPTIONAL = 16, // (ids) groups stay as they are where the process may not change them
    CL_F_BIND_DEVICE = 64,  // (mknod) take the device from outside
    CL_F_IN_ROOT = 128,     // (write, bind) the path is one of the container's proc
    CL_F_AHEAD = 256,       // does not depend on the container: may be done before it is known (cl_start_ahead)
};

enum {
    CL_HOOK_FAILED = 10000, // above every errno: with the exit code of a hook added, the number of its error
};

// What the child tells the monitor, one record per message of a SOCK_SEQPACKET pair.
enum { CL_REC_PARENT = 1, CL_REC_STEP, CL_REC_CONSOLE, CL_REC_PID, CL_REC_ERROR, CL_REC_TIMES, CL_REC_READY };

enum { CL_TEXT = 160, CL_TIMES = 120 };

typedef struct {
    uint32_t kind;
    uint32_t index;         // of the operation
    int32_t error;          // errno
    int32_t detail;         // exec: 127 or 126; pid: the process; times: how many follow
    char text[CL_TEXT];     // the part of the operation that failed
} cl_record;

typedef struct { uint64_t begun, done; } cl_time;

typedef struct {
    cl_record head;
    cl_time times[CL_TIMES];
} cl_times;

// What belongs to one launch and not to the plan.
typedef struct {
    int channel;            // the child's end; close-on-exec
    int parent;             // the other end, which the child closes: so it sees when the monitor dies; or -1
    int target;             // pidfd of the container for CL_OP_SETNS, or -1
    int input, output, error;
    int cgroup;             // descriptor of a version 2 cgroup to be born in, or -1
    int terminal;           // 1: CL_OP_CONSOLE makes the standard streams
    int preserve;           // how many descriptors from 3 on the program gets
    int start;              // a listening socket for CL_OP_START, or -1
    int rows, columns;      // of the terminal's window; 0 where nobody said
    const char *stage;      // (cl_start_ahead) a directory that nothing of the plan lies in
} cl_launch;

/// Clones a process that carries out the plan and becomes the program. The plan is written to (pointer tables, times).
/// Returns the process, or -1 with errno; *pidfd is set on success.
pid_t cl_start(void *plan, const cl_launch *launch, int *pidfd);

// What a process that was cloned ahead is sent before its plan; the standard streams come with it as descriptors.
typedef struct { int32_t terminal, preserve, rows, columns; } cl_order;

enum { CL_AHEAD_ROOM = 1 << 17 };

/// Clones a process that carries out the operations of an expected plan that have CL_F_AHEAD, and waits on the channel
/// for the real one (`cl_send_plan`), which must have the same of those. It keeps nothing else open, and ends when the
/// other end is closed. Of the launch, `channel`, `cgroup` and `stage` count. Returns as `cl_start`.
pid_t cl_start_ahead(void *plan, const cl_launch *launch, int *pidfd);

/// Gives such a process its plan. Of the launch, the streams, `terminal`, its size and `preserve` count. Returns 0 or -errno,
/// -EMSGSIZE for a plan longer than CL_AHEAD_ROOM.
int cl_send_plan(int channel, const void *plan, size_t size, const cl_launch *launch);

/// Carries out the plan in this process and does not return.
_Noreturn void cl_interpret(cl_plan *plan, const cl_launch *launch);

// System calls that Swift cannot make itself.

/// Starts a program without copying this process. `fds` are pairs (from, to), `to` ascending and all above any `from`
/// not yet moved; everything else is closed in the child. daemon: a session of its own, not a child of this process.
/// Returns the process, or -errno (also when the program cannot be executed).
pid_t cl_spawn(const char *path, char *const argv[], char *const envp[], const int *fds, int fd_pairs, int daemon, const char *cwd);

/// A new socket in the network namespace behind `netns`. Returns the descriptor or -errno.
int cl_socket_in_namespace(int netns, int domain, int type, int protocol);

/// Opens a file below a directory; symbolic links cannot lead out of it. Returns the descriptor or -errno.
int cl_open_in_root(int root, const char *path, int flags, mode_t mode);

/// Enters a new user and mount namespace. With helpers (newuidmap, newgidmap; argv without the pid at index 1, which
/// is filled in) the maps are made by them, otherwise the one-id map is written. Returns 0, or -errno; *stage says
/// where it failed: 1 unshare, 2 id maps, 3 becoming root.
int cl_enter_user_namespace(char **uid_helper, char **gid_helper, const char *uid_map, const char *gid_map, int *stage);

/// A read-only view of a file that the mount table does not show: a program that is executed through it cannot be
/// written by whoever finds it in /proc. Returns its descriptor or -errno.
int cl_sealed_view(const char *path);
/// Loads a program that decides about devices (BPF_PROG_TYPE_CGROUP_DEVICE) and attaches it to a version 2 cgroup.
/// Returns 0 or -errno.
int cl_attach_device_filter(int cgroup, const uint64_t *instructions, uint32_t count);
/// Makes this process the one that inherits orphans below it.
int cl_become_subreaper(void);
/// Sends a descriptor with a text along a stream socket. Returns 0 or -errno.
int cl_send_descriptor(int socket, int descriptor, const char *text);

/// Enters the user namespace of a process, where this user owns it and root there is this user; then a new mount
/// namespace. Returns 0 or -errno; -ESRCH where it is not such a namespace.
int cl_join_user_namespace(pid_t pid);

/// Two ends of a pipe, close-on-exec. Returns 0 or -errno.
int cl_pipe(int *ends, int nonblocking);
int cl_nonblocking(int fd);
typedef struct { uint64_t key; uint32_t events; } cl_event;
int cl_epoll_create(void);
/// action: 1 add, 2 remove, 3 change.
int cl_epoll_control(int epoll, int action, int fd, uint32_t events, uint64_t key);
int cl_epoll_wait(int epoll, cl_event *events, int count, int milliseconds);
/// Becomes readable whenever a file is written to. Returns the descriptor or -errno.
int cl_watch_writes(const char *path);
/// send(2) without SIGPIPE. Returns the count or -errno.
ssize_t cl_send(int socket, const void *bytes, size_t count);
/// The next connection, close-on-exec; -errno when there is none.
int cl_accept(int listener, int nonblocking);
int cl_pidfd_open(pid_t pid);
int cl_pidfd_signal(int pidfd, int signal);
/// Waits for a child. Returns 1 with *status as waitpid gives it, 0 when `block` is 0 and it still runs, or -errno.
int cl_pidfd_wait(int pidfd, int block, int *status);
/// How a process that is nobody's child here has ended, as waitpid gives it. Returns 0; -errno where it has not ended or
/// the kernel does not tell (before Linux 6.15).
int cl_pidfd_left(int pidfd, int *status);
int cl_flock(int fd, int exclusive, int block);
int cl_syncfs(int fd);
/// A close-on-exec file in memory; its descriptor or -errno.
int cl_memfd(const char *name);
/// Removes a file or a tree without following symbolic links. Returns 0 or -errno.
int cl_remove_tree(int directory, const char *path);
int cl_ioctl_size(int fd, unsigned short *rows, unsigned short *columns);
int cl_ioctl_set_size(int fd, unsigned short rows, unsigned short columns);
int cl_open_pty(int *master, int *terminal);
/// Sends each of the signals as one byte into `fd` from now on; cl_signals_restore puts back what was there.
int cl_signals_to_pipe(const int *signals, int count, int fd);
void cl_signals_restore(void);
/// Receives a record and the descriptor that may come with it (-1 when none). Returns the size, 0 at the end, -errno.
ssize_t cl_receive(int channel, void *buffer, size_t size, int *descriptor);
ssize_t cl_splice(int from, int to, size_t size);
int cl_prctl_dumpable(int value);
/// Maps the program's own code at once, instead of page by page when it is first run.
void cl_populate_text(void);
/// Gives back what is in memory of a private mapping of a file and was never changed: it is read again when it is needed.
/// Only for a process of one thread.
void cl_trim_clean(uintptr_t begin, uintptr_t length);
/// Divides a mapping into parts (a multiple of the page's size), so that the kernel, which maps the pages around one that
/// is missing (64 KiB of them), stays within a part.
void cl_divide_mapping(uintptr_t begin, uintptr_t length, uintptr_t part);
int cl_errno_of_seccomp_probe(void);
int cl_wexitstatus(int status);
uint64_t cl_now(void);

#endif
