import CLinux
import Diagnostics
import Glibc
import Linux
import SystemPackage

/// A process that carried out its plan and became the program.
struct StartedProcess {
    var handle: ProcessHandle
    /// The monitor's end of the terminal.
    var terminal: OwnedDescriptor?
    /// Where input is written.
    var input: OwnedDescriptor?
    /// Where output is read.
    var outputs: [(stream: Stream, descriptor: OwnedDescriptor)]
    /// When each operation began and was done, in nanoseconds of the monotonic clock.
    var times: [(begun: UInt64, done: UInt64)]
    /// Its mount namespace. Who keeps that spares the process the time in which the kernel takes its mounts apart.
    var mounts: OwnedDescriptor?
}

/// Why a plan was not carried out.
struct LaunchFailure: Error {
    /// The operation, -1 where it was none of them.
    var index = -1
    /// The number of the system error.
    var errno: Int32 = 0
    /// For exec: 1 not in PATH, 2 not there, 3 not executable, 4 refused by the kernel.
    var stage: Int32 = 0
    /// What the operation was about.
    var text = ""
    /// The error, where the monitor's side of an operation failed.
    var error: DrydockError?

    init(_ error: DrydockError, index: Int = -1) {
        self.index = index
        self.error = error
        errno = error.errno ?? 0
    }

    init(_ record: cl_record) {
        index = Int(record.index)
        errno = record.error
        stage = record.detail
        text = withUnsafeBytes(of: record.text) { area in
            String(decoding: area.prefix { $0 != 0 }, as: UTF8.self)
        }
    }

    /// What is sent to the client.
    var json: JSONValue {
        func optional(_ value: String?) -> JSONValue { value.map(JSONValue.string) ?? .null }
        return [
            "index": .int(Int64(index)), "errno": .int(Int64(errno)), "stage": .int(Int64(stage)),
            "text": .string(text), "code": optional(error?.code.rawValue), "message": optional(error?.message),
            "reason": optional(error?.reason), "remedy": optional(error?.remedy),
            "exitStatus": error.map { .int(Int64($0.exitStatus)) } ?? .null,
        ]
    }
}

/// Clones a process and serves it while it carries out a plan.
struct Launcher {
    let settings: MonitorSettings
    let parent: ParentOperations
    /// The container's process, for a plan that joins it; -1 without.
    let target: Int32
    /// What is done while the process begins, and again when another one has taken its place.
    private let meanwhile: (Int32) throws(DrydockError) -> Void
    private let fault = PlanFault()

    init(
        settings: MonitorSettings, parent: ParentOperations, target: Int32,
        meanwhile: @escaping (Int32) throws(DrydockError) -> Void = { (_: Int32) throws(DrydockError) in }
    ) {
        self.settings = settings
        self.parent = parent
        self.target = target
        self.meanwhile = meanwhile
    }

    /// - Parameter ahead: a process that waits for a plan like this one.
    func launch(_ plan: [UInt8], in ahead: ChildAhead? = nil) throws(LaunchFailure) -> StartedProcess {
        if let ahead {
            if let started = try give(plan, to: ahead) { return started }
            ahead.end()
        }
        // Of the container's last start, or of a process that was ready in vain.
        if !settings.volatileMark.isEmpty { VolatileMark.clear(FilePath(settings.volatileMark)) }
        var streams: ProgramStreams
        var start: OwnedDescriptor?
        let birthplace: OwnedDescriptor?
        let channel: (own: OwnedDescriptor, child: OwnedDescriptor)
        do throws(DrydockError) {
            streams = try ProgramStreams(settings)
            channel = try UnixSocket.pair(messages: true)
            birthplace = try parent.birthplace(of: plan)
            if !settings.startSocket.isEmpty {
                start = try UnixSocket.listen(FilePath(settings.startSocket), messages: true)
            }
        } catch {
            throw LaunchFailure(error)
        }
        var plan = plan
        let count = plan.count
        guard count >= MemoryLayout<cl_plan>.size else {
            throw LaunchFailure(DrydockError(.corrupt, "a plan that is none"))
        }
        if fault != nil { PlanFault.makeStepwise(&plan) }
        var launch = launch(with: streams)
        launch.channel = channel.child.number
        launch.parent = channel.own.number
        launch.target = target
        launch.cgroup = birthplace?.number ?? -1
        launch.start = start?.number ?? -1
        var pidfd: Int32 = -1
        var pid = plan.withUnsafeMutableBytes { cl_start($0.baseAddress, &launch, &pidfd) }
        var born = birthplace != nil
        if pid < 0 && born {
            // The cgroup may be closed to this user; then the process is moved, or stays where it is.
            born = false
            launch.cgroup = -1
            pid = plan.withUnsafeMutableBytes { cl_start($0.baseAddress, &launch, &pidfd) }
        }
        guard pid > 0 else { throw LaunchFailure(.system("clone a process for the container", errno: errno)) }
        channel.child.close()
        let mounts = target < 0 ? try? OwnedDescriptor.open(FilePath("/proc/\(pid)/ns/mnt"), .readOnly) : nil
        let process = ProcessHandle(pid: pid, descriptor: pidfd)
        var started = try follow(process, channel.own, plan, born: born, &streams)
        started.mounts = mounts
        return started
    }

