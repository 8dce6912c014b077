import Diagnostics
import Engine
import Linux
import OCI
import SystemPackage

/// An engine whose images are the files in a directory, so that a script can stand in for the docker command.
final class FakeEngine: EngineOperations {
    private let directory: FilePath
    init(_ directory: FilePath) { self.directory = directory }

    private func none<Value>() throws(DrydockError) -> Value { throw DrydockError(.unsupported, "not in this test") }

    private func refuse() throws(DrydockError) { throw DrydockError(.unsupported, "not in this test") }

    func images(all: Bool, matching filters: Filters) throws(DrydockError) -> [ImageSummary] {
        let names = Files.exists(directory) ? try Files.names(in: directory) : []
        return names.sorted().map { name in
            ImageSummary(
                id: Digest.sha256(name.utf8), repository: name, tag: "latest", digest: nil, created: 0, size: 1_500_000)
        }
    }
    func inspectImage(_ name: String) throws(DrydockError) -> JSONValue {
        for image in try images(all: false, matching: [:]) {
            let repository = image.repository ?? ""
            guard [repository, repository + ":latest", image.id.description].contains(name) else { continue }
            let layer = JSONValue.string(Digest.sha256("base".utf8).description)
            return [
                "Id": .string(image.id.description), "RepoTags": [.string(repository + ":latest")],
                "RootFS": ["Type": "layers", "Layers": [layer]],
            ]
        }
        throw DrydockError(.notFound, "No such image: \(name)")
    }
    func history(_ name: String) throws(DrydockError) -> [HistoryLine] {
        [HistoryLine(id: nil, created: 0, createdBy: "/bin/sh", size: 1_500_000, comment: "", tags: [])]
    }
    func inspectContainer(_ name: String, size: Bool) throws(DrydockError) -> JSONValue {
        throw DrydockError(.notFound, "No such container: \(name)")
    }
    func containers(all: Bool, sizes: Bool, matching filters: Filters) throws(DrydockError) -> [ContainerSummary] { [] }
    func tag(_ source: String, as target: String) throws(DrydockError) { try refuse() }
    func removeImage(_ name: String, force: Bool, keepParents: Bool) throws(DrydockError) -> [RemovedImage] {
        try none()
    }
    func pruneImages(all: Bool, matching filters: Filters) throws(DrydockError) -> PruneReport<RemovedImage> {
        try none()
    }
    func pull(_ request: PullRequest, _ span: Span) async throws(DrydockError) -> [PullResult] { try none() }
    func push(_ reference: Reference, allTags: Bool, _ span: Span) async throws(DrydockError) -> [PushResult] {
        try none()
    }
    func search(_ term: String, limit: Int, matching filters: Filters) async throws(DrydockError) -> [SearchResult] {
        try none()
    }
    func login(server: String?, username: String, password: String) async throws(DrydockError) { try refuse() }
    func loggedIn(server: String?) throws(DrydockError) -> String? { nil }
    func logout(server: String?) async throws(DrydockError) -> Bool { false }
    func create(_ request: CreateRequest, _ span: Span) throws(DrydockError) -> CreatedContainer { try none() }
    func start(_ name: String, attach: AttachOptions?, _ span: Span) throws(DrydockError) -> Int32? { try none() }
    func attach(_ name: String, _ options: AttachOptions) throws(DrydockError) -> Int32? { try none() }
    func exec(_ request: ExecRequest, _ span: Span) throws(DrydockError) -> Int32 { try none() }
    func stop(_ name: String, timeout: Int?, signal: String?, _ span: Span) throws(DrydockError) { try refuse() }
    func kill(_ name: String, signal: String) throws(DrydockError) { try refuse() }
    func wait(_ name: String) throws(DrydockError) -> Int32 { try none() }
    func rename(_ name: String, to newName: String) throws(DrydockError) { try refuse() }
    func removeContainer(_ name: String, force: Bool, volumes: Bool) throws(DrydockError) { try refuse() }
    func pruneContainers(matching filters: Filters) throws(DrydockError) -> PruneReport<String> { try none() }
    func diff(_ name: String) throws(DrydockError) -> [FileChange] { try none() }
    func commit(_ request: CommitRequest, _ span: Span) throws(DrydockError) -> Digest { try none() }
    func logs(_ request: LogRequest, _ emit: (OutputStream, [UInt8]) -> Void) throws(DrydockError) { try refuse() }
    func info() throws(DrydockError) -> JSONValue { try none() }
    func version() -> JSONValue { .object([]) }
    func recover() throws(DrydockError) {}
    func layers(holding path: String, of object: String) throws(DrydockError) -> [PathVersion] { [] }
    func registryManifest(_ reference: Reference) async throws(DrydockError) -> RegistryManifest? { nil }
}
