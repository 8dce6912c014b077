#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "CLinux.h"

pid_t cl_start_job(
    const char *path, char *const argv[], char *const envp[], const char *directory, int group, const char *terminal) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    sigdelset(&all, SIGKILL);
    sigdelset(&all, SIGSTOP);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    int code = 0;
    if (group >= 0) {
        flags |= POSIX_SPAWN_SETPGROUP;
        posix_spawnattr_setpgroup(&attributes, 0);
        code = posix_spawn_file_actions_addtcsetpgrp_np(&actions, group);
    }
    if (terminal) {
        // A session's leader gets the first terminal that it opens as its controlling terminal.
        flags |= POSIX_SPAWN_SETSID;
        code = posix_spawn_file_actions_addopen(&actions, 0, terminal, O_RDWR, 0);
        if (!code) code = posix_spawn_file_actions_adddup2(&actions, 0, 1);
        if (!code) code = posix_spawn_file_actions_adddup2(&actions, 0, 2);
    }
    if (!code && directory) code = posix_spawn_file_actions_addchdir_np(&actions, directory);
    if (!code) code = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    posix_spawnattr_setflags(&attributes, flags);
    pid_t process = 0;
    if (!code) code = posix_spawn(&process, path, &actions, &attributes, argv, envp);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return code ? -code : process;
}

int cl_open_terminal(char *name, size_t size, unsigned short rows, unsigned short columns) {
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0) return -errno;
    int code = grantpt(master) || unlockpt(master) ? errno : ptsname_r(master, name, size);
    struct winsize window = {.ws_row = rows, .ws_col = columns};
    if (!code && ioctl(master, TIOCSWINSZ, &window)) code = errno;
    if (!code) return master;
    close(master);
    return -code;
}
