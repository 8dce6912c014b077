import Diagnostics
import Dispatch
import Engine
import Glibc
import Synchronization

/// `docker cp`: Docker's table of what is copied where, with and without slashes at the ends.
enum CopyCommands {
    /// A side of a copy.
    private struct Place {
        var container: String
        var path: String

        /// `CONTAINER:PATH`, or a path of the host where it begins with `/` or `.`.
        init(_ text: String) {
            let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let isLocal = text.hasPrefix("/") || parts.count < 2 || parts[0].hasPrefix(".")
            container = isLocal ? "" : parts[0]
            path = isLocal ? text : parts[1]
        }
    }

    /// What is known of a source or a target.
    private struct Facts {
        var path: String
        var exists = false
        var isDirectory = false
        var newName = ""
    }

    static func copy(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        guard !invocation.arguments[0].isEmpty else { throw .message("source can not be empty") }
        guard !invocation.arguments[1].isEmpty else { throw .message("destination can not be empty") }
        let (source, target) = (Place(invocation.arguments[0]), Place(invocation.arguments[1]))
        switch (source.container.isEmpty, target.container.isEmpty) {
        case (false, true): try await fromContainer(source, target.path, invocation, context)
        case (true, false): try await toContainer(source.path, target, invocation, context)
        case (false, false): throw .message("copying between containers is not supported")
        case (true, true): throw .message("must specify at least one container source")
        }
        return 0
    }

    // MARK: Out of a container

    private static func fromContainer(
        _ source: Place, _ destination: String, _ invocation: Invocation, _ context: CommandContext
    ) async throws(Failure) {
        let engine = try context.open()
        let container = source.container
        var facts = Facts(path: source.path)
        let target = destination == "-" ? "-" : local(destination, context)
        if target != "-" { try checkOutput(target, destination) }
        if invocation.bool("follow-link") {
            let path = source.path
            let status = try? await blocking { () throws(DrydockError) in try engine.pathStatus(container, path) }
            if let status, !status.linkTarget.isEmpty {
                (facts.path, facts.newName) = CopyPath.rebased(source.path, status.linkTarget)
            }
        }
        let from = facts.path
        if target == "-" {
            guard !context.terminal.outputIsTerminal else {
                throw .message("cowardly refusing to write the archive to a terminal; redirect it or name a file")
            }
            let output = context.output
            return try await blocking { () throws(DrydockError) in
                try engine.archive(container, from, as: nil) { bytes in output.write(bytes: bytes) }
            }
        }
        let status = try await blocking { () throws(DrydockError) in try engine.pathStatus(container, from) }
        facts.exists = true
        facts.isDirectory = status.isDirectory
        let (directory, name) = try prepare(facts, try hostTarget(target))
        let newName = name ?? (facts.newName.isEmpty ? nil : facts.newName)
        let size = try await transfer(
            host: .consuming,
            { write throws(DrydockError) in try engine.archive(container, from, as: newName, write) },
            { read throws(DrydockError) in try HostArchive.unpack(into: directory, from: read) })
        report(size, to: destination, invocation, context)
    }

    /// What is at the end of a path of the host, after links.
    private static func hostTarget(_ path: String) throws(Failure) -> Facts {
        var facts = Facts(path: path)
        for _ in 0..<10 {
            let plain = CopyPath.clean(facts.path)
            guard let status = HostArchive.status(plain) else { break }
            guard !status.linkTarget.isEmpty else {
                facts.exists = true
                facts.isDirectory = status.isDirectory
                if path.hasSuffix("/"), !status.isDirectory { throw .message("lstat \(path): not a directory") }
                return facts
            }
            let link = status.linkTarget
            facts.path = link.hasPrefix("/") ? link : CopyPath.split(plain).directory + "/" + link
        }
        return facts
    }

    private static func checkOutput(_ path: String, _ given: String) throws(Failure) {
        let directory = CopyPath.split(CopyPath.clean(path)).directory
        let shown = CopyPath.split(CopyPath.clean(given)).directory
        guard HostArchive.status(directory) != nil else {
            throw .message("invalid output path: directory \(Units.quoted(shown)) does not exist")
        }
        guard let found = HostArchive.resolved(path).flatMap(HostArchive.status) else { return }
        guard found.isDirectory || found.isRegular else {
            throw .message(
                "invalid output path: \(Units.quoted(given)) must be a directory or a regular file: got a device")
        }
    }

