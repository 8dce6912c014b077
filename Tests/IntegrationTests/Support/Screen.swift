import Diagnostics
import Glibc
import Linux
import SystemPackage
import Testing

/// A program on a terminal, which a test reads and types into.
final class Screen {
    let job: TerminalJob
    private var screen: [UInt8] = []
    private(set) var ended: JobEnd?

    init(_ job: TerminalJob) { self.job = job }

    convenience init(_ it: Drydock, _ arguments: [String], rows: UInt16 = 33, columns: UInt16 = 99) throws {
        self.init(
            try TerminalJob(
                JobRequest(
                    it.command(["docker"] + arguments), environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"],
                    directory: "/"), rows: rows, columns: columns))
    }

    func type(_ text: String) { job.type(Array(text.utf8)) }

    /// Waits until the screen shows a text after what was waited for before.
    func waitFor(_ text: String, _ location: SourceLocation = #_sourceLocation) -> Bool {
        let wanted = Array(text.utf8)
        let deadline = ContinuousClock.now + .seconds(90)
        while ContinuousClock.now < deadline {
            if let range = screen.firstRange(of: wanted) {
                screen.removeSubrange(..<range.upperBound)
                return true
            }
            if ended != nil { break }
            _ = take()
        }
        Issue.record("no “\(text)” in: \(String(decoding: screen, as: UTF8.self))", sourceLocation: location)
        return false
    }

    /// How the command ended; nil where it did not within its time.
    var end: JobEnd? {
        let deadline = ContinuousClock.now + .seconds(90)
        while ended == nil, ContinuousClock.now < deadline { _ = take() }
        return ended
    }

    /// Reads what comes within a tenth of a second; false where nothing does.
    func take() -> Bool {
        switch job.next(within: 100) {
        case .output(let bytes):
            screen += bytes
            return true
        case .quiet: return false
        case .ended(let end):
            ended = end
            return false
        }
    }
}

extension Drydock {
    /// A home with alpine:3.5 in it.
    static func withAlpine(_ actor: Actor) throws -> Drydock {
        let it = try Drydock(actor)
        try #require(it.docker("pull", "-q", "alpine:3.5").status == 0)
        return it
    }

    /// Whether so many directories of containers are there, and nothing else beside them; whoever puts things away may take
    /// a moment for it.
    func keeps(containers: Int, _ actor: Actor) -> Bool {
        eventually {
            let names = Bench.run(Bench.prefix(actor) + ["ls", "-A", home + "/containers"]).output
            return names.split(separator: "\n").count == containers
        }
    }

    /// Starts a container without a network and returns its id.
    @discardableResult
    func start(_ name: String, _ options: [String] = [], _ command: [String] = ["sleep", "600"]) throws -> String {
        let made = docker(["run", "-d", "--name", name, "--network", "none"] + options + ["alpine:3.5"] + command)
        try #require(made.status == 0, "\(made.all)")
        return String(made.output.prefix(64))
    }

    /// A value of `docker inspect`.
    func inspect(_ name: String, _ template: String) -> String {
        var text = docker("inspect", "-f", template, name).output
        if text.hasSuffix("\n") { text.removeLast() }
        return text
    }

    /// Waits until `docker inspect` says something; false where it did not within a minute.
    func waitFor(_ name: String, _ template: String, _ wanted: String) -> Bool {
        eventually { self.inspect(name, template) == wanted }
    }

    /// The process of a container's monitor.
    func monitor(of id: String) throws -> pid_t {
        let file = try Files.read(FilePath("\(home)/containers/\(id)/run.json"))
        let json = try JSONValue(parsing: file)
        return pid_t(try #require(json["monitor"]?.int))
    }
}

/// Waits until something holds; false where it did not within 90 seconds.
func eventually(_ holds: () -> Bool) -> Bool {
    let deadline = ContinuousClock.now + .seconds(90)
    while ContinuousClock.now < deadline {
        if holds() { return true }
        usleep(20_000)
    }
    return false
}
