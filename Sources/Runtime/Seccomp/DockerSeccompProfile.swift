extension SeccompProfile {
    /// Names the state of the table below in the names of kept filters.
    static let dockerVersion = "28"

    /// The filter that Docker gives to a container: what its published profile (profiles/seccomp/default.json of moby)
    /// allows, grouped by what a container needs for it.
    public static var docker: SeccompProfile {
        var rules = [
            Rule(names: words(always), action: .allow),
            needing(kernel: "4.8", "process_vm_readv process_vm_writev ptrace"),
            // AF_VSOCK speaks to the hypervisor.
            Rule(names: ["socket"], action: .allow, arguments: [compare(0, "NE", 40)]),
        ]
        for persona: UInt64 in [0x0, 0x8, 0x20000, 0x20008, 0xffff_ffff] {
            rules.append(Rule(names: ["personality"], action: .allow, arguments: [compare(0, "EQ", persona)]))
        }
        rules += [
            on(["ppc64le"], "sync_file_range2 swapcontext"),
            on(
                ["arm", "arm64"],
                "arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls"),
            on(["amd64", "x32"], "arch_prctl"),
            on(["amd64", "x32", "x86"], "modify_ldt"),
            on(["s390", "s390x"], "s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr"),
            on(["riscv64"], "riscv_flush_icache riscv_hwprobe"),
        ]
        rules += rightful.map { needing(capability: $0.0, $0.1) }
        // A thread or a process yes, new namespaces no; clone3 hides its flags from a filter, so it "does not exist".
        let notAdministrator = Condition(capabilities: ["CAP_SYS_ADMIN"])
        rules.append(
            Rule(
                names: ["clone"], action: .allow, arguments: [compare(0, "MASKED_EQ", 0x7e02_0000)],
                excludes: notAdministrator))
        rules.append(Rule(names: ["clone3"], action: .fail(38), excludes: notAdministrator))
        return SeccompProfile(defaultAction: .fail(1), architectures: subArchitectures, rules: rules)
    }

    private static var subArchitectures: [String] {
        switch nativeArchitecture {
        case "SCMP_ARCH_X86_64": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"]
        case "SCMP_ARCH_AARCH64": ["SCMP_ARCH_ARM"]
        default: []
        }
    }

    private static func words(_ text: String) -> [String] {
        text.split(whereSeparator: \.isWhitespace).map(String.init)
    }

    private static func compare(_ index: UInt32, _ comparison: String, _ value: UInt64) -> Argument {
        Argument(index: index, comparison: "SCMP_CMP_" + comparison, value: value, second: 0)
    }

    private static func on(_ architectures: [String], _ names: String) -> Rule {
        Rule(names: words(names), action: .allow, includes: Condition(architectures: architectures))
    }

    private static func needing(capability: String, _ names: String) -> Rule {
        Rule(names: words(names), action: .allow, includes: Condition(capabilities: ["CAP_" + capability]))
    }

    private static func needing(kernel: String, _ names: String) -> Rule {
        Rule(names: words(names), action: .allow, includes: Condition(minimumKernel: kernel))
    }

    /// Calls that go with a capability.
    private static let rightful = [
        ("DAC_READ_SEARCH", "open_by_handle_at"),
        (
            "SYS_ADMIN",
            """
            bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount mount_setattr move_mount
            open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname setns syslog umount umount2 unshare
            """
        ),
        ("SYS_BOOT", "reboot"), ("SYS_CHROOT", "chroot"), ("SYS_MODULE", "delete_module init_module finit_module"),
        ("SYS_PACCT", "acct"),
        ("SYS_PTRACE", "kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace"),
        ("SYS_RAWIO", "iopl ioperm"), ("SYS_TIME", "settimeofday stime clock_settime clock_settime64"),
        ("SYS_TTY_CONFIG", "vhangup"),
        ("SYS_NICE", "get_mempolicy mbind set_mempolicy set_mempolicy_home_node"), ("SYSLOG", "syslog"),
        ("BPF", "bpf"), ("PERFMON", "perf_event_open"),
    ]

    /// Calls that every container may make.
    private static let always = """
        accept accept4 access adjtimex alarm bind brk cachestat capget capset chdir chmod chown chown32 clock_adjtime
        clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep
        clock_nanosleep_time64 close close_range connect copy_file_range creat dup dup2 dup3 epoll_create epoll_create1
        epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 execve execveat exit
        exit_group faccessat faccessat2 fadvise64 fadvise64_64 fallocate fanotify_mark fchdir fchmod fchmodat fchmodat2
        fchown fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat
        fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futex futex_requeue futex_time64 futex_wait
        futex_waitv futex_wake futimesat getcpu getcwd getdents getdents64 getegid getegid32 geteuid geteuid32 getgid
        getgid32 getgroups getgroups32 getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom
        getresgid getresgid32 getresuid getresuid32 getrlimit get_robust_list getrusage getsid getsockname getsockopt
        get_thread_area gettid gettimeofday getuid getuid32 getxattr getxattrat inotify_add_watch inotify_init
        inotify_init1 inotify_rm_watch io_cancel ioctl io_destroy io_getevents io_pgetevents io_pgetevents_time64
        ioprio_get ioprio_set io_setup io_submit ipc kill landlock_add_rule landlock_create_ruleset
        landlock_restrict_self lchown lchown32 lgetxattr link linkat listen listxattr listxattrat llistxattr _llseek
        lremovexattr lseek lsetxattr lstat lstat64 madvise map_shadow_stack membarrier memfd_create memfd_secret mincore
        mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap mmap2 mprotect mq_getsetattr mq_notify mq_open
        mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink mremap mseal msgctl msgget
        msgrcv msgsnd msync munlock munlockall munmap name_to_handle_at nanosleep newfstatat _newselect open openat
        openat2 pause pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll ppoll_time64
        prctl pread64 preadv preadv2 prlimit64 process_mrelease pselect6 pselect6_time64 pwrite64 pwritev pwritev2 read
        readahead readlink readlinkat readv recv recvfrom recvmmsg recvmmsg_time64 recvmsg remap_file_pages removexattr
        removexattrat rename renameat renameat2 restart_syscall rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask
        rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo
        sched_getaffinity sched_getattr sched_getparam sched_get_priority_max sched_get_priority_min
        sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr
        sched_setparam sched_setscheduler sched_yield seccomp select semctl semget semop semtimedop semtimedop_time64
        send sendfile sendfile64 sendmmsg sendmsg sendto setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32
        setgroups setgroups32 setitimer setpgid setpriority setregid setregid32 setresgid setresgid32 setresuid
        setresuid32 setreuid setreuid32 setrlimit set_robust_list setsid setsockopt set_thread_area set_tid_address
        setuid setuid32 setxattr setxattrat shmat shmctl shmdt shmget shutdown sigaltstack signalfd signalfd4 sigprocmask
        sigreturn socketcall socketpair splice stat stat64 statfs statfs64 statx symlink symlinkat sync sync_file_range
        syncfs sysinfo tee tgkill time timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64
        timer_settime timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime
        timerfd_settime64 times tkill truncate truncate64 ugetrlimit umask uname unlink unlinkat uretprobe utime
        utimensat utimensat_time64 utimes vfork vmsplice wait4 waitid waitpid write writev
        """
}
