import CLinux
import Diagnostics
import Glibc
import Linux

/// Runs the programs that a bundle wants run outside, each with the container's state on its standard input.
struct HookRunner {
    private let hooks: [JSONValue]
    private let state: [UInt8]

    init(_ operation: PlanOperation, _ pid: Int32) throws(DrydockError) {
        hooks = (try JSONValue(parsing: Array(operation.text(0).utf8))).array ?? []
        let json = try JSONValue(parsing: Array(operation.text(1).utf8))
        state = Array(json.setting("pid", .int(Int64(pid))).compact.utf8)
    }

    /// - Throws: the first that fails, with what it said; the container does not start then.
    func run() throws(DrydockError) {
        for hook in hooks {
            let path = hook["path"]?.string ?? ""
            let words = (hook["args"]?.array ?? []).compactMap(\.string)
            let input = try MemoryFile.make("state", state)
            let output = try MemoryFile.make("hook", [])
            let child: ChildProcess
            do throws(DrydockError) {
                child = try ChildProcess.spawn(
                    path, words.isEmpty ? [path] : words, environment: (hook["env"]?.array ?? []).compactMap(\.string),
                    descriptors: [0: input.number, 1: output.number, 2: output.number])
            } catch {
                let why = error.errno.map(SystemError.text) ?? error.message
                throw DrydockError(error.code, "error running hook \(path): \(why)", exitStatus: 1)
            }
            let status = try wait(child, seconds: hook["timeout"]?.int ?? 0, path)
            guard status == 0 else {
                let said = String(decoding: (try? MemoryFile.content(output)) ?? [], as: UTF8.self)
                throw DrydockError(
                    .system, "error running hook \(path): exit status \(status), stdout/stderr: \(said)",
                    remedy: "see what the hook needs", exitStatus: 1)
            }
        }
    }

    private func wait(_ child: ChildProcess, seconds: Int64, _ path: String) throws(DrydockError) -> Int32 {
        guard seconds > 0 else { return try child.wait() }
        let handle = try ProcessHandle(child.pid)
        var entry = pollfd(fd: handle.descriptor.number, events: Int16(POLLIN), revents: 0)
        if poll(&entry, 1, Int32(clamping: seconds * 1000)) == 1 { return try child.wait() }
        try? handle.signal(SIGKILL)
        _ = try? child.wait()
        throw DrydockError(.system, "error running hook \(path): it took more than \(seconds) s", exitStatus: 1)
    }
}