    // MARK: Into a container

    private static func toContainer(
        _ path: String, _ target: Place, _ invocation: Invocation, _ context: CommandContext
    ) async throws(Failure) {
        let engine = try context.open()
        let container = target.container
        let chowns = invocation.bool("archive")
        // One that is not there says so before anything is read.
        _ = try await blocking { () throws(DrydockError) in try engine.pathStatus(container, "/") }
        let facts = try await containerTarget(target, engine)
        if path == "-" {
            guard facts.isDirectory else {
                throw .message("destination \"\(container):\(target.path)\" must be a directory")
            }
            return try await blocking { () throws(DrydockError) in
                try engine.extract(container, facts.path, from: STDIN_FILENO, chowns: chowns)
            }
        }
        let source = try hostSource(local(path, context), follows: invocation.bool("follow-link"))
        let (directory, name) = try prepare(source, facts)
        let (place, base) = CopyPath.split(source.path)
        let newName = name ?? (source.newName.isEmpty ? base : source.newName)
        let size = try await transfer(
            host: .producing,
            { write throws(DrydockError) in try HostArchive.pack(base, in: place, as: newName, write) },
            { read throws(DrydockError) in
                try engine.extract(container, directory, from: read, chowns: chowns)
            })
        report(size, to: "\(container):\(facts.path)", invocation, context)
    }

    private static func containerTarget(
        _ target: Place, _ engine: any EngineOperations
    ) async throws(Failure) -> Facts {
        let container = target.container
        func status(_ path: String) async -> PathStatus? {
            try? await blocking { () throws(DrydockError) in try engine.pathStatus(container, path) }
        }
        var facts = Facts(path: target.path)
        var found = await status(target.path)
        if let link = found?.linkTarget, !link.isEmpty {
            facts.path = link
            found = await status(link)
        }
        guard let found else { return facts }
        guard found.isDirectory || found.isRegular else {
            throw .message(
                "destination \"\(container):\(target.path)\" must be a directory or a regular file: got a device")
        }
        facts.exists = true
        facts.isDirectory = found.isDirectory
        return facts
    }

    private static func hostSource(_ path: String, follows: Bool) throws(Failure) -> Facts {
        func missing(_ call: String) -> Failure { .message("\(call) \(path): no such file or directory") }
        var facts = Facts(path: path, exists: true)
        if follows {
            guard let resolved = HostArchive.resolved(path) else { throw missing("lstat") }
            (facts.path, facts.newName) = CopyPath.rebased(path, resolved)
        } else if path.hasSuffix("/") || path.hasSuffix("/.") {
            guard let resolved = HostArchive.resolved(path) else {
                if HostArchive.status(CopyPath.clean(path)) != nil { throw .message("not a directory") }
                throw missing("lstat")
            }
            (facts.path, facts.newName) = CopyPath.rebased(path, resolved)
        }
        guard let status = HostArchive.status(CopyPath.clean(facts.path)) else { throw missing("lstat") }
        facts.isDirectory = status.isDirectory
        if path.hasSuffix("/"), !status.isDirectory { throw .message("lstat \(path): not a directory") }
        return facts
    }

    // MARK: Both ways

    /// Where an archive is unpacked, and the name that its content gets; nil where it keeps its own.
    private static func prepare(
        _ source: Facts, _ target: Facts
    ) throws(Failure) -> (directory: String, name: String?) {
        let (directory, base) = CopyPath.split(target.path)
        switch (target.exists, target.isDirectory, source.isDirectory) {
        case (true, true, _): return (target.path, nil)
        case (true, false, true): throw .message("cannot copy directory")
        case (true, false, false), (false, _, true): return (directory, base)
        case (false, _, false):
            if target.path.hasSuffix("/") || target.path.hasSuffix("/.") { throw .message("no such directory") }
            return (directory, base)
        }
    }

    /// An absolute path of the host, with the slash or the dot that was given at its end.
    private static func local(_ path: String, _ context: CommandContext) -> String {
        let whole = context.absolute(path)
        if path == "." || path.hasSuffix("/.") { return (whole == "/" ? "" : whole) + "/." }
        return path.hasSuffix("/") && whole != "/" ? whole + "/" : whole
    }

