// What the files of the interpreter share. Everything here runs between clone and exec: no allocation, no stdio, no
// locks, only system calls and the stack.
#ifndef CLINUX_INTERPRETER_H
#define CLINUX_INTERPRETER_H

#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// The state of the process that carries out the plan.
typedef struct {
    cl_plan *plan;
    cl_launch launch;
    int root;               // the container's root before the pivot, / afterwards
    int terminal;           // its end of the terminal, -1 without
    int outstanding;        // requests to the parent that were not waited for
    uint32_t index;
    const char *detail;     // what a failing operation was about
    int exec_stage;
    const char *program;    // the program's path, where it was looked for already
    cl_plan *ahead;         // the plan whose CL_F_AHEAD operations are done already, NULL without
    uint32_t ahead_index;   // how far those have been taken over
    int stage;              // the root in which they were done where it is not the container's, else -1
} run;

// "/proc/self/fd/N"
typedef struct { char path[32]; } fd_path;

char *cl_text(run *r, uint32_t offset);
void cl_copy_text(char *to, size_t room, const char *from);
fd_path cl_path_of(int fd);
void cl_send_record(run *r, uint32_t kind, int error, int detail, const char *what, int descriptor);
void cl_send_times(run *r);
void cl_await_parent(run *r);
// A place in the root as an O_PATH descriptor, made when missing (its parents too). Returns it or -errno.
int cl_place(run *r, const char *wanted, int file, mode_t mode);
// Finds the program and tells the times, so that only execve is left of the operation.
int cl_prepare_program(run *r, cl_op *op);
// A file system of its own below which mounts are made ahead. Returns its root or -errno.
int cl_make_stage(const char *path);
// Moves what an operation mounted on the stage to its place in the root. 0 where it mounted nothing there.
int cl_move_staged(run *r, cl_op *op);
// Carries an operation out if it is one of these; 1 where it is not, otherwise 0 or -errno.
int cl_perform_mount(run *r, cl_op *op);
int cl_perform_process(run *r, cl_op *op);
int cl_perform_program(run *r, cl_op *op);

#endif
