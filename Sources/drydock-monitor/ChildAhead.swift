import CLinux
import Diagnostics
import Glibc
import Linux
import SystemPackage

/// A process in namespaces and a cgroup of its own that was cloned before its plan was known. Making those is most of what
/// the kernel has to do for a start; a container that gets this process does not wait for it.
final class ChildAhead {
    let process: ProcessHandle
    /// This side of the channel to it.
    let channel: OwnedDescriptor
    /// The cgroup in which it was born.
    let cgroup: ContainerCgroup?
    /// Whether it was born there.
    let born: Bool
    /// Its mount namespace.
    let mounts: OwnedDescriptor?
    private let expected: [UInt8]

    /// Clones a process for a plan like this one, and lets it do what does not depend on the container.
    /// - Parameter stage: a directory for its mounts that nobody else sees.
    /// - Throws: where that cannot be done; nothing is left behind then.
    init(for plan: [UInt8], stage: FilePath) throws(DrydockError) {
        guard plan.count >= MemoryLayout<cl_plan>.size else {
            throw DrydockError(.corrupt, "a plan that is none")
        }
        expected = plan
        let channel = try UnixSocket.pair(messages: true)
        cgroup = try ParentOperations.makeCgroup(for: plan)
        var launch = cl_launch()
        launch.channel = channel.1.number
        launch.parent = channel.0.number
        let birthplace = cgroup?.birthplace.flatMap { try? OwnedDescriptor.open($0, .readOnly) }
        launch.cgroup = birthplace?.number ?? -1
        var pidfd: Int32 = -1
        var plan = plan
        let pid = plan.withUnsafeMutableBytes { bytes in
            stage.withPlatformString { path in
                launch.stage = path
                return cl_start_ahead(bytes.baseAddress, &launch, &pidfd)
            }
        }
        guard pid > 0 else {
            let failure = DrydockError.system("clone a process ahead", errno: errno)
            cgroup?.remove()
            throw failure
        }
        process = ProcessHandle(pid: pid, descriptor: pidfd)
        self.channel = channel.0
        born = birthplace != nil
        mounts = try? OwnedDescriptor.open(FilePath("/proc/\(pid)/ns/mnt"), .readOnly)
    }

    /// Whether it is what this plan would clone, and has done nothing else.
    func suits(_ plan: [UInt8]) -> Bool {
        guard plan.count <= Int(CL_AHEAD_ROOM), Self.cloneFlags(plan) == Self.cloneFlags(expected),
            let own = PlanOperation.first(UInt32(CL_OP_CGROUP), of: plan),
            let wanted = PlanOperation.first(UInt32(CL_OP_CGROUP), of: expected), own.isSame(as: wanted)
        else { return false }
        return PlanOperation.ahead(in: plan).elementsEqual(PlanOperation.ahead(in: expected)) { $0.isSame(as: $1) }
    }

    /// Gives it its plan. Returns false where it has gone.
    func send(_ plan: [UInt8], _ launch: cl_launch) -> Bool {
        var launch = launch
        return cl_send_plan(channel.number, plan, plan.count, &launch) == 0
    }

    /// Ends it: nobody wants it.
    func abandon() {
        end()
        cgroup?.remove()
    }

    /// Ends it; its cgroup stays.
    func end() {
        try? process.signal(SIGKILL)
        _ = process.exitStatus(block: true)
    }

    private static func cloneFlags(_ plan: [UInt8]) -> UInt64 {
        plan.count < MemoryLayout<cl_plan>.size
            ? 0 : plan.withUnsafeBytes { $0.load(as: cl_plan.self).clone_flags }
    }
}

/// Notices that something was mounted or unmounted where this process lives: a namespace that was copied before does not
/// have it.
struct MountWatch {
    private let table: OwnedDescriptor

    init() throws(DrydockError) { table = try OwnedDescriptor.open("/proc/self/mountinfo", .readOnly) }

    /// What is polled for it (proc(5), `mountinfo`).
    var entry: pollfd { pollfd(fd: table.number, events: Int16(POLLPRI), revents: 0) }

    /// Whether anything has changed since this was asked, or since the beginning.
    var hasChanged: Bool {
        var entry = entry
        return poll(&entry, 1, 0) > 0 && entry.revents & Int16(POLLPRI | POLLERR) != 0
    }
}
