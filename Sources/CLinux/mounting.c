// Mounting: every place is reached from a descriptor of the root, so no link in an image leads out of it.
#include "interpreter.h"

#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1
#endif
#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

enum { PROC_FILES = 0x9fa0, BOTH_EMPTY = 4 | 0x40 /* move_mount: both ends are descriptors */, PROPAGATION_ONLY = MS_PRIVATE | MS_SLAVE | MS_SHARED | MS_UNBINDABLE | MS_REC };

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

int cl_place(run *r, const char *wanted, int file, mode_t mode) {
    char path[PATH_MAX];
    int fd = cl_open_in_root(r->root, wanted, O_PATH, 0);
    if (fd != -ENOENT) return fd;
    if (strlen(wanted) >= sizeof path) return -ENAMETOOLONG;
    cl_copy_text(path, sizeof path, wanted);
    for (int links = 0; links < 40; links++) {
        fd = place_once(r, path, file, mode);
        if (fd != -ELOOP) return fd;
    }
    return -ELOOP;
}

static int set_attributes(int fd, uint64_t attributes, uint64_t cleared, unsigned long propagation, int recursive) {
    // The times of access are one field, not bits: a new value wants the old one cleared.
    if (attributes & MOUNT_ATTR__ATIME) cleared |= MOUNT_ATTR__ATIME;
    struct mount_attr attr = {.attr_set = attributes, .attr_clr = cleared, .propagation = propagation};
    int flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
    return syscall(SYS_mount_setattr, fd, "", flags, &attr, sizeof attr) < 0 ? -errno : 0;
}

static int remount_attributes(int fd, uint64_t attributes, uint64_t cleared, int recursive) {
    int failure = set_attributes(fd, attributes, cleared, 0, recursive);
    if (failure != -ENOSYS) return failure;
    struct statvfs status;
    if (fstatvfs(fd, &status) < 0) return -errno;
    unsigned long flags = MS_REMOUNT | MS_BIND;
    if ((attributes & MOUNT_ATTR_RDONLY) || (status.f_flag & ST_RDONLY)) flags |= MS_RDONLY;
    if ((attributes & MOUNT_ATTR_NOSUID) || (status.f_flag & ST_NOSUID)) flags |= MS_NOSUID;
    if ((attributes & MOUNT_ATTR_NODEV) || (status.f_flag & ST_NODEV)) flags |= MS_NODEV;
    if ((attributes & MOUNT_ATTR_NOEXEC) || (status.f_flag & ST_NOEXEC)) flags |= MS_NOEXEC;
    return mount(NULL, cl_path_of(fd).path, NULL, flags, NULL) < 0 ? -errno : 0;
}

// Changes what was just mounted on a path: attributes, then propagation.
static int change(run *r, const char *path, uint64_t attributes, uint64_t cleared, int recursive, unsigned long propagation) {
    if (!attributes && !cleared && !propagation) return 0;
    int fd = cl_open_in_root(r->root, path, O_PATH, 0);
    if (fd < 0) return fd;
    int result = attributes || cleared ? remount_attributes(fd, attributes, cleared, recursive) : 0;
    if (!result && propagation && mount(NULL, cl_path_of(fd).path, NULL, propagation, NULL) < 0) result = -errno;
    close(fd);
    return result;
}

static int op_overlay(run *r, cl_op *op) {
    static char options[4096];
    static const char escaped[] = ":,\\";
    size_t used = 0;
    int by_descriptor = 0;
    const char *lower = cl_text(r, op->s[0]), *target = cl_text(r, op->s[3]);
    const char *upper = cl_text(r, op->s[1]), *work = cl_text(r, op->s[2]);
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
            fd_path name_ = cl_path_of(fd_); PUT(name_.path); \
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
    const char *path = cl_text(r, op->s[3]);
    if (mount(path, path, NULL, MS_BIND | MS_REC, NULL) < 0) return -errno;
    r->root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return r->root < 0 ? -errno : 0;
}

// Whether a path is a directory without a symbolic link on the way to it, or nothing yet. A link there would let an image
// choose where /proc is, and with it what is hidden.
static int without_links(run *r, const char *path) {
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS};
    while (*path == '/') path++;
    int fd = (int)syscall(SYS_openat2, r->root, *path ? path : ".", &how, sizeof how);
    if (fd < 0) return errno == ENOENT ? 0 : -errno;
    close(fd);
    return 0;
}

