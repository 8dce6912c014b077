#ifndef CLINUX_JOBS_H
#define CLINUX_JOBS_H

#include <sys/types.h>

// Programs that a person or a script talks to.

/// Starts a program with default signals and only descriptors 0 to 2 open, in `directory` (NULL: this one).
/// `group` >= 0: in a process group of its own, which gets that terminal's foreground.
/// `terminal` != NULL: as the leader of a session whose terminal and standard streams that path is.
/// Returns the process, or -errno (also when the program cannot be executed).
pid_t cl_start_job(
    const char *path, char *const argv[], char *const envp[], const char *directory, int group, const char *terminal);

/// A new pty's master end, close-on-exec, with a size; its terminal's path goes into `name`. Returns it or -errno.
int cl_open_terminal(char *name, size_t size, unsigned short rows, unsigned short columns);

#endif
