#ifndef CLINUX_FILES_H
#define CLINUX_FILES_H

/* File system calls that Swift's Glibc module does not declare. Each returns -errno on failure. */

#include <stddef.h>
#include <stdint.h>

/* What statx(2) says about a file, without padding that differs between machines. */
struct cl_file_status {
    uint64_t inode, size, blocks, device;
    int64_t mtime_seconds;
    int64_t ctime_seconds;
    uint32_t ctime_nanoseconds, mtime_nanoseconds, mode, uid, gid, links, rdev_major, rdev_minor;
};

enum {
    CL_RESOLVE_IN_ROOT = 0x10,
    CL_RESOLVE_BENEATH = 0x08,
    CL_RESOLVE_NO_SYMLINKS = 0x04,
    CL_RESOLVE_NO_MAGICLINKS = 0x02,
    CL_RESOLVE_NO_XDEV = 0x01,
};

int cl_file_open(int directory, const char *path, int flags, uint32_t mode);
int cl_file_open_resolved(int directory, const char *path, int flags, uint32_t mode, uint64_t resolve);
int cl_file_status(int directory, const char *path, struct cl_file_status *status);
int cl_file_status_fd(int fd, struct cl_file_status *status);
int cl_file_times(int directory, const char *path, int64_t seconds, uint32_t nanoseconds);
int cl_file_times_fd(int fd, int64_t seconds, uint32_t nanoseconds);
int cl_file_mknod(int directory, const char *path, uint32_t mode, uint32_t major, uint32_t minor);
int cl_file_rename_exclusive(int from_directory, const char *from, int to_directory, const char *to);
int cl_file_rename_exchange(int from_directory, const char *from, int to_directory, const char *to);
/* Makes an empty file the same as another: by sharing blocks where the file system can, else by copying what is not a
 * hole. */
int cl_file_clone(int from, int to);
int cl_file_sync_filesystem(int fd);
int64_t cl_file_next_data(int fd, int64_t offset);
int64_t cl_file_next_hole(int fd, int64_t offset);
int cl_file_advise_sequential(int fd);
int64_t cl_xattr_list(const char *path, char *buffer, size_t size);
int64_t cl_xattr_get(const char *path, const char *name, void *buffer, size_t size);
int cl_xattr_set(const char *path, const char *name, const void *value, size_t size);
int cl_xattr_remove(const char *path, const char *name);
int64_t cl_xattr_list_fd(int fd, char *buffer, size_t size);
int64_t cl_xattr_get_fd(int fd, const char *name, void *buffer, size_t size);
int cl_xattr_set_fd(int fd, const char *name, const void *value, size_t size);
int cl_xattr_remove_fd(int fd, const char *name);

/* Flags of open(2) that Swift's Glibc module does not show. */
extern const int cl_o_path, cl_o_tmpfile;

#endif
