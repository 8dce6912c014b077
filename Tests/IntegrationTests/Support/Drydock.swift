import Diagnostics
import Foundation
import Glibc
import Linux
import SystemPackage
import Testing

/// Whose rights a test uses.
enum Actor: String, CaseIterable, Sendable, CustomTestStringConvertible {
    /// Root of this machine.
    case root
    /// An ordinary user with id ranges in /etc/subuid.
    case user

    var testDescription: String { rawValue }

    /// Those that this test run can play: an ordinary user can only play himself.
    static var available: [Actor] { getuid() == 0 ? [.root, .user] : [.user] }
}

/// What a program printed and how it ended.
struct Outcome: Sendable {
    var status: Int32
    var output: String
    var errors: String
    var all: String { output + errors }
}

/// The release binary of this checkout, and the users and hub content that the tests share.
enum Bench {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().path

    /// The binary under test: `DRYDOCK_BINARY`, else the release build, else the debug build.
    static let binary: String = {
        if let named = ProcessInfo.processInfo.environment["DRYDOCK_BINARY"] { return named }
        let release = root + "/.build/release/drydock"
        return FileManager.default.isExecutableFile(atPath: release) ? release : root + "/.build/debug/drydock"
    }()

    /// The binary for an ordinary user, who may not be able to enter the checkout: then a copy, with its content.
    static func binary(_ actor: Actor) -> String { actor == .root ? binary : userBinary }

    private static let userBinary: String = {
        if run(prefix(.user) + ["test", "-x", binary]).status == 0,
            run(prefix(.user) + ["test", "-r", root + "/Exercises"]).status == 0
        {
            return binary
        }
        let copy = "/tmp/drydock-tests-binary"
        let folder = URL(filePath: binary).deletingLastPathComponent().path
        _ = run([
            "sh", "-c",
            """
            mkdir -p \(copy)/bin \(copy)/share/drydock && cp '\(folder)/drydock' '\(folder)/drydock-monitor' \(copy)/bin/ \
            && cp -R '\(root)/Lessons' '\(root)/Exercises' \(copy)/share/drydock/ && chmod -R a+rX \(copy)
            """,
        ])
        return copy + "/bin/drydock"
    }()

    static let testUser = "drydock-test"

    /// Makes the ordinary user that root's test runs play, once.
    static let prepareUser: Void = {
        guard getuid() == 0, getpwnam(testUser) == nil else { return }
        _ = run(["useradd", "--create-home", "--shell", "/bin/sh", testUser])
    }()

    /// The words that make a command run as an actor.
    static func prefix(_ actor: Actor) -> [String] {
        guard getuid() == 0, actor == .user else { return [] }
        _ = prepareUser
        return ["setpriv", "--reuid", testUser, "--regid", testUser, "--init-groups", "--reset-env"]
    }

    /// Runs a program to its end; a program that runs longer than `seconds` is killed, with what it started, and fails.
    ///
    /// Not by `Process`: that waits for everybody who inherited a socket of its own, so also for programs that are to
    /// outlive the one that started them.
    static func run(
        _ command: [String], environment: [String: String] = [:], input: String? = nil, seconds: Double = 300
    ) -> Outcome {
        let variables = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
        do {
            let files = [
                try MemoryFile.make("input", Array((input ?? "").utf8)), try MemoryFile.make("output", []),
                try MemoryFile.make("errors", []),
            ]
            let child = try ChildProcess.spawn(
                "setsid", ["setsid", "env"] + command, environment: variables.map { "\($0.key)=\($0.value)" },
                descriptors: [0: files[0].number, 1: files[1].number, 2: files[2].number], directory: "/")
            let deadline = Date(timeIntervalSinceNow: seconds)
            var word: Int32 = 0
            while waitpid(child.pid, &word, WNOHANG) == 0 {
                if Date() > deadline { kill(-child.pid, SIGKILL) }
                usleep(2000)
            }
            let texts = try files.map { String(decoding: try MemoryFile.content($0), as: UTF8.self) }
            let status = word & 0x7f == 0 ? (word >> 8) & 0xff : 128 + (word & 0x7f)
            return Outcome(status: status, output: texts[1], errors: texts[2])
        } catch {
            return Outcome(status: -1, output: "", errors: "\(error)")
        }
    }

