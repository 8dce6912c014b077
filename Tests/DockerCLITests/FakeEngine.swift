import Diagnostics
import DockerCLI
import Engine
import OCI
import Synchronization

/// An engine that answers from values and writes down what it was asked.
final class FakeEngine: EngineOperations {
    struct State {
        var images: [ImageSummary] = []
        var containers: [ContainerSummary] = []
        var documents: [String: JSONValue] = [:]
        var missingImages: Set<String> = []
        var failures: [String: DrydockError] = [:]
        var calls: [String] = []
        var created: CreateRequest?
        var exec: ExecRequest?
        var commit: CommitRequest?
        var logs: LogRequest?
        var exitStatus: Int32 = 0
        var loggedIn: String?
        var refusal: DrydockError?
        var pruneFilters: Filters = [:]
    }

    let state = Mutex(State())
    static let digest = Digest.sha256("fake".utf8)

    init(_ prepare: (inout State) -> Void = { _ in }) { state.withLock { prepare(&$0) } }

    var calls: [String] { state.withLock { $0.calls } }

    private func note(_ call: String, about name: String = "") throws(DrydockError) {
        let failure = state.withLock { state in
            state.calls.append(name.isEmpty ? call : "\(call) \(name)")
            return state.failures["\(call) \(name)"] ?? state.failures[call]
        }
        if let failure { throw failure }
    }

    func images(all: Bool, matching filters: Filters) throws(DrydockError) -> [ImageSummary] {
        try note("images")
        return state.withLock { $0.images }
    }
    func inspectImage(_ name: String) throws(DrydockError) -> JSONValue {
        if let document = state.withLock({ $0.documents["image " + name] }) { return document }
        throw DrydockError(.notFound, "No such image: \(name)")
    }
    func history(_ name: String) throws(DrydockError) -> [HistoryLine] { [] }
    func tag(_ source: String, as target: String) throws(DrydockError) { try note("tag", about: "\(source) \(target)") }
    func removeImage(_ name: String, force: Bool, keepParents: Bool) throws(DrydockError) -> [RemovedImage] {
        try note("rmi", about: name)
        return [.untagged(name), .deleted(FakeEngine.digest)]
    }
    func pruneImages(all: Bool, matching filters: Filters) throws(DrydockError) -> PruneReport<RemovedImage> {
        try note("prune images")
        state.withLock { $0.pruneFilters = filters }
        return PruneReport(removed: [.untagged("x:1")], reclaimed: 1_982_298)
    }
    func pull(_ request: PullRequest, _ span: Span) async throws(DrydockError) -> [PullResult] {
        let reference = request.reference
        try note("pull", about: reference.description)
        let pull = span.begin(
            TransferEvents.pull, TraceFact("tag", .text(reference.tag ?? "")),
            TraceFact("repository", .text(reference.repository)))
        if let refused = state.withLock({ $0.refusal }) {
            pull.fail(refused)
            throw refused
        }
        let layer = pull.begin(TransferEvents.pullLayer, TraceFact("id", .text("0123456789ab")))
        layer.fact(TransferEvents.phase, .text(TransferEvents.Phase.downloading.rawValue))
        layer.progress(500_000, of: 1_000_000)
        layer.fact(TransferEvents.phase, .text(TransferEvents.Phase.downloaded.rawValue))
        layer.fact(TransferEvents.phase, .text(TransferEvents.Phase.complete.rawValue))
        layer.end()
        let known = pull.begin(TransferEvents.pullLayer, TraceFact("id", .text("ba9876543210")))
        known.fact(TransferEvents.phase, .text(TransferEvents.Phase.exists.rawValue))
        known.end()
        pull.end()
        state.withLock { _ = $0.missingImages.remove(reference.familiar) }
        return [PullResult(reference: reference, image: FakeEngine.digest, digest: FakeEngine.digest, isNew: true)]
    }
    func push(_ reference: Reference, allTags: Bool, _ span: Span) async throws(DrydockError) -> [PushResult] {
        try note("push", about: reference.description)
        let layer = span.begin(TransferEvents.pushLayer, TraceFact("id", .text("0123456789ab")))
        layer.fact(TransferEvents.phase, .text(TransferEvents.Phase.mounted.rawValue))
        layer.fact("from", .text("library/alpine"))
        layer.end()
        return [PushResult(reference: reference, digest: FakeEngine.digest, size: 739)]
    }
    func search(_ term: String, limit: Int, matching filters: Filters) async throws(DrydockError) -> [SearchResult] {
        [SearchResult(name: "alpine", description: "A small image", stars: 7, isOfficial: true)]
    }
    func login(server: String?, username: String, password: String) async throws(DrydockError) {
        try note("login", about: "\(server ?? "-") \(username) \(password)")
    }
    func plainCredentialFile(server: String?) throws(DrydockError) -> String? {
        server == nil ? nil : "/root/.docker/config.json"
    }
    func loggedIn(server: String?) throws(DrydockError) -> String? { state.withLock { $0.loggedIn } }
    func logout(server: String?) throws(DrydockError) -> Bool { true }
    func containers(all: Bool, sizes: Bool, matching filters: Filters) throws(DrydockError) -> [ContainerSummary] {
        try note("containers", about: "all=\(all) sizes=\(sizes)")
        return state.withLock { $0.containers }
    }
    func inspectContainer(_ name: String, size: Bool) throws(DrydockError) -> JSONValue {
        if let document = state.withLock({ $0.documents["container " + name] }) { return document }
        throw DrydockError(.notFound, "No such container: \(name)")
    }
    func create(_ request: CreateRequest, _ span: Span) throws(DrydockError) -> CreatedContainer {
        try note("create", about: request.image)
        let isMissing = state.withLock { state in
            state.created = request
            return state.missingImages.contains(request.image)
        }
        if isMissing { throw DrydockError(.notFound, "No such image: \(request.image)") }
        return CreatedContainer(id: String(repeating: "a", count: 64), name: request.name ?? "calm_crane")
    }
    func start(_ name: String, attach: AttachOptions?, _ span: Span) throws(DrydockError) -> Int32? {
        try note("start", about: String(name.prefix(12)))
        return attach == nil ? nil : state.withLock { $0.exitStatus }
    }
    func attach(_ name: String, _ options: AttachOptions) throws(DrydockError) -> Int32? { 0 }
    func exec(_ request: ExecRequest, _ span: Span) throws(DrydockError) -> Int32 {
        try note("exec")
        return state.withLock { state in
            state.exec = request
            return state.exitStatus
        }
    }
    func stop(_ name: String, timeout: Int?, signal: String?, _ span: Span) throws(DrydockError) {
        try note("stop", about: name)
    }
    func kill(_ name: String, signal: String) throws(DrydockError) { try note("kill", about: "\(name) \(signal)") }
    func wait(_ name: String) throws(DrydockError) -> Int32 { 3 }
    func rename(_ name: String, to newName: String) throws(DrydockError) { try note("rename") }
    func removeContainer(_ name: String, force: Bool, volumes: Bool) throws(DrydockError) {
        try note("rm", about: String(name.prefix(12)))
    }
    func pruneContainers(matching filters: Filters) throws(DrydockError) -> PruneReport<String> {
        try note("prune containers")
        return PruneReport(removed: ["abc"], reclaimed: 0)
    }
    func diff(_ name: String) throws(DrydockError) -> [FileChange] {
        [FileChange(kind: .changed, path: "/usr"), FileChange(kind: .added, path: "/usr/bin/node")]
    }
    func commit(_ request: CommitRequest, _ span: Span) throws(DrydockError) -> Digest {
        state.withLock { $0.commit = request }
        return FakeEngine.digest
    }
    func logs(_ request: LogRequest, _ emit: (OutputStream, [UInt8]) -> Void) throws(DrydockError) {
        state.withLock { $0.logs = request }
        emit(.stdout, Array("out\n".utf8))
        emit(.stderr, Array("err\n".utf8))
    }
    func info() throws(DrydockError) -> JSONValue {
        ["Containers": 1, "Driver": "overlay2", "MemTotal": 1_073_741_824]
    }
    func version() -> JSONValue {
        ["Client": ["Version": "28.2.2", "GitCommit": "abc", "Os": "linux", "Arch": "amd64"]]
    }
    func recover() throws(DrydockError) {}
    func layers(holding path: String, of object: String) throws(DrydockError) -> [PathVersion] { [] }
    func registryManifest(_ reference: Reference) async throws(DrydockError) -> RegistryManifest? { nil }
}