    /// Gives a plan to a process that was cloned ahead. Returns nil where that has died.
    private func give(_ plan: [UInt8], to ahead: ChildAhead) throws(LaunchFailure) -> StartedProcess? {
        var streams: ProgramStreams
        do throws(DrydockError) { streams = try ProgramStreams(settings) } catch { throw LaunchFailure(error) }
        var plan = plan
        if fault != nil { PlanFault.makeStepwise(&plan) }
        guard ahead.send(plan, launch(with: streams)) else { return nil }
        var started = try follow(ahead.process, ahead.channel, plan, born: ahead.born, &streams)
        started.mounts = ahead.mounts
        return started
    }

    private func launch(with streams: ProgramStreams) -> cl_launch {
        var launch = cl_launch()
        launch.input = streams.childInput.number
        launch.output = streams.childOutput.number
        launch.error = streams.childError.number
        launch.terminal = settings.terminal ? 1 : 0
        launch.preserve = settings.preserve
        (launch.rows, launch.columns) = (Int32(settings.rows), Int32(settings.columns))
        return launch
    }

    /// Serves a process until it has become the program.
    private func follow(
        _ process: ProcessHandle, _ channel: OwnedDescriptor, _ plan: [UInt8], born: Bool,
        _ streams: inout ProgramStreams
    ) throws(LaunchFailure) -> StartedProcess {
        streams.closeChildEnds()
        var first = process
        var times: [(begun: UInt64, done: UInt64)] = []
        do throws(LaunchFailure) {
            do throws(DrydockError) { try meanwhile(process.pid) } catch { throw LaunchFailure(error) }
            try serve(channel.number, plan, born, &first, &streams, &times)
        } catch {
            try? first.signal(SIGKILL)
            _ = first.exitStatus(block: true)
            throw error
        }
        return StartedProcess(
            handle: first, terminal: streams.terminal, input: streams.input, outputs: streams.outputs, times: times)
    }

