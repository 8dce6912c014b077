import Diagnostics
import Dispatch
import Engine
import OCI

/// How blocking work is done.
public enum BlockingWork {
    /// Whether the tasks of this command run on a thread that may block, and that nothing else waits for: then another
    /// thread would only cost time.
    @TaskLocal public static var mayBlock = false
}

/// Does blocking work on a thread that may block.
func blocking<Value: Sendable>(
    _ body: @escaping @Sendable () throws(DrydockError) -> Value
) async throws(Failure) -> Value {
    if BlockingWork.mayBlock {
        do { return try body() } catch { throw .daemon(error) }
    }
    let result: Result<Value, DrydockError> = await withCheckedContinuation { continuation in
        DispatchQueue.global().async {
            do throws(DrydockError) {
                continuation.resume(returning: .success(try body()))
            } catch {
                continuation.resume(returning: .failure(error))
            }
        }
    }
    do { return try result.get() } catch { throw .daemon(error) }
}

extension CommandContext {
    /// The format of a list: that of `--format`, else the one that the client's configuration names for the list.
    func format(_ invocation: Invocation, _ key: String) -> String? {
        if let format = invocation.string("format"), !format.isEmpty { return format }
        let configured = invocation.bool("quiet") ? nil : clientConfig()[key]?.string
        return configured.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// The keys that leave a container whose input is taken: those of `--detach-keys`, else those of the client's
    /// configuration (`detachKeys`).
    func detachKeys(_ invocation: Invocation, input: Bool) -> String? {
        let given = invocation.string("detach-keys")
        return input && given?.isEmpty != false ? clientConfig()["detachKeys"]?.string : given
    }

    /// The filters of a prune: those that were given, and those of the client's configuration (`pruneFilters`) that
    /// they do not contradict.
    func pruneFilters(_ invocation: Invocation) -> Filters {
        var filters = invocation.filters
        let given = filters
        for text in (clientConfig()["pruneFilters"]?.array ?? []).compactMap(\.string) {
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2 else { continue }
            let opposite = ["label": "label!", "label!": "label"][parts[0]]
            if let opposite, given[opposite]?.contains(parts[1]) == true { continue }
            filters[parts[0], default: []].append(parts[1])
        }
        return filters
    }

    /// Opens the engine.
    func open() throws(Failure) -> any EngineOperations {
        do { return try engine() } catch { throw .client(error) }
    }

    /// How failures look here.
    var errorText: ErrorText {
        ErrorText(
            usesColour: terminal.usesColour && terminal.errorIsTerminal, advice: Advice(environment: environment),
            columns: terminal.errorIsTerminal ? terminal.width : nil)
    }

    /// Prints a failure.
    func report(_ failure: Failure) { errors.write(errorText.text(failure)) }

    /// Does the same for each of several names and goes on after a failure.
    ///
    /// - Parameters:
    ///   - force: `--force`: what does not exist is reported, but is no failure.
    ///   - atOnce: whether failures are printed as they happen; otherwise they follow what worked.
    /// - Returns: the names that failed.
    func forEach(
        _ names: [String], force: Bool = false, atOnce: Bool = false, _ body: (String) async throws(Failure) -> Void
    ) async -> [String] {
        var failed: [String] = []
        var failures: [Failure] = []
        defer { failures.forEach(report) }
        for name in names {
            do throws(Failure) {
                try await body(name)
            } catch {
                if atOnce { report(error) } else { failures.append(error) }
                if !force || error.error?.code != .notFound { failed.append(name) }
            }
        }
        return failed
    }

    /// Asks whether to go on.
    func confirm(_ warning: String) async -> Bool {
        let answer = await prompt.line(warning + "\nAre you sure you want to continue? [y/N] ")
        return trimmed(answer ?? "").lowercased() == "y"
    }

    /// An absolute path: the working directory in front of a relative one, without `.` and `..`.
    func absolute(_ path: String) -> String {
        var parts: [Substring] = []
        for part in ((path.hasPrefix("/") ? "" : workingDirectory + "/") + path).split(separator: "/") {
            if part == "." { continue }
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }

    /// The lines of a file of the host.
    func lines(of path: String) throws(Failure) -> [String] {
        let bytes = try client { () throws(DrydockError) in try readFile(absolute(path)) }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false).map {
            String($0.hasSuffix("\r") ? $0.dropLast() : $0)
        }
    }
}

extension Invocation {
    /// Reads an image's name; a bad one is the command line's own error.
    func reference(_ text: String) throws(Failure) -> Reference {
        try client { () throws(DrydockError) in try Reference(parsing: text) }
    }

    /// The platform of `--platform`.
    func platform() throws(Failure) -> Platform? {
        guard let text = string("platform"), !text.isEmpty else { return nil }
        return try client { () throws(DrydockError) in try Platform(parsing: text) }
    }
}
