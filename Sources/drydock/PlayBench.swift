import Diagnostics
import Dispatch
import Engine
import Glibc
import Lessons
import Linux
import SystemPackage
import Tutor

/// Where exercises are played: a temporary directory for the homes, each with a copy of the practice hub.
struct PlayBench: Sendable {
    let player: PromptPlayer
    private let root: FilePath
    /// As long as this is open, whoever tests is there.
    private let presence: OwnedDescriptor

    /// Prepares the practice hub of this home, which is quick where that was done before.
    init(content: FilePath) async throws(DrydockError) {
        let places = Places()
        let hub = LocalHub(places: places, data: places.home.hub)
        try await hub.prepareWithProgress(askingUpstream: false)
        let temporary = FilePath(places.environment["TMPDIR"].flatMap { $0.hasPrefix("/") ? $0 : nil } ?? "/tmp")
        root = temporary.appending("drydock-test-\(getpid())")
        try Files.makeDirectories(root, mode: 0o700)
        presence = try Self.guarded(root, by: places.executable)
        let environment = Self.environment(places.environment, content: content)
        player = PromptPlayer(
            root: root,
            surroundings: PromptPlayer.Surroundings(
                executable: places.executable, environment: environment,
                fill: { (home) throws(DrydockError) in try hub.copy(to: home) },
                observe: { (home) throws(DrydockError) in
                    let own = Places(places, home: home, environment: environment)
                    return EngineObservation(try Composition(places: own).engine(), patience: .seconds(10))
                }))
    }

    func remove() {
        try? Files.removeTree(root)
        presence.close()
    }

    /// Starts a process that removes what was played, with its containers and hubs, when this one has ended, however it
    /// did.
    private static func guarded(_ root: FilePath, by program: FilePath) throws(DrydockError) -> OwnedDescriptor {
        let (here, there) = try UnixSocket.pair()
        let script = """
            trap '' HUP INT TERM
            read -r end
            for home in "$1"/*; do [ -d "$home" ] && DRYDOCK_HOME=$home "$2" system erase --force; done
            rm -rf "$1"
            """
        _ = try ChildProcess.spawn(
            "/bin/sh", ["sh", "-c", script, "sh", root.string, program.string], descriptors: [0: there.number],
            detached: true, directory: "/")
        return here
    }

    /// The same for everybody: nothing of the author's own settings, and no registry but the practice hub.
    private static func environment(_ own: [String: String], content: FilePath) -> [String: String] {
        var environment = [
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM": "xterm", "NO_COLOR": "1",
            "LANG": "C.UTF-8", "SHELL": "/bin/sh", "USER": "learner", "DRYDOCK_UPSTREAM": "none",
            "DRYDOCK_CONTENT": content.string,
        ]
        for name in ["HOME", "TMPDIR", "XDG_RUNTIME_DIR"] { environment[name] = own[name] }
        return environment
    }
}

/// Tells of Ctrl-C and SIGTERM instead of ending the process.
final class Interruptions {
    private let sources: [any DispatchSourceSignal]

    init(_ tell: @escaping @Sendable () -> Void) {
        sources = [SIGINT, SIGTERM, SIGHUP].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler(handler: tell)
            source.resume()
            return source
        }
    }

    /// The signals end the process again.
    func end() {
        for source in sources { source.cancel() }
        for number in [SIGINT, SIGTERM, SIGHUP] { signal(number, SIG_DFL) }
    }
}
