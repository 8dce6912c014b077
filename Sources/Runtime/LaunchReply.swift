import CLinux
import Diagnostics
import Glibc
import Linux

/// What the monitor says about a launch: that the program runs, or Docker's words for why it does not.
struct LaunchReply {
    /// Whose words an error has.
    enum Words {
        case run
        case exec
        /// `drydock runtime`: no daemon's words around it.
        case bundle
    }

    let pid: Int32
    /// The directories of its cgroups.
    let cgroups: [String]
    let network: NetworkInfo
    /// What the monitor could not do for the container.
    let notices: [String]
    private let times: [(begun: Int64, done: Int64)]

    init(
        _ connection: MonitorConnection, plan: LaunchPlan, arguments: [String], words: Words
    ) throws(DrydockError) {
        guard let frame = try connection.receive() else {
            throw DrydockError(
                .internal, "the container's monitor died before the container started",
                remedy: "see whether the machine has memory left, and try again", exitStatus: 125)
        }
        let json = try JSONValue(parsing: frame.payload)
        guard frame.kind == .started else { throw Self.failure(json, plan, arguments, words) }
        pid = Int32(truncatingIfNeeded: json["pid"]?.int ?? 0)
        cgroups = (json["cgroups"]?.array ?? []).compactMap(\.string)
        network = NetworkInfo(json["network"] ?? .null)
        notices =
            (json["network"]?["notice"]?.string).map {
                ["\($0): the container reaches the practice hub and nothing else"]
            } ?? []
        times = (json["times"]?.array ?? []).map { ($0.at("0")?.int ?? 0, $0.at("1")?.int ?? 0) }
    }

    /// Reports each operation with the time that it took.
    /// - Parameter asked: when the container was asked for, in nanoseconds of the monotonic clock: a monitor that stood
    ///   by may have done some of it before.
    func trace(_ plan: LaunchPlan, _ span: Span, asked: UInt64 = 0) {
        guard !span.name.isEmpty else { return }
        for (operation, time) in zip(plan.operations, times) where time.done >= time.begun {
            let inner = span.begin(operation.traceName, TraceFact("operation", .text(operation.description)))
            if time.done < asked, time.done > 0 { inner.fact("ahead", .text("yes")) }
            inner.end(TraceFact("took", .nanoseconds(UInt64(time.done - time.begun))))
        }
    }

    /// Each operation with the time that it took.
    func times(_ plan: LaunchPlan) -> [String] {
        zip(plan.operations, times).filter { $1.done >= $1.begun && $1.done > 0 }.map { operation, time in
            "\(operation.description): \((time.done - time.begun) / 1000) µs"
        }
    }

    static func failure(_ json: JSONValue, _ plan: LaunchPlan, _ arguments: [String], _ words: Words) -> DrydockError {
        let index = Int(json["index"]?.int ?? -1)
        let number = Int32(truncatingIfNeeded: json["errno"]?.int ?? 0)
        let stage = json["stage"]?.int ?? 0
        let text = json["text"]?.string ?? ""
        let operation = plan.operations.indices.contains(index) ? plan.operations[index] : nil
        if stage > 0 { return programFailure(Int(stage), number, text, words) }
        if let message = json["message"]?.string {
            let code = json["code"]?.string.map(DrydockError.Code.init(rawValue:)) ?? .system
            // It ended while it was being entered.
            if words == .exec, code == .conflict { return DrydockError(code, message) }
            return DrydockError(
                code, message,
                reason: json["reason"]?.string, remedy: json["remedy"]?.string, operation: operation?.description,
                errno: number == 0 ? nil : number,
                exitStatus: Int32(truncatingIfNeeded: max(125, json["exitStatus"]?.int ?? 125)))
        }
        let what = operation?.description ?? "start the container"
        // Docker's client looks for these words in what its daemon says, whatever they are about.
        let status: Int32 =
            switch (words, number) {
            case (.exec, _), (.run, EACCES), (.run, EISDIR): 126
            case (.run, ENOENT): 127
            default: 125
            }
        var error = DrydockError.system(what, errno: number).exiting(status)
        error.message = prefix(words) + "\(what): \(SystemError.text(number))" + ": unknown"
        if case .workingDirectory(let path, _) = operation {
            error.message =
                prefix(words)
                + "chdir to cwd (\"\(path)\") set in config.json failed: \(SystemError.text(number)): unknown"
            // What is not there is what 127 means, whether it is the program or its directory.
            if number == ENOENT { error = error.exiting(127) }
        }
        if case .hook(let hook, _) = operation, number >= hookFailed {
            error.message = prefix(words) + "error running hook \(hook.path): " + hookEnd(number - hookFailed)
            error.errno = nil
        }
        if case .mountFileSystem(let mount) = operation, number == ELOOP {
            error.message =
                prefix(words) + "\(what): filesystem \"\(mount.type)\" must be mounted on ordinary directory: unknown"
            error.reason = "\(mount.target) is a symbolic link in the image"
        }
        if case .identity(let user, _) = operation, number == EINVAL {
            error.reason = "user \(user.uid) or group \(user.gid) is not in the ranges that this user may use"
            error.remedy = "give this user a larger range in /etc/subuid and /etc/subgid"
        }
        return error
    }