    /// A prepared hub of each actor, made once and copied into each home.
    static func template(_ actor: Actor) throws -> String { try (actor == .root ? rootTemplate : userTemplate).get() }
    private static let rootTemplate = makeTemplate(.root)
    private static let userTemplate = makeTemplate(.user)

    private static func makeTemplate(_ actor: Actor) -> Result<String, DrydockError> {
        let path = "/tmp/drydock-tests-\(actor.rawValue)-\(getuid())"
        let made = run(prefix(actor) + ["mkdir", "-p", path])
        let prepared = run(
            prefix(actor) + ["env", "DRYDOCK_HOME=\(path)", "DRYDOCK_UPSTREAM=none", binary(actor), "hub", "prepare"])
        guard made.status == 0, prepared.status == 0 else {
            return .failure(DrydockError(.internal, "cannot prepare the hub: \(made.all)\(prepared.all)"))
        }
        return .success(path)
    }
}

/// A home of its own for one test, with a prepared hub, and its commands.
final class Drydock: Sendable {
    let actor: Actor
    let home: String

    /// - Parameter content: whether the hub has the course's images and packages.
    init(_ actor: Actor, content: Bool = true) throws {
        self.actor = actor
        home = "/tmp/drydock-home-\(UUID().uuidString.prefix(8).lowercased())"
        let prefix = Bench.prefix(actor)
        try #require(Bench.run(prefix + ["mkdir", "-p", home]).status == 0)
        if content {
            let template = try Bench.template(actor)
            let copied = Bench.run(prefix + ["cp", "-al", template + "/hub", home + "/hub"])
            try #require(copied.status == 0, "\(copied.all)")
            // The database is written in place, so it must not be shared; the address is each home's own.
            _ = Bench.run(
                prefix + [
                    "sh", "-c",
                    "cd '\(home)/hub' && rm -f address.json* *.lock && for f in *.sqlite*; do cp \"$f\" t && mv t \"$f\"; done",
                ])
        }
    }

    deinit {
        _ = Bench.run(Bench.prefix(actor) + ["sh", "-c", "pkill -f 'hub serve.*\(home)/hub' || true"])
        let prefix = actor == .user ? Bench.prefix(actor) : []
        let names = docker("ps", "-aq").output.split(separator: "\n").map(String.init)
        if !names.isEmpty { _ = docker(["rm", "-f"] + names) }
        _ = Bench.run(prefix + ["sh", "-c", "pkill -f 'hub serve.*\(home)/hub' || true"])
        if Bench.run(prefix + ["rm", "-rf", home]).status != 0 { _ = Bench.run(["rm", "-rf", home]) }
    }

    private var environment: [String] {
        [
            "DRYDOCK_HOME=\(home)", "DRYDOCK_UPSTREAM=none", "NO_COLOR=1", "TERM=dumb",
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ]
    }

    /// The words that run `drydock` with arguments in this home, with a storage driver where one is named.
    func command(_ arguments: [String], driver: String? = nil) -> [String] {
        let choice = driver.map { ["DRYDOCK_STORAGE_DRIVER=\($0)"] } ?? []
        return Bench.prefix(actor) + ["env"] + environment + choice + [Bench.binary(actor)] + arguments
    }

    @discardableResult
    func docker(_ arguments: [String], driver: String) -> Outcome {
        Bench.run(command(["docker"] + arguments, driver: driver))
    }

    @discardableResult
    func drydock(_ arguments: [String], input: String? = nil, seconds: Double = 300) -> Outcome {
        Bench.run(command(arguments), input: input, seconds: seconds)
    }

    @discardableResult
    func docker(_ arguments: String..., input: String? = nil) -> Outcome {
        drydock(["docker"] + arguments, input: input)
    }

    @discardableResult
    func docker(_ arguments: [String], input: String? = nil) -> Outcome {
        drydock(["docker"] + arguments, input: input)
    }
}
