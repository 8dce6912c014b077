import Glibc
import Synchronization

/// While one lives, this process may open as many files as it is allowed at most (setrlimit(2)): the usual 1024 are too few
/// for the directories of an image of many layers. When the last has gone the limit is what it was, since programs inherit
/// it.
public final class DescriptorLimit {
    private static let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    private static let raised = Mutex<(users: Int, before: rlimit?)>((0, nil))

    /// Raises the limit, where it can be raised.
    public init() {
        Self.raised.withLock { raised in
            raised.users += 1
            var limit = rlimit()
            guard raised.users == 1, getrlimit(Self.resource, &limit) == 0, limit.rlim_cur < limit.rlim_max else {
                return
            }
            raised.before = limit
            limit.rlim_cur = limit.rlim_max
            setrlimit(Self.resource, &limit)
        }
    }

    deinit {
        Self.raised.withLock { raised in
            raised.users -= 1
            guard raised.users == 0, var limit = raised.before else { return }
            raised.before = nil
            setrlimit(Self.resource, &limit)
        }
    }
}
