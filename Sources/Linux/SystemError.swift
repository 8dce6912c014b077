public import Diagnostics
import Glibc

extension DrydockError {
    /// The error of a failed system call: what the number means and, where it is known, what to do.
    ///
    /// Docker prints the text of the error in lower case, and so does this.
    /// - Parameters:
    ///   - operation: what was attempted, in words or as the call: `mount overlay on /…`.
    ///   - number: the call's `errno`.
    public static func system(_ operation: String, errno number: Int32) -> DrydockError {
        let text = SystemError.text(number)
        var error = DrydockError(
            SystemError.code(number), "\(operation): \(text)", operation: operation, errno: number)
        if let (reason, remedy) = SystemError.meaning(operation, number) {
            error.reason = reason
            error.remedy = remedy
        }
        return error
    }
}

/// What error numbers mean.
public enum SystemError {
    /// The text of an error number as Go prints it: lower case (`no such file or directory`).
    public static func text(_ number: Int32) -> String {
        let text = String(cString: strerror(number))
        switch number {
        case EIO: return "input/output error"
        default:
            guard let first = text.first, !text.dropFirst().prefix(1).allSatisfy(\.isUppercase) else { return text }
            return first.lowercased() + text.dropFirst()
        }
    }

    static func code(_ number: Int32) -> DrydockError.Code {
        switch number {
        case ENOENT: .notFound
        case EEXIST, EBUSY: .conflict
        case EACCES, EPERM: .denied
        case ENOSPC, EDQUOT, EMFILE, ENFILE, ENOMEM, EAGAIN: .exhausted
        case ENOSYS, EOPNOTSUPP: .unsupported
        case EINTR: .cancelled
        default: .system
        }
    }

    /// Why, and what to do, where a number is known to mean something special for an operation.
    static func meaning(_ operation: String, _ number: Int32) -> (reason: String?, remedy: String?)? {
        switch number {
        case ENOSPC where operation.hasPrefix("mount"):
            return (
                reason: "the limit of mounts in one mount namespace is reached",
                remedy: "raise it with 'sysctl fs.mount-max=200000', or remove containers"
            )
        case ENOSPC where operation.hasPrefix("unshare") || operation.hasPrefix("clone"):
            return (
                reason: "the limit of namespaces of this user is reached",
                remedy: "raise user.max_user_namespaces and its like with sysctl, or end other containers"
            )
        case ENOSPC, EDQUOT:
            return (reason: "the disk, or this user's share of it, is full", remedy: "free some space and try again")
        case EMFILE:
            return (reason: "this process has no file descriptor left", remedy: "raise the limit with 'ulimit -n'")
        case ENFILE: return (reason: "the system has no file descriptor left", remedy: "raise fs.file-max with sysctl")
        case ENOMEM: return (reason: "the kernel has no memory for it", remedy: "end other programs and try again")
        case EAGAIN where operation.hasPrefix("clone"):
            return (
                reason: "the limit of processes is reached", remedy: "raise it with 'ulimit -u', or end other programs"
            )
        case EPERM where operation.hasPrefix("unshare") || operation.hasPrefix("clone"):
            return (
                reason: "this kernel does not let ordinary users make user namespaces",
                remedy: "as root: 'sysctl kernel.unprivileged_userns_clone=1' (Debian) or "
                    + "'sysctl kernel.apparmor_restrict_unprivileged_userns=0' (Ubuntu)"
            )
        case EINVAL where operation.hasPrefix("mount overlay"):
            return (
                reason:
                    "the kernel refuses these directories as an overlay: the upper directory may be on a file system "
                    + "that cannot carry one (another overlay, NFS)",
                remedy: "put DRYDOCK_HOME on a local disk file system (ext4, xfs, btrfs, tmpfs)"
            )
        case ENODEV where operation.hasPrefix("mount"):
            return (reason: "this kernel has no such file system", remedy: "load its module with modprobe as root")
        case EROFS: return (reason: "the file system is read-only", remedy: nil)
        default: return nil
        }
    }
}
