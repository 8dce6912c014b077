#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
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
        .ctime_seconds = from->stx_ctime.tv_sec, .ctime_nanoseconds = from->stx_ctime.tv_nsec,
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

static int copy_range(int from, int to, off_t offset, off_t end) {
    static const size_t most = 1 << 30;
    off_t target = offset;
    while (offset < end) {
        off_t wanted = end - offset;
        ssize_t count = copy_file_range(from, &offset, to, &target, wanted > (off_t)most ? most : (size_t)wanted, 0);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0 && (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP)) {
            char block[65536];
            count = pread(from, block, wanted > (off_t)sizeof block ? sizeof block : (size_t)wanted, offset);
            if (count > 0 && (count = pwrite(to, block, (size_t)count, target)) > 0) {
                offset += count;
                target += count;
            }
        }
        if (count < 0) return -errno;
        if (count == 0) return 0;
    }
    return 0;
}

int cl_file_clone(int from, int to) {
    struct stat status;
    if (ioctl(to, FICLONE, from) == 0) return 0;
    if (fstat(from, &status) < 0) return -errno;
    off_t offset = 0;
    while (offset < status.st_size) {
        off_t data = lseek(from, offset, SEEK_DATA);
        if (data < 0 && errno == ENXIO) break;
        off_t hole = data < 0 ? status.st_size : lseek(from, data, SEEK_HOLE);
        if (data < 0) data = offset;
        int failure = copy_range(from, to, data, hole < 0 ? status.st_size : hole);
        if (failure) return failure;
        offset = hole < 0 ? status.st_size : hole;
    }
    return result(ftruncate(to, status.st_size));
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
