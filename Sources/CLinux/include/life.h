#ifndef CLINUX_LIFE_H
#define CLINUX_LIFE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// Sends bytes with a descriptor over a unix socket. Returns the count or -errno.
ssize_t cl_send_with(int socket, const void *bytes, size_t count, int descriptor);

/// A place where something of the host is seen in the root of a stopped container.
typedef struct {
    const char *source;     // on the host
    const char *target;     // in the root
    int read_only;
} cl_bind;

/// The root of a container that does not run, mounted where nobody else sees it, with what it mounts from the host.
/// `layers` are the lower ones, the topmost first, then the upper and the work directory. user: 1 for an overlay with
/// userxattr. The mount goes with the two descriptors: the one
/// that is returned (or -errno), and that of its mount namespace.
int cl_mount_root(
    const char *const *layers, int lowers, int user, const char *target, const cl_bind *binds, int count, int *space);

/// Becomes readable when something in a directory is written to, appears or is renamed. Returns it or -errno.
int cl_watch_directory(const char *path);

#endif
