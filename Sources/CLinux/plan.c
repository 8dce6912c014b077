// Carries out a plan between clone and exec: no allocation, no stdio, no locks, only system calls and the stack.
#include "interpreter.h"

#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>

char *cl_text(run *r, uint32_t offset) { return offset ? (char *)r->plan + offset : NULL; }

static cl_op *operations(cl_plan *plan) { return (cl_op *)((char *)plan + plan->operations); }

void cl_copy_text(char *to, size_t room, const char *from) {
    size_t i = 0;
    for (; from && from[i] && i + 1 < room; i++) to[i] = from[i];
    to[i] = 0;
}

fd_path cl_path_of(int fd) {
    fd_path result;
    char digits[12];
    int count = 0;
    memcpy(result.path, "/proc/self/fd/", 14);
    do { digits[count++] = (char)('0' + fd % 10); fd /= 10; } while (fd);
    for (int i = 0; i < count; i++) result.path[14 + i] = digits[count - 1 - i];
    result.path[14 + count] = 0;
    return result;
}

void cl_send_record(run *r, uint32_t kind, int error, int detail, const char *what, int descriptor) {
    cl_record record = {.kind = kind, .index = r->index, .error = error, .detail = detail};
    cl_copy_text(record.text, sizeof record.text, what);
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

void cl_send_times(run *r) {
    cl_times message = {.head = {.kind = CL_REC_TIMES}};
    uint32_t count = r->plan->count < CL_TIMES ? r->plan->count : CL_TIMES;
    cl_op *op = operations(r->plan);
    for (uint32_t i = 0; i < count; i++) {
        message.times[i].begun = op[i].begun;
        message.times[i].done = op[i].done;
    }
    message.head.detail = (int32_t)count;
    // A filter of system calls that forbids this costs the times, not the start.
    while (send(r->launch.channel, &message, sizeof message.head + count * sizeof message.times[0], MSG_NOSIGNAL) < 0)
        if (errno == EPIPE || errno == ECONNRESET) _exit(125);
        else if (errno != EINTR) break;
}

// Waits for the answers to everything asked so far.
void cl_await_parent(run *r) {
    while (r->outstanding > 0) {
        int32_t answer;
        ssize_t count = recv(r->launch.channel, &answer, sizeof answer, 0);
        if (count < 0 && errno == EINTR) continue;
        if (count != sizeof answer || answer != 0) _exit(125);
        r->outstanding--;
    }
}

// One operation; 0 or -errno.
static int perform(run *r, cl_op *op) {
    r->detail = NULL;
    if (op->code >= CL_OP_PARENT) {
        if (op->code == CL_OP_AWAIT) {
            cl_await_parent(r);
            return 0;
        }
        cl_send_record(r, CL_REC_PARENT, 0, 0, NULL, -1);
        r->outstanding++;
        if (!(op->flags & CL_F_ASYNC)) cl_await_parent(r);
        return 0;
    }
    int result = cl_perform_mount(r, op);
    if (result == 1) result = cl_perform_process(r, op);
    return result == 1 ? -ENOSYS : result;
}

static int is_ahead(const cl_op *op) { return (op->flags & CL_F_AHEAD) != 0; }

// The next operation of the expected plan that was carried out ahead.
static cl_op *next_ahead(run *r) {
    while (r->ahead_index < r->ahead->count) {
        cl_op *op = &operations(r->ahead)[r->ahead_index++];
        if (is_ahead(op)) return op;
    }
    return NULL;
}

// What was carried out ahead only has to come to its place.
static int take_ahead(run *r, cl_op *op) {
    cl_op *done = next_ahead(r);
    if (!done || done->code != op->code) return -EINVAL;
    int result = cl_move_staged(r, op);
    op->begun = done->begun;
    op->done = done->done;
    return result;
}

static _Noreturn void interpret(run *r) {
    cl_op *op = operations(r->plan);
    for (r->index = 0; r->index < r->plan->count; r->index++) {
        cl_op *now = &op[r->index];
        if (r->plan->step) {
            cl_send_record(r, CL_REC_STEP, 0, 0, NULL, -1);
            r->outstanding++;
            cl_await_parent(r);
        }
        int result;
        r->exec_stage = 0;
        if (r->ahead && is_ahead(now)) {
            r->detail = NULL;
            result = take_ahead(r, now);
        } else {
            now->begun = cl_now();
            result = perform(r, now);
            now->done = cl_now();
        }
        if (result == 0 || (now->flags & CL_F_OPTIONAL)) continue;
        cl_send_record(r, CL_REC_ERROR, -result, r->exec_stage, r->detail, -1);
        _exit(r->exec_stage ? 127 : 125);
    }
    _exit(125);
}

_Noreturn void cl_interpret(cl_plan *plan, const cl_launch *launch) {
    run state = {.plan = plan, .launch = *launch, .root = -1, .terminal = -1, .stage = -1};
    umask(0);
    if (launch->parent >= 0) close(launch->parent);
    interpret(&state);
}

static pid_t clone_child(uint64_t flags, int cgroup, int *pidfd) {
    struct clone_args args = {
        .flags = flags | CLONE_PIDFD,
        .pidfd = (uint64_t)(uintptr_t)pidfd,
        .exit_signal = SIGCHLD,
    };
    if (cgroup >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)cgroup;
    }
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (pid < 0 && errno == ENOSYS) pid = (pid_t)syscall(SYS_clone, flags | CLONE_PIDFD | SIGCHLD, 0, pidfd, 0, 0);
    return pid;
}