    private enum End { case producing, consuming }

    /// Joins one who writes an archive and one who reads it. Returns how many bytes went through.
    /// - Parameter host: which of them is the command itself, and not the engine.
    private static func transfer(
        host: End,
        _ produce: @escaping @Sendable (_ write: ([UInt8]) throws(DrydockError) -> Void) throws(DrydockError) -> Void,
        _ consume: @escaping @Sendable (_ read: Int32) throws(DrydockError) -> Void
    ) async throws(Failure) -> Int64 {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw .message("pipe: \(String(cString: strerror(errno)))") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let (reading, writing) = (ends[0], ends[1])
        async let produced: Result<Int64, Failure> = attempt { () throws(DrydockError) in
            defer { close(writing) }
            var size: Int64 = 0
            try produce { bytes throws(DrydockError) in
                size += Int64(bytes.count)
                try write(bytes, to: writing)
            }
            return size
        }
        async let consumed: Result<Int64, Failure> = attempt { () throws(DrydockError) in
            defer { close(reading) }
            try consume(reading)
            return 0
        }
        let (writer, reader) = await (produced, consumed)
        // One who reads and fails breaks the pipe of the one who writes.
        func words(_ failure: Failure, of end: End) -> Failure {
            if end == host, case .daemon(let error) = failure { .client(error) } else { failure }
        }
        if case .failure(let failure) = writer, failure.error?.errno != EPIPE {
            throw words(failure, of: .producing)
        }
        if case .failure(let failure) = reader { throw words(failure, of: .consuming) }
        do { return try writer.get() } catch { throw words(error, of: .producing) }
    }

    private static func attempt(
        _ body: @escaping @Sendable () throws(DrydockError) -> Int64
    ) async -> Result<Int64, Failure> {
        // Each end waits for the other one, so neither may hold the thread that the other one needs.
        await BlockingWork.$mayBlock.withValue(false) {
            do throws(Failure) { return .success(try await blocking(body)) } catch { return .failure(error) }
        }
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) throws(DrydockError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else {
                throw DrydockError(.system, "write |1: \(String(cString: strerror(errno)))", errno: errno)
            }
            rest = rest.dropFirst(count)
        }
    }

    private static func report(
        _ size: Int64, to place: String, _ invocation: Invocation, _ context: CommandContext
    ) {
        let quiet = invocation.isGiven("quiet") ? invocation.bool("quiet") : !context.terminal.outputIsTerminal
        if !quiet { context.errors.line("Successfully copied \(Units.size(size)) to \(place)") }
    }
}

/// Paths with what their ends mean.
enum CopyPath {
    /// A path without double slashes, `.`, `..` and slashes at its end.
    static func clean(_ path: String) -> String {
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part == "..", let last = parts.last, last != ".." {
                parts.removeLast()
            } else if part != ".." || !path.hasPrefix("/") {
                parts.append(part)
            }
        }
        let joined = parts.joined(separator: "/")
        return path.hasPrefix("/") ? "/" + joined : joined.isEmpty ? "." : joined
    }

    /// The directory of a path and the last part of it: `.` where the path ends with it.
    static func split(_ path: String) -> (directory: String, base: String) {
        let plain = clean(path)
        if path == "." || path.hasSuffix("/.") { return (plain, ".") }
        guard plain != "/" else { return ("/", "/") }
        guard let slash = plain.lastIndex(of: "/") else { return (".", plain) }
        let directory = String(plain[..<slash])
        return (directory.isEmpty ? "/" : directory, String(plain[plain.index(after: slash)...]))
    }

    /// A path that a link led to, with the end of the one that was given, and the name that the copy gets where it is
    /// another one.
    static func rebased(_ path: String, _ resolved: String) -> (path: String, name: String) {
        var resolved = resolved
        if path.hasSuffix("/."), !resolved.hasSuffix("/.") { resolved += "/." }
        if path.hasSuffix("/"), !resolved.hasSuffix("/") { resolved += "/" }
        let (old, new) = (split(path).base, split(resolved).base)
        return (resolved, old == new ? "" : old)
    }
}
