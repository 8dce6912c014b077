import Diagnostics
import Glibc
import SystemPackage

/// Runs a program of the distribution (`dpkg-query`, `apt-get`, `gzip`, `mmdebstrap`) and waits for it.
struct HostCommand {
    /// How a program ended and what it said.
    struct Outcome {
        /// The exit status; 128 + the number of the signal where one killed it.
        var status: Int32
        var output: [UInt8]
        var errors: String
        var text: String { String(decoding: output, as: UTF8.self) }
    }

    var arguments: [String]
    var input: FilePath?
    var output: FilePath?
    var directory: FilePath?
    var environment: [String: String] = [:]

    init(_ arguments: String..., input: FilePath? = nil, output: FilePath? = nil, directory: FilePath? = nil) {
        self.arguments = arguments
        self.input = input
        self.output = output
        self.directory = directory
    }

    /// The program of that name, or at that path, or nil.
    static func find(_ name: String) -> FilePath? {
        if name.contains("/") { return access(name, X_OK) == 0 ? FilePath(name) : nil }
        let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
        for directory in path.split(separator: ":").map(String.init) + ["/usr/sbin", "/sbin", "/usr/bin", "/bin"] {
            let file = directory + "/" + name
            if access(file, X_OK) == 0 { return FilePath(file) }
        }
        return nil
    }

    /// Runs the program.
    /// - Throws: code `.unsupported` where the program is missing, `.system` where it cannot be started.
    func run() throws(DrydockError) -> Outcome {
        guard let name = arguments.first, let found = Self.find(name) else {
            throw DrydockError(
                .unsupported, "\(arguments.first ?? ""): not found", remedy: "apt-get install \(arguments.first ?? "")")
        }
        // A program that works in another directory is started through env(1), which changes to it.
        let program = directory == nil ? found : Self.find("env") ?? found
        let prefix = directory.map { ["env", "-C", $0.string] } ?? []
        let captured = (output: try Self.scratch(), errors: try Self.scratch())
        defer {
            close(captured.output)
            close(captured.errors)
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, input?.string ?? "/dev/null", O_RDONLY, 0)
        if let output {
            posix_spawn_file_actions_addopen(&actions, 1, output.string, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        } else {
            posix_spawn_file_actions_adddup2(&actions, captured.output, 1)
        }
        posix_spawn_file_actions_adddup2(&actions, captured.errors, 2)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))

        var child: pid_t = 0
        let error = Self.withPointers(prefix + arguments) { arguments in
            Self.withPointers(mergedEnvironment()) { environment in
                posix_spawn(&child, program.string, &actions, &attributes, arguments, environment)
            }
        }
        guard error == 0 else {
            throw DrydockError(.system, "\(name): \(Errno(rawValue: error).description)", errno: error)
        }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0 && errno == EINTR {}
        let signal = status & 0x7f
        return Outcome(
            status: signal == 0 ? (status >> 8) & 0xff : 128 + signal, output: Self.contents(captured.output),
            errors: String(decoding: Self.contents(captured.errors), as: UTF8.self))
    }

    /// Runs the program, which has to succeed.
    /// - Throws: as `run()`, and `.unavailable` with the program's last line where it fails.
    @discardableResult func check(remedy: String? = nil) throws(DrydockError) -> Outcome {
        let outcome = try run()
        guard outcome.status == 0 else {
            throw DrydockError(
                .unavailable, "\(arguments.joined(separator: " ")) failed (status \(outcome.status))",
                reason: outcome.errors.split(separator: "\n").last.map(String.init), remedy: remedy)
        }
        return outcome
    }

    private func mergedEnvironment() -> [String] {
        var merged: [String: String] = [:]
        var entry = environ
        while let text = entry.pointee.map({ String(cString: $0) }) {
            if let sign = text.firstIndex(of: "=") {
                merged[String(text[..<sign])] = String(text[text.index(after: sign)...])
            }
            entry += 1
        }
        merged["LC_ALL"] = "C"
        merged["DEBIAN_FRONTEND"] = "noninteractive"
        merged.merge(environment) { _, new in new }
        return merged.map { "\($0.key)=\($0.value)" }.sorted()
    }

    private static func withPointers<Result>(
        _ texts: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
    ) -> Result {
        let pointers = texts.map { strdup($0) } + [nil]
        defer { pointers.forEach { free($0) } }
        return body(pointers)
    }

    /// A file without a name for what a program says: nobody has to read while it runs.
    private static func scratch() throws(DrydockError) -> Int32 {
        var template = Array("/tmp/drydock-XXXXXX\0".utf8.map { CChar(bitPattern: $0) })
        let descriptor = mkstemp(&template)
        guard descriptor >= 0 else {
            throw DrydockError(.system, "mkstemp /tmp: \(Errno(rawValue: errno).description)", errno: errno)
        }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        unlink(template)
        return descriptor
    }

    private static func contents(_ descriptor: Int32) -> [UInt8] {
        let size = Int(lseek(descriptor, 0, SEEK_END))
        guard size > 0 else { return [] }
        return [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            count = max(0, pread(descriptor, buffer.baseAddress, size, 0))
        }
    }
}