// Carries out what is known ahead. Where that is not the root, its mounts lie in a file system of their own until there is
// one.
static void carry_out_ahead(run *r, const char *stage) {
    cl_op *op = operations(r->plan);
    int rooted = 0;
    for (uint32_t i = 0; i < r->plan->count; i++) rooted |= is_ahead(&op[i]) && op[i].code == CL_OP_OVERLAY;
    for (uint32_t i = 0; i < r->plan->count; i++) {
        if (!is_ahead(&op[i])) continue;
        op[i].begun = cl_now();
        if (perform(r, &op[i]) && !(op[i].flags & CL_F_OPTIONAL)) _exit(125);
        op[i].done = cl_now();
        if (op[i].code == CL_OP_PROPAGATION && !rooted && (r->stage = r->root = cl_make_stage(stage)) < 0) _exit(125);
    }
}

// Receives a plan and the standard streams; ends with the monitor.
static cl_plan *receive_plan(run *r) {
    int descriptors[3] = {-1, -1, -1};
    cl_order order = {0};
    union { struct cmsghdr header; char room[CMSG_SPACE(sizeof descriptors)]; } control;
    void *room = mmap(NULL, CL_AHEAD_ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (room == MAP_FAILED) _exit(125);
    struct iovec areas[2] = {{&order, sizeof order}, {room, CL_AHEAD_ROOM}};
    struct msghdr message = {
        .msg_iov = areas, .msg_iovlen = 2, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t count;
    while ((count = recvmsg(r->launch.channel, &message, MSG_CMSG_CLOEXEC)) < 0)
        if (errno != EINTR) _exit(125);
    struct cmsghdr *header = count > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (!header || header->cmsg_len != CMSG_LEN(sizeof descriptors) || message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) _exit(125);
    memcpy(descriptors, CMSG_DATA(header), sizeof descriptors);
    r->launch.terminal = order.terminal;
    r->launch.preserve = order.preserve;
    r->launch.rows = order.rows;
    r->launch.columns = order.columns;
    r->launch.input = descriptors[0];
    r->launch.output = descriptors[1];
    r->launch.error = descriptors[2];
    return room;
}

// Gets ready for a plan like the expected one and waits for it, keeping nothing of the monitor's but the channel.
static _Noreturn void await_plan(cl_plan *expected, const cl_launch *launch) {
    run state = {
        .plan = expected, .root = -1, .terminal = -1, .stage = -1,
        .launch = {.channel = 3, .parent = -1, .target = -1, .cgroup = -1, .start = -1}};
    umask(0);
    if (launch->channel != 3 && dup3(launch->channel, 3, O_CLOEXEC) < 0) _exit(125);
    if (syscall(SYS_close_range, 4u, ~0u, 0u) < 0) _exit(125);
    carry_out_ahead(&state, launch->stage);
    state.ahead = expected;
    if (state.stage >= 0) state.root = -1;
    state.plan = receive_plan(&state);
    interpret(&state);
}

static pid_t start(cl_plan *plan, const cl_launch *launch, int ahead, int *pidfd) {
    sigset_t all, before;
    int descriptor = -1;
    if (plan->magic != CL_PLAN_MAGIC || plan->version != CL_PLAN_VERSION) { errno = EINVAL; return -1; }
    // Handlers of this process must not run in the child; the plan sets the mask back.
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t pid = clone_child(plan->clone_flags, launch->cgroup, &descriptor);
    if (pid == 0 && ahead) await_plan(plan, launch);
    if (pid == 0) cl_interpret(plan, launch);
    int failure = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    errno = failure;
    *pidfd = descriptor;
    return pid;
}

pid_t cl_start(void *plan, const cl_launch *launch, int *pidfd) { return start(plan, launch, 0, pidfd); }

pid_t cl_start_ahead(void *plan, const cl_launch *launch, int *pidfd) { return start(plan, launch, 1, pidfd); }

int cl_send_plan(int channel, const void *plan, size_t size, const cl_launch *launch) {
    int descriptors[3] = {launch->input, launch->output, launch->error};
    cl_order order = {launch->terminal, launch->preserve, launch->rows, launch->columns};
    union { struct cmsghdr header; char room[CMSG_SPACE(sizeof descriptors)]; } control = {0};
    struct iovec areas[2] = {{&order, sizeof order}, {(void *)plan, size}};
    struct msghdr message = {
        .msg_iov = areas, .msg_iovlen = 2, .msg_control = &control, .msg_controllen = sizeof control};
    if (size < sizeof(cl_plan) || size > CL_AHEAD_ROOM) return -EMSGSIZE;
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof descriptors);
    memcpy(CMSG_DATA(&control.header), descriptors, sizeof descriptors);
    while (sendmsg(channel, &message, MSG_NOSIGNAL) < 0)
        if (errno != EINTR) return -errno;
    return 0;
}