/// Answers questions from a list, and keeps the questions.
final class FakePrompt: PromptSource {
    private let state: Mutex<(answers: [String], questions: [String])>
    private let input: String

    init(_ answers: [String] = [], input: String = "") {
        state = Mutex((answers, []))
        self.input = input
    }

    var questions: [String] { state.withLock { $0.questions } }

    private func next(_ question: String) -> String? {
        state.withLock { state in
            state.questions.append(question)
            return state.answers.isEmpty ? nil : state.answers.removeFirst()
        }
    }
    func line(_ prompt: String) async -> String? { next(prompt) }
    func secret(_ prompt: String) async -> String? { next("secret " + prompt) }
    func rest() async -> [UInt8] { Array(input.utf8) }
}

/// Text that several threads may add to.
final class Collected: Sendable {
    private let bytes = Mutex<[UInt8]>([])
    var text: String { String(decoding: bytes.withLock { $0 }, as: UTF8.self) }
    var sink: OutputSink { OutputSink { [self] more in bytes.withLock { $0 += more } } }
}

/// What one command printed, and how it ended.
struct Outcome {
    var status: Int32
    var output: String
    var errors: String
}

/// Runs one command against an engine.
func docker(
    _ line: String..., engine: FakeEngine = FakeEngine(), prompt: FakePrompt = FakePrompt(),
    terminal: TerminalTraits = TerminalTraits(), environment: [String: String] = [:], files: [String: String] = [:]
) async -> Outcome {
    let words = line.count == 1 ? line[0].split(separator: " ").map(String.init) : line
    let (output, errors) = (Collected(), Collected())
    let context = CommandContext(
        engine: { engine }, output: output.sink, errors: errors.sink, terminal: terminal, prompt: prompt,
        trace: Trace(), environment: environment, workingDirectory: "/home/me", now: { 1_000_000 },
        readFile: { path throws(DrydockError) in
            guard let text = files[path] else {
                throw DrydockError(.notFound, "open \(path): no such file or directory")
            }
            return Array(text.utf8)
        })
    let status = await DockerCommand.run(arguments: words, context: context)
    return Outcome(status: status, output: output.text, errors: errors.text)
}
