#include "interpreter.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

ssize_t cl_send_with(int socket, const void *bytes, size_t count, int descriptor) {
    union { struct cmsghdr header; char room[CMSG_SPACE(sizeof(int))]; } control = {0};
    struct iovec area = {(void *)bytes, count};
    struct msghdr message = {.msg_iov = &area, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
    ssize_t sent;
    while ((sent = sendmsg(socket, &message, MSG_NOSIGNAL)) < 0)
        if (errno != EINTR) return -errno;
    return sent;
}

struct root_request {
    const char *const *layers;
    int lowers, user;
    const char *target;
    const cl_bind *binds;
    int count, result, space;
};

// What a volume hides is hidden here too; a place that the image does not have is made, as at the start.
static void bind_below(int root, const cl_bind *wanted) {
    int source = (int)syscall(SYS_open_tree, AT_FDCWD, wanted->source, 1u /* OPEN_TREE_CLONE */ | O_CLOEXEC | 0x8000u /* AT_RECURSIVE */);
    if (source < 0) return;
    run place = {.root = root};
    struct stat status;
    int target = fstat(source, &status) < 0 ? -errno : cl_place(&place, wanted->target, !S_ISDIR(status.st_mode), 0755);
    if (target >= 0) {
        if (wanted->read_only) {
            struct { uint64_t set, clear, propagation, userns; } attributes = {1 /* MOUNT_ATTR_RDONLY */, 0, 0, 0};
            syscall(SYS_mount_setattr, source, "", 0x1000u /* AT_EMPTY_PATH */ | 0x8000u, &attributes, sizeof attributes);
        }
        syscall(SYS_move_mount, source, "", target, "", 0x04u /* F_EMPTY_PATH */ | 0x40u /* T_EMPTY_PATH */);
        close(target);
    }
    close(source);
}

// Layers are named by descriptors: short names that need no escaping, as the kernel takes one page of options. They are
// opened in the new mount namespace: the kernel stacks nothing that belongs to another one.
static int mount_layers(const struct root_request *request) {
    static char options[4096];
    int opened[512], count = request->lowers + 2, failure = 0;
    size_t used = 0;
    if (count > 512) return -E2BIG;
    for (int index = 0; index < count; index++) {
        opened[index] = failure ? -1 : open(request->layers[index], O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (failure || opened[index] < 0) {
            if (!failure) failure = -errno;
            continue;
        }
        const char *key = index == 0 ? "lowerdir=" : index < request->lowers ? ":" : index == request->lowers ? ",upperdir=" : ",workdir=";
        int length = snprintf(options + used, sizeof options - used, "%s/proc/self/fd/%d", key, opened[index]);
        if (length < 0 || (size_t)length >= sizeof options - used) failure = -E2BIG;
        else used += (size_t)length;
    }
    if (!failure && request->user && used + 11 < sizeof options) strcpy(options + used, ",userxattr");
    if (!failure && mount("overlay", request->target, "overlay", 0, options) < 0) failure = -errno;
    for (int index = 0; index < count; index++)
        if (opened[index] >= 0) close(opened[index]);
    return failure;
}

// Shares memory and descriptors with the process that waits, and nothing else.
static int mount_root(void *argument) {
    struct root_request *request = argument;
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
        request->result = -errno;
        return 0;
    }
    request->result = mount_layers(request);
    if (request->result < 0) return 0;
    int root = open(request->target, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) {
        request->result = -errno;
        return 0;
    }
    for (int index = 0; index < request->count; index++) bind_below(root, &request->binds[index]);
    // Without its namespace the root would lose what is mounted below it.
    request->space = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    request->result = root;
    return 0;
}

int cl_mount_root(const char *const *layers, int lowers, int user, const char *target, const cl_bind *binds, int count, int *space) {
    enum { size = 65536 };
    char *stack = aligned_alloc(16, size);
    if (!stack) return -ENOMEM;
    struct root_request request = {layers, lowers, user, target, binds, count, -EAGAIN, -1};
    pid_t pid = clone(mount_root, stack + size, CLONE_VM | CLONE_FILES | CLONE_VFORK | SIGCHLD, &request);
    int failure = pid < 0 ? -errno : 0;
    if (!failure)
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
    free(stack);
    *space = request.space;
    return failure ? failure : request.result;
}

int cl_watch_directory(const char *path) {
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd < 0) return -errno;
    if (inotify_add_watch(fd, path, IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0) {
        int failure = -errno;
        close(fd);
        return failure;
    }
    return fd;
}