    /// Answers the child until it has become the program.
    private func serve(
        _ channel: Int32, _ plan: [UInt8], _ born: Bool, _ process: inout ProcessHandle,
        _ streams: inout ProgramStreams,
        _ times: inout [(begun: UInt64, done: UInt64)]
    ) throws(LaunchFailure) {
        var own: [(index: Int, begun: UInt64, done: UInt64)] = []
        var message = cl_times()
        var heardTimes = false
        while true {
            var descriptor: Int32 = -1
            let count = withUnsafeMutableBytes(of: &message) {
                cl_receive(channel, $0.baseAddress, $0.count, &descriptor)
            }
            if count <= 0 {
                guard heardTimes else {
                    throw LaunchFailure(DrydockError(.system, "the container's process died before its program began"))
                }
                for entry in own where times.indices.contains(entry.index) {
                    times[entry.index] = (entry.begun, entry.done)
                }
                return
            }
            let record = message.head
            switch record.kind {
            case UInt32(CL_REC_PARENT):
                let begun = cl_now()
                do throws(DrydockError) {
                    try parent.perform(Int(record.index), of: plan, pid: process.pid, born: born)
                } catch {
                    throw LaunchFailure(error, index: Int(record.index))
                }
                own.append((Int(record.index), begun, cl_now()))
                answer(channel)
            case UInt32(CL_REC_STEP):
                fault?.reach(Int(record.index), child: process.pid)
                answer(channel)
            case UInt32(CL_REC_CONSOLE):
                let terminal = OwnedDescriptor(descriptor)
                guard !settings.consoleSocket.isEmpty else {
                    streams.adopt(terminal: terminal, settings)
                    continue
                }
                do throws(DrydockError) {
                    try UnixSocket.send(terminal.number, "/dev/ptmx", to: FilePath(settings.consoleSocket))
                } catch {
                    throw LaunchFailure(error, index: Int(record.index))
                }
            case UInt32(CL_REC_PID):
                do throws(DrydockError) {
                    let next = try ProcessHandle(record.detail)
                    _ = process.exitStatus(block: true)
                    process = next
                    try meanwhile(next.pid)
                } catch {
                    throw LaunchFailure(error, index: Int(record.index))
                }
            case UInt32(CL_REC_READY): return
            case UInt32(CL_REC_ERROR): throw LaunchFailure(record)
            case UInt32(CL_REC_TIMES):
                heardTimes = true
                withUnsafeBytes(of: message.times) { area in
                    for index in 0..<Int(record.detail) where (index + 1) * 16 <= area.count {
                        times.append(
                            (
                                area.loadUnaligned(fromByteOffset: index * 16, as: UInt64.self),
                                area.loadUnaligned(fromByteOffset: index * 16 + 8, as: UInt64.self)
                            ))
                    }
                }
            default: break
            }
        }
    }

    private func answer(_ channel: Int32) {
        var zero: Int32 = 0
        _ = cl_send(channel, &zero, 4)
    }
}

/// The pipes of a program before it has started, or its terminal.
struct ProgramStreams {
    let childInput: OwnedDescriptor
    let childOutput: OwnedDescriptor
    let childError: OwnedDescriptor
    var terminal: OwnedDescriptor?
    var input: OwnedDescriptor?
    var outputs: [(stream: Stream, descriptor: OwnedDescriptor)] = []

    init(_ settings: MonitorSettings) throws(DrydockError) {
        if settings.once, !settings.terminal {
            func copy(_ number: Int32) throws(DrydockError) -> OwnedDescriptor {
                let copied = fcntl(number, F_DUPFD_CLOEXEC, 3)
                guard copied >= 0 else { throw .system("dup \(number)", errno: errno) }
                return OwnedDescriptor(copied)
            }
            (childInput, childOutput, childError) = (try copy(0), try copy(1), try copy(2))
            return
        }
        let null = try OwnedDescriptor.open("/dev/null", .readWrite)
        guard !settings.terminal else {
            (childInput, childOutput, childError) = (null, null, null)
            return
        }
        if settings.openInput {
            let (read, write) = try pipe()
            childInput = read
            input = write
        } else {
            childInput = null
        }
        let (output, childOutput) = try pipe()
        let (error, childError) = try pipe()
        self.childOutput = childOutput
        self.childError = childError
        outputs = [(.output, output), (.error, error)]
    }

    func closeChildEnds() {
        childInput.close()
        childOutput.close()
        childError.close()
    }

    mutating func adopt(terminal: OwnedDescriptor, _ settings: MonitorSettings) {
        _ = cl_nonblocking(terminal.number)
        self.terminal = terminal
        input = terminal
        outputs = [(.output, terminal)]
    }
}

/// The two ends of a pipe: where it is read, where it is written.
func pipe() throws(DrydockError) -> (OwnedDescriptor, OwnedDescriptor) {
    var ends: [Int32] = [-1, -1]
    let result = cl_pipe(&ends, 0)
    guard result == 0 else { throw .system("pipe", errno: -result) }
    return (OwnedDescriptor(ends[0]), OwnedDescriptor(ends[1]))
}
