import CLinux
import Diagnostics
import Glibc
import Linux
import SystemPackage

/// Waits for the container, and has a process ready for it where that was asked for.
struct Standby {
    /// What the monitor is to do.
    struct Order {
        var settings: MonitorSettings
        var plan: [UInt8]
        /// A process that waits for a plan; perhaps not for this one.
        var ahead: ChildAhead?
        /// What else the client has sent already.
        var reader: FrameReader
    }

    private let socket: OwnedDescriptor
    private var reader = FrameReader()
    /// The plan for the like of which a process is ready.
    private var expected: (plan: [UInt8], stage: FilePath)?
    private var ahead: ChildAhead?
    private var mounts: MountWatch?

    /// How long nothing must have been mounted, in milliseconds, before a process is cloned again.
    private static let calm: Int32 = 200

    init(_ socket: OwnedDescriptor) { self.socket = socket }

    /// The order; nil when the client has gone without one.
    mutating func order() throws(DrydockError) -> Order? {
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            guard waitForWords() else { continue }
            let count = read(socket.number, &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else {
                ahead?.abandon()
                return nil
            }
            reader.add(buffer[..<count])
            while let frame = try reader.next() {
                let (json, plan) = try frame.settingsAndPlan()
                switch frame.kind {
                case .prepare:
                    expected = (plan, FilePath(MonitorSettings(json).directory))
                    prepare()
                case .launch:
                    if mounts?.hasChanged == true { forget() }
                    return Order(settings: MonitorSettings(json), plan: plan, ahead: ahead, reader: reader)
                default: return nil
                }
            }
        }
    }

    /// Waits until the client has said something. Returns false where something else was to be done.
    private mutating func waitForWords() -> Bool {
        guard expected != nil, let mounts else { return true }
        var entries = [pollfd(fd: socket.number, events: Int16(POLLIN), revents: 0), mounts.entry]
        let count = poll(&entries, 2, ahead == nil ? Self.calm : -1)
        if count > 0, entries[0].revents != 0 { return true }
        if count > 0 {
            forget()
        } else if count == 0 {
            prepare()
        }
        return false
    }

    /// Clones a process. Failing is not an error: the container is then started in the ordinary way.
    private mutating func prepare() {
        forget()
        guard let expected, let watch = try? MountWatch() else { return }
        mounts = watch
        ahead = try? ChildAhead(for: expected.plan, stage: expected.stage)
        if ahead == nil { self.expected = nil }
    }

    private mutating func forget() {
        ahead?.abandon()
        ahead = nil
    }
}
