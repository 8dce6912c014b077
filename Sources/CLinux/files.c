#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

const int cl_o_path = O_PATH, cl_o_tmpfile = O_TMPFILE;

static int result(long value) { return value < 0 ? -errno : (int)value; }
static int64_t result64(int64_t value) { return value < 0 ? -errno : value; }

int cl_file_open(int directory, const char *path, int flags, uint32_t mode) {
    return result(openat(directory, path, flags | O_CLOEXEC, mode));
}

int cl_file_open_resolved(int directory, const char *path, int flags, uint32_t mode, uint64_t resolve) {
    struct {
        uint64_t flags, mode, resolve;
    } how = {(uint64_t)(flags | O_CLOEXEC), (flags & (O_CREAT | O_TMPFILE)) ? mode : 0, resolve};
    long fd;
    do fd = syscall(SYS_openat2, directory, path, &how, sizeof how);
    while (fd < 0 && (errno == EAGAIN || errno == EINTR));
    return result(fd);
}

static int fill(long outcome, const struct statx *from, struct cl_file_status *to) {
    if (outcome < 0) return -errno;
    *to = (struct cl_file_status){
        .inode = from->stx_ino, .size = from->stx_size, .blocks = from->stx_blocks,
        .device = makedev(from->stx_dev_major, from->stx_dev_minor), .mtime_seconds = from->stx_mtime.tv_sec,
        .mtime_nanoseconds = from->stx_mtime.tv_nsec, .mode = from->stx_mode, .uid = from->stx_uid,
        .gid = from->stx_gid, .links = from->stx_nlink, .rdev_major = from->stx_rdev_major,
        .rdev_minor = from->stx_rdev_minor,
    };
    return 0;
}

int cl_file_status(int directory, const char *path, struct cl_file_status *status) {
    struct statx found;
    return fill(statx(directory, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_BASIC_STATS, &found), &found,
                status);
}

int cl_file_status_fd(int fd, struct cl_file_status *status) {
    struct statx found;
    return fill(statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &found), &found, status);
}

int cl_file_times(int directory, const char *path, int64_t seconds, uint32_t nanoseconds) {
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = seconds, .tv_nsec = nanoseconds}};
    return result(utimensat(directory, path, times, AT_SYMLINK_NOFOLLOW));
}

int cl_file_times_fd(int fd, int64_t seconds, uint32_t nanoseconds) {
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = seconds, .tv_nsec = nanoseconds}};
    return result(futimens(fd, times));
}

int cl_file_mknod(int directory, const char *path, uint32_t mode, uint32_t major, uint32_t minor) {
    return result(mknodat(directory, path, mode, makedev(major, minor)));
}

int cl_file_rename_exclusive(int from_directory, const char *from, int to_directory, const char *to) {
    return result(renameat2(from_directory, from, to_directory, to, RENAME_NOREPLACE));
}

int cl_file_rename_exchange(int from_directory, const char *from, int to_directory, const char *to) {
    return result(renameat2(from_directory, from, to_directory, to, RENAME_EXCHANGE));
}

int cl_file_sync_filesystem(int fd) { return result(syncfs(fd)); }
int64_t cl_file_next_data(int fd, int64_t offset) { return result64(lseek(fd, offset, SEEK_DATA)); }
int64_t cl_file_next_hole(int fd, int64_t offset) { return result64(lseek(fd, offset, SEEK_HOLE)); }
int cl_file_advise_sequential(int fd) { return -posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL); }

int64_t cl_xattr_list(const char *path, char *buffer, size_t size) { return result64(llistxattr(path, buffer, size)); }
int64_t cl_xattr_get(const char *path, const char *name, void *buffer, size_t size) {
    return result64(lgetxattr(path, name, buffer, size));
}
int cl_xattr_set(const char *path, const char *name, const void *value, size_t size) {
    return result(lsetxattr(path, name, value, size, 0));
}
int cl_xattr_remove(const char *path, const char *name) { return result(lremovexattr(path, name)); }
int64_t cl_xattr_list_fd(int fd, char *buffer, size_t size) { return result64(flistxattr(fd, buffer, size)); }
int64_t cl_xattr_get_fd(int fd, const char *name, void *buffer, size_t size) {
    return result64(fgetxattr(fd, name, buffer, size));
}
int cl_xattr_set_fd(int fd, const char *name, const void *value, size_t size) {
    return result(fsetxattr(fd, name, value, size, 0));
}
int cl_xattr_remove_fd(int fd, const char *name) { return result(fremovexattr(fd, name)); }
