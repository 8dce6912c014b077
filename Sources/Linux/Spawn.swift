import CLinux
public import Diagnostics
import Glibc
public import SystemPackage

/// A program that was started and not yet waited for.
public struct ChildProcess: Sendable {
    /// The process.
    public let pid: Int32

    /// Names a child of this process.
    public init(pid: Int32) { self.pid = pid }

    /// Starts a program without copying this process (vfork). Of this process's descriptors it gets only those in
    /// `descriptors`; what is missing of 0, 1 and 2 is `/dev/null`.
    /// - Parameters:
    ///   - program: the file; a name without `/` is looked up in this process's PATH.
    ///   - arguments: all arguments, the program's name first.
    ///   - environment: the environment, or nil for this process's own.
    ///   - descriptors: for each number in the new process the descriptor of this one.
    ///   - detached: the program gets a session of its own and is not a child of this process: nothing waits for it.
    /// - Throws: the error of looking it up or of executing it.
    public static func spawn(
        _ program: String, _ arguments: [String], environment: [String]? = nil, descriptors: [Int32: Int32] = [:],
        detached: Bool = false, directory: FilePath? = nil
    ) throws(DrydockError) -> ChildProcess {
        guard let path = find(program) else { throw .system("exec \(program)", errno: ENOENT) }
        let null = try OwnedDescriptor.open("/dev/null", .readWrite)
        var wanted = descriptors
        for number: Int32 in 0...2 where wanted[number] == nil { wanted[number] = null.number }
        let pairs = wanted.sorted { $0.key < $1.key }.flatMap { [$0.value, $0.key] }
        let pid = withCStrings(arguments) { argv in
            func run(_ envp: UnsafePointer<UnsafeMutablePointer<CChar>?>?) -> Int32 {
                cl_spawn(path, argv, envp, pairs, Int32(pairs.count / 2), detached ? 1 : 0, directory?.string)
            }
            guard let environment else { return run(nil) }
            return withCStrings(environment) { run($0) }
        }
        guard pid > 0 else { throw .system("exec \(program)", errno: -pid) }
        return ChildProcess(pid: pid)
    }

    /// Makes this process the parent of processes below it that lose theirs, so that it can wait for them.
    public static func inheritOrphans() { _ = cl_become_subreaper() }

    /// Waits for the end. Returns the exit status, or 128 and the signal.
    public func wait() throws(DrydockError) -> Int32 {
        var status: Int32 = 0
        guard retrying({ waitpid(pid, &status, 0) }) == pid else { throw .system("wait", errno: errno) }
        return cl_wexitstatus(status)
    }

    /// What a finished program left.
    public struct Output: Sendable {
        /// The exit status, or 128 and the signal.
        public var status: Int32
        /// What it wrote to its standard output.
        public var output: [UInt8]
        /// What it wrote to its standard error.
        public var error: [UInt8]

        /// The standard output as text.
        public var text: String { String(decoding: output, as: UTF8.self) }
    }

    /// Runs a program to its end with `input`, and collects what it writes.
    public static func run(
        _ program: String, _ arguments: [String], environment: [String]? = nil, input: [UInt8] = [],
        directory: FilePath? = nil
    ) throws(DrydockError) -> Output {
        let source = try MemoryFile.make("input", input)
        let output = try MemoryFile.make("output", [])
        let error = try MemoryFile.make("error", [])
        let child = try spawn(
            program, arguments, environment: environment,
            descriptors: [0: source.number, 1: output.number, 2: error.number], directory: directory)
        let status = try child.wait()
        return Output(status: status, output: try MemoryFile.content(output), error: try MemoryFile.content(error))
    }

    /// Where a program is: the path itself when it contains `/`, otherwise the first match in PATH, nil when there is
    /// none. `/usr/sbin` and `/sbin` are searched too, for the tools that live there.
    public static func find(_ program: String) -> String? {
        if program.utf8.contains(UInt8(ascii: "/")) { return program }
        let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/local/bin:/usr/bin:/bin"
        for directory in (path + ":/usr/sbin:/sbin").split(separator: ":") {
            let candidate = "\(directory)/\(program)"
            if Files.isExecutable(FilePath(candidate)) { return candidate }
        }
        return nil
    }
}

/// Files that exist only in memory (memfd_create(2)).
public enum MemoryFile {
    /// A file with some content, positioned at its beginning.
    public static func make(_ name: String, _ content: [UInt8]) throws(DrydockError) -> OwnedDescriptor {
        let number = cl_memfd(name)
        guard number >= 0 else { throw .system("memfd_create", errno: -number) }
        let file = OwnedDescriptor(number)
        if !content.isEmpty {
            try Files.write(content, to: number)
            lseek(number, 0, SEEK_SET)
        }
        return file
    }

    /// All that is in a file of this kind.
    public static func content(_ file: OwnedDescriptor) throws(DrydockError) -> [UInt8] {
        try Files.read(FilePath("/proc/self/fd/\(file.number)"))
    }
}

/// Calls with a null-terminated table of C strings that lives as long as the call.
func withCStrings<Result>(
    _ strings: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
    let table = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: strings.count + 1)
    for (index, string) in strings.enumerated() { table[index] = strdup(string) }
    table[strings.count] = nil
    defer {
        for index in strings.indices { free(table[index]) }
        table.deallocate()
    }
    return body(table)
}
