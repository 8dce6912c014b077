import Diagnostics
import Engine
import Glibc
import SystemPackage

/// Where this program, its content and its state are.
struct Places: Sendable {
    let environment: [String: String]
    let home: Home
    let executable: FilePath

    init() {
        var environment: [String: String] = [:]
        var pointer = environ
        while let entry = pointer.pointee {
            let text = String(cString: entry)
            if let equals = text.firstIndex(of: "=") {
                environment[String(text[..<equals])] = String(text[text.index(after: equals)...])
            }
            pointer += 1
        }
        self.environment = environment
        var home = Home(environment: environment)
        if !home.path.isAbsolute { home = Home(Self.workingDirectory.pushing(home.path)) }
        self.home = home
        executable = Self.readLink("/proc/self/exe") ?? FilePath("/usr/local/bin/drydock")
    }

    /// The places of another home, with another environment, for the same program.
    init(_ other: Places, home: Home, environment: [String: String]) {
        self.environment = environment
        self.home = home
        executable = other.executable
    }

    static var workingDirectory: FilePath {
        guard let buffer = getcwd(nil, 0) else { return "/" }
        defer { free(buffer) }
        return FilePath(String(cString: buffer))
    }

    private static func readLink(_ path: String) -> FilePath? {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink(path, &buffer, buffer.count - 1)
        return count > 0 ? buffer.withUnsafeBufferPointer { $0.baseAddress.map { FilePath(String(cString: $0)) } } : nil
    }

    /// The directory that holds `Lessons` and `Exercises`: where `DRYDOCK_CONTENT` says, the checkout that the program
    /// was built in, or `share/drydock` below its prefix.
    func content() throws(DrydockError) -> FilePath {
        var candidates: [FilePath] = []
        if let named = environment["DRYDOCK_CONTENT"], !named.isEmpty { candidates.append(FilePath(named)) }
        let folder = executable.removingLastComponent()
        candidates.append(folder.removingLastComponent().appending("share/drydock"))
        var above = folder
        while above.removeLastComponent() {
            candidates.append(above)
        }
        for candidate in candidates where access(candidate.appending("Exercises").string, R_OK) == 0 {
            return candidate
        }
        throw DrydockError(
            .notFound, "cannot find the lessons and exercises",
            reason: "looked in " + candidates.prefix(3).map(\.string).joined(separator: ", "),
            remedy: "Set DRYDOCK_CONTENT to the directory that holds Lessons and Exercises.")
    }

    /// The language that the environment asks for: `fr` or `en`.
    var language: String {
        let named = ["LC_ALL", "LC_MESSAGES", "LANG"].compactMap { environment[$0] }.first { !$0.isEmpty } ?? ""
        return named.hasPrefix("fr") ? "fr" : "en"
    }

    /// The name of the user who runs this.
    var loginName: String {
        if let name = environment["SUDO_USER"] ?? environment["USER"] ?? environment["LOGNAME"], !name.isEmpty {
            return name
        }
        guard let entry = getpwuid(getuid()) else { return "learner" }
        return String(cString: entry.pointee.pw_name)
    }
}