    private static func hookEnd(_ status: Int32) -> String {
        guard status > 128, let text = strsignal(status - 128) else { return "exit status \(status)" }
        return "signal: \(String(cString: text).lowercased())"
    }

    private static let hookFailed = Int32(CL_HOOK_FAILED)

    private static func prefix(_ words: Words) -> String {
        switch words {
        case .run:
            "failed to create task for container: failed to create shim task: OCI runtime create failed: "
                + "runc create failed: unable to start container process: error during container init: "
        case .exec: "OCI runtime exec failed: exec failed: unable to start container process: "
        case .bundle: "unable to start container process: "
        }
    }

    private static func programFailure(_ stage: Int, _ number: Int32, _ name: String, _ words: Words) -> DrydockError {
        var detail = "exec: \"\(name)\": \(SystemError.text(number))"
        var reason: String?
        var remedy: String?
        var status: Int32 = number == ENOENT || number == ENOTDIR ? 127 : 126
        switch stage {
        case 1:
            detail = "exec: \"\(name)\": executable file not found in $PATH"
            reason = "none of the directories in the container's PATH has a program of that name"
            remedy = "check the spelling, or install the program in the image"
            status = 127
        case 2: detail = "exec: \"\(name)\": stat \(name): \(SystemError.text(number))"
        case 3 where number == EISDIR:
            detail = "exec: \"\(name)\": \(SystemError.text(EACCES))"
            reason = "it is a directory"
        case 3: remedy = "make it executable in the image (chmod +x)"
        default:
            detail = "exec \(name): \(SystemError.text(number))"
            switch number {
            case ENOENT:
                reason = "the file is there, but the interpreter or loader that it names is not in the image"
                remedy = "see its first line (#!…), or use a program that was built for this distribution"
            case ENOEXEC:
                detail = "exec \(name): exec format error"
                reason = "it is a program for another kind of processor, or a script without a first line (#!…)"
            default: break
            }
        }
        return DrydockError(
            number == ENOENT ? .notFound : .denied, prefix(words) + detail + ": unknown", reason: reason,
            remedy: remedy, operation: "exec \(name)", errno: number, exitStatus: status)
    }
}

extension NetworkInfo {
    /// Reads what the monitor wrote.
    init(_ json: JSONValue) {
        kind = json["kind"]?.string ?? "none"
        address = json["address"]?.string ?? ""
        prefix = Int(json["prefix"]?.int ?? 0)
        gateway = json["gateway"]?.string ?? ""
        hardwareAddress = json["hardwareAddress"]?.string ?? ""
        ports = (json["ports"]?.array ?? []).map { port in
            PublishedPort(
                hostAddress: port["hostAddress"]?.string ?? "0.0.0.0",
                hostPort: UInt16(truncatingIfNeeded: port["hostPort"]?.int ?? 0),
                containerPort: UInt16(truncatingIfNeeded: port["containerPort"]?.int ?? 0),
                transport: port["transport"]?.string == "udp" ? .udp : .tcp)
        }
    }
}
