extension LaunchPlan {
    /// How much of a plan can be done before the container is asked for.
    enum Foresight {
        /// Nothing.
        case none
        /// What is the same for every container of this kind: `/proc`, `/dev`, `/sys`, the loopback device.
        case system
        /// The root, too: it is made again for the next container if this one does not come.
        case root
    }

    /// For each operation, whether the monitor that stands by has it done ahead.
    var ahead: [Bool] {
        // From here on the container's own cgroup comes in.
        let end = operations.firstIndex { $0 == .await } ?? operations.count
        return operations.enumerated().map { index, operation in
            guard foresight != .none else { return false }
            let early = foresight == .root || index < end
            return switch operation {
            case .privateMounts, .loopback: true
            case .overlay, .bindMount, .unshare, .pivot: foresight == .root
            case .sysctl, .mask, .readOnly: early
            case .mountFileSystem(let mount): early && Self.isSystem(mount.target)
            case .deviceNode(let device, let fromHost): early && !fromHost && Self.isSystem(device.path)
            case .symlink(let path, _): early && Self.isSystem(path)
            default: false
            }
        }
    }

    /// Whether a path lies in a file system that is not the image's.
    static func isSystem(_ path: String) -> Bool {
        ["/proc", "/dev", "/sys"].contains { path == $0 || path.hasPrefix($0 + "/") }
    }
}
