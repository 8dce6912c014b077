// Carries out a plan between clone and exec: no allocation, no stdio, no locks, only system calls and the stack.
#include "interpreter.h"

#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
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

_Noreturn void cl_interpret(cl_plan *plan, const cl_launch *launch) {
    run state = {.plan = plan, .launch = *launch, .root = -1, .terminal = -1}, *r = &state;
    cl_op *op = operations(plan);
    umask(0);
    if (launch->parent >= 0) close(launch->parent);
    for (r->index = 0; r->index < plan->count; r->index++) {
        cl_op *now = &op[r->index];
        if (plan->step) {
            cl_send_record(r, CL_REC_STEP, 0, 0, NULL, -1);
            r->outstanding++;
            cl_await_parent(r);
        }
        now->begun = cl_now();
        r->exec_stage = 0;
        int result = perform(r, now);
        now->done = cl_now();
        if (result == 0 || (now->flags & CL_F_OPTIONAL)) continue;
        cl_send_record(r, CL_REC_ERROR, -result, r->exec_stage, r->detail, -1);
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