static int op_mount(run *r, cl_op *op) {
    const char *type = cl_text(r, op->s[0]), *path = cl_text(r, op->s[2]);
    int failure = !strcmp(type, "proc") || !strcmp(type, "sysfs") ? without_links(r, path) : 0;
    if (failure) return failure;
    int fd = cl_place(r, path, 0, (mode_t)op->n[1]);
    if (fd < 0) return fd;
    int result = mount(cl_text(r, op->s[1]), cl_path_of(fd).path, type, (unsigned long)op->n[0], cl_text(r, op->s[3]));
    failure = result < 0 ? -errno : 0;
    close(fd);
    return failure ? failure : change(r, path, 0, 0, 0, (unsigned long)op->n[2]);
}

int cl_make_stage(const char *path) {
    if (mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=700") < 0) return -errno;
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int cl_move_staged(run *r, cl_op *op) {
    const char *type = cl_text(r, op->s[0]), *path = cl_text(r, op->s[2]);
    // What lies below another mount of the stage comes along with that.
    if (r->stage < 0 || op->code != CL_OP_MOUNT || strchr(path + 1, '/')) return 0;
    int failure = !strcmp(type, "proc") || !strcmp(type, "sysfs") ? without_links(r, path) : 0;
    if (failure) return failure;
    int staged = cl_open_in_root(r->stage, path, O_PATH, 0);
    if (staged < 0) return staged;
    int fd = cl_place(r, path, 0, (mode_t)op->n[1]);
    if (fd < 0) { close(staged); return fd; }
    if (syscall(SYS_move_mount, staged, "", fd, "", BOTH_EMPTY) < 0) failure = -errno;
    close(fd);
    close(staged);
    return failure;
}

static int is_proc(int fd) {
    struct statfs status;
    return fstatfs(fd, &status) == 0 && status.f_type == PROC_FILES;
}

// How a file or a directory is mounted a second time.
typedef struct {
    uint64_t attributes, cleared;
    unsigned long propagation;
    int recursive, attributes_below, inside_proc;
} binding;

// The new mount while nobody can reach it: what it is allowed is decided before it lies anywhere, so whoever shares the
// directory cannot put another place under its name meanwhile (CVE-2021-30465). -ENOSYS before Linux 5.12.
static int detached(int source, const binding *b) {
    int fd = (int)syscall(SYS_open_tree, source, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | O_CLOEXEC | (b->recursive ? AT_RECURSIVE : 0));
    if (fd < 0) return -errno;
    int failure = b->attributes || b->cleared ? set_attributes(fd, b->attributes, b->cleared, 0, b->attributes_below) : 0;
    unsigned long kind = b->propagation & ~(unsigned long)MS_REC;
    if (!failure && kind) failure = set_attributes(fd, 0, 0, kind, (b->propagation & MS_REC) != 0);
    if (!failure) return fd;
    close(fd);
    return failure;
}

// Mounts a descriptor's file or directory on a path of the root. Only the plan may cover files of proc, whatever links
// lead there: what is written below /proc/self decides what a process is held to.
static int bind_descriptor(run *r, int source, int directory, const char *path, const binding *b) {
    int fd = cl_place(r, path, !directory, 0755);
    if (fd < 0) { r->detail = path; return fd; }
    int failure = !b->inside_proc && is_proc(fd) && !is_proc(source) ? -EPERM : 0;
    int tree = failure ? failure : detached(source, b);
    if (tree >= 0) {
        if (syscall(SYS_move_mount, tree, "", fd, "", BOTH_EMPTY) < 0) failure = -errno;
        close(tree);
    } else if (tree == -ENOSYS) {
        if (mount(cl_path_of(source).path, cl_path_of(fd).path, NULL, MS_BIND | (b->recursive ? MS_REC : 0), NULL) < 0) failure = -errno;
        if (!failure) failure = change(r, path, b->attributes, b->cleared, b->attributes_below, b->propagation);
    } else {
        failure = tree;
    }
    close(fd);
    return failure;
}

static int bind_mount(run *r, const char *source, const char *path, const binding *b) {
    struct stat status;
    int fd = open(source, O_PATH | O_CLOEXEC);
    if (fd < 0) { r->detail = source; return -errno; }
    int failure = fstat(fd, &status) < 0 ? -errno : bind_descriptor(r, fd, S_ISDIR(status.st_mode), path, b);
    close(fd);
    return failure;
}

static int op_bind(run *r, cl_op *op) {
    binding wanted = {
        .attributes = (uint64_t)op->n[0], .cleared = (uint64_t)op->n[3],
        .propagation = (unsigned long)op->n[2] & PROPAGATION_ONLY, .recursive = (op->n[1] & 1) != 0,
        .attributes_below = (op->n[1] & 2) != 0, .inside_proc = (op->flags & CL_F_IN_ROOT) != 0,
    };
    return bind_mount(r, cl_text(r, op->s[1]), cl_text(r, op->s[2]), &wanted);
}

struct borrowing { int space, result; const char *path; };

static int borrow(void *argument) {
    struct borrowing *request = argument;
    if (setns(request->space, CLONE_NEWNS) < 0) { request->result = -errno; return 0; }
    int fd = (int)syscall(SYS_open_tree, AT_FDCWD, request->path, OPEN_TREE_CLONE | O_CLOEXEC);
    request->result = fd < 0 ? -errno : fd;
    return 0;
}

// Mounts what another mount namespace has at a path on the same path here. A short-lived process that shares memory and
// descriptors goes there, because this one has to come back.
static int op_borrow(run *r, cl_op *op) {
    static _Alignas(16) char stack[16384];
    const char *path = cl_text(r, op->s[2]);
    struct borrowing request = {open(cl_text(r, op->s[1]), O_RDONLY | O_CLOEXEC), -EAGAIN, path};
    if (request.space < 0) return -errno;
    pid_t pid = clone(borrow, stack + sizeof stack, CLONE_VM | CLONE_FILES | CLONE_VFORK | SIGCHLD, &request);
    int failure = pid < 0 ? -errno : 0;
    while (!failure && waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
    close(request.space);
    if (failure || request.result < 0) return failure ? failure : request.result;
    int fd = cl_place(r, path, 0, 0755);
    if (fd >= 0 && syscall(SYS_move_mount, request.result, "", fd, "", BOTH_EMPTY) < 0) failure = -errno;
    close(request.result);
    if (fd < 0) return fd;
    close(fd);
    return failure;
}

static int op_mknod(run *r, cl_op *op) {
    const char *path = cl_text(r, op->s[2]);
    binding plain = {0};
    if (op->flags & CL_F_BIND_DEVICE) return bind_mount(r, op->s[1] ? cl_text(r, op->s[1]) : path, path, &plain);
    const char *slash = strrchr(path, '/');
    char parent[PATH_MAX];
    size_t length = slash ? (size_t)(slash - path) : 0;
    if (length >= sizeof parent) return -ENAMETOOLONG;
    memcpy(parent, path, length);
    parent[length] = 0;
    int fd = cl_place(r, length ? parent : "/", 0, 0755);
    if (fd < 0) return fd;
    dev_t device = makedev((unsigned)op->n[1], (unsigned)op->n[2]);
    const char *name = slash ? slash + 1 : path;
    int result = mknodat(fd, name, (mode_t)op->n[0], device) < 0 && errno != EEXIST ? -errno : 0;
    uid_t owner = (uid_t)((uint64_t)op->n[3] >> 32);
    gid_t group = (gid_t)op->n[3];
    if (!result && (owner || group) && fchownat(fd, name, owner, group, AT_SYMLINK_NOFOLLOW) < 0) result = -errno;
    close(fd);
    return result;
}

static int op_symlink(run *r, cl_op *op) {
    const char *path = cl_text(r, op->s[2]), *slash = strrchr(path, '/');
    char parent[PATH_MAX];
    size_t length = slash ? (size_t)(slash - path) : 0;
    if (length >= sizeof parent) return -ENAMETOOLONG;
    memcpy(parent, path, length);
    parent[length] = 0;
    int fd = cl_place(r, length ? parent : "/", 0, 0755);
    if (fd < 0) return fd;
    int result = symlinkat(cl_text(r, op->s[0]), fd, slash ? slash + 1 : path) < 0 && errno != EEXIST ? -errno : 0;
    close(fd);
    return result;
}

static int op_mask(run *r, cl_op *op) {
    struct stat status;
    int fd = cl_open_in_root(r->root, cl_text(r, op->s[2]), O_PATH, 0);
    if (fd == -ENOENT || fd == -ENOTDIR) return 0;
    if (fd < 0) return fd;
    int result = fstat(fd, &status);
    if (result == 0) {
        result = S_ISDIR(status.st_mode)
            ? mount("tmpfs", cl_path_of(fd).path, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "nr_blocks=1,nr_inodes=1")
            : mount("/dev/null", cl_path_of(fd).path, NULL, MS_BIND, NULL);
    }
    int failure = result < 0 ? -errno : 0;
    close(fd);
    return failure;
}

static int op_readonly(run *r, cl_op *op) {
    const char *path = cl_text(r, op->s[2]);
    int fd = cl_open_in_root(r->root, path, O_PATH, 0);
    if (fd == -ENOENT || fd == -ENOTDIR) return 0;
    if (fd < 0) return fd;
    fd_path name = cl_path_of(fd);
    int failure = mount(name.path, name.path, NULL, MS_BIND | MS_REC, NULL) < 0 ? -errno : 0;
    close(fd);
    return failure ? failure : change(r, path, MOUNT_ATTR_RDONLY, 0, 0, 0);
}

static int op_pivot(run *r) {
    int old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (old < 0 || fchdir(r->root) < 0) return -errno;
    if (syscall(SYS_pivot_root, ".", ".") < 0) return -errno;
    // The old root now lies on top of the new one. Where its mounts are shared with the host, taking them away here must not
    // reach there.
    if (fchdir(old) < 0 || mount(NULL, ".", NULL, MS_SLAVE | MS_REC, NULL) < 0) return -errno;
    close(old);
    if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0) return -errno;
    close(r->root);
    r->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return r->root < 0 ? -errno : 0;
}


// Only a file of a real proc may be written: an image could have put something else there.
static int write_in_root(run *r, const char *path, const char *value) {
    struct statfs status;
    struct open_how how = {.flags = O_WRONLY | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS};
    while (*path == '/') path++;
    // What may be set is decided by how the name begins.
    if (strstr(path, "/..")) return -EINVAL;
    int fd = (int)syscall(SYS_openat2, r->root, path, &how, sizeof how);
    if (fd < 0) return -errno;
    int failure = fstatfs(fd, &status) < 0 ? -errno : status.f_type != PROC_FILES ? -EXDEV : 0;
    if (!failure && write(fd, value, strlen(value)) < 0) failure = -errno;
    close(fd);
    return failure;
}

static int op_write(run *r, cl_op *op) {
    const char *path = cl_text(r, op->s[2]), *value = cl_text(r, op->s[1]);
    r->detail = path;
    if (op->flags & CL_F_IN_ROOT) return write_in_root(r, path, value);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return -errno;
    int failure = write(fd, value, strlen(value)) < 0 ? -errno : 0;
    close(fd);
    return failure;
}

// The mount on which a path lies is the nearest place above it whose propagation can be changed.
static int private_above(run *r, const char *path) {
    char place[PATH_MAX];
    r->detail = path;
    if (path[0] != '/' || strlen(path) >= sizeof place) return -EINVAL;
    cl_copy_text(place, sizeof place, path);
    while (mount(NULL, *place ? place : "/", NULL, MS_PRIVATE, NULL) < 0) {
        if (errno != EINVAL || !*place) return -errno;
        *strrchr(place, '/') = 0;
    }
    return 0;
}

static int op_propagation(run *r, cl_op *op) {
    if (op->s[2]) return private_above(r, cl_text(r, op->s[2]));
    return mount(NULL, "/", NULL, (unsigned long)op->n[0] | (op->n[1] ? 0 : MS_REC), NULL) < 0 ? -errno : 0;
}

int cl_perform_mount(run *r, cl_op *op) {
    switch (op->code) {
    case CL_OP_PROPAGATION: return op_propagation(r, op);
    case CL_OP_OVERLAY: return op_overlay(r, op);
    case CL_OP_ROOT: return op_root(r, op);
    case CL_OP_MOUNT: return op_mount(r, op);
    case CL_OP_BIND: return op_bind(r, op);
    case CL_OP_BORROW: return op_borrow(r, op);
    case CL_OP_MKNOD: return op_mknod(r, op);
    case CL_OP_SYMLINK: return op_symlink(r, op);
    case CL_OP_MKDIR: {
        int fd = cl_place(r, cl_text(r, op->s[2]), 0, (mode_t)op->n[0]);
        if (fd >= 0) close(fd);
        return fd < 0 ? fd : 0;
    }
    case CL_OP_MASK: return op_mask(r, op);
    case CL_OP_READONLY: return op_readonly(r, op);
    case CL_OP_PIVOT: return op_pivot(r);
    case CL_OP_READONLY_ROOT: return remount_attributes(r->root, MOUNT_ATTR_RDONLY, 0, 0);
    case CL_OP_WRITE: return op_write(r, op);
    default: return 1;
    }
}
