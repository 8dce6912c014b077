import Diagnostics
import DockerCLI
import Engine
import Hub
import Linux
import OCI
import RegistryClient
import SystemPackage

/// The practice hub of a home, for the engine and the tutor.
struct LocalHub: PracticeHub {
    let places: Places
    let data: FilePath

    func ensureRunning() throws(DrydockError) -> String {
        let program = [
            places.executable.string, "hub", "serve", "--data", data.string, "--ready-fd", "3", "--idle-exit", "1800",
        ]
        return try HubSupervisor.ensureRunning(data: data, program: program).url
    }

    func hasAccount(_ name: String) throws(DrydockError) -> Bool {
        try HubRegistry(data: data).accounts().contains { $0.name == name }
    }

    func createAccount(_ name: String, password: String) throws(DrydockError) {
        try HubRegistry(data: data).createAccount(name, password: password)
    }

    func removeTag(_ reference: String) throws(DrydockError) {
        let name = try Reference(parsing: reference)
        guard name.registry == Reference.defaultRegistry else { return }
        try HubRegistry(data: data).removeTag(name.tag ?? "latest", of: name.repository)
    }

    func lease() throws(DrydockError) -> any Sendable { try HubSupervisor.lease(data: data) }

    func prepare(_ span: Span) async throws(DrydockError) {
        let content = try content()
        if content.isPrepared { return }
        _ = try content.prepare(span, skipImages: await realOnes())
    }

    /// Makes a hub that offers the same, with no accounts, in another home.
    func copy(to home: Home) throws(DrydockError) {
        try HubRegistry(data: data).copy(to: home.hub)
    }

    /// Ends the hub's process, where there is one.
    func stop() throws(DrydockError) { try HubSupervisor.stop(data: data) }

    /// `drydock hub prepare`: says what it does, and nothing where there was nothing to do.
    /// - Parameter askingUpstream: whether the real Docker Hub's images are preferred where it can be reached.
    func prepareWithProgress(askingUpstream: Bool = true) async throws(DrydockError) {
        let content = try content()
        if content.isPrepared { return }
        let real = askingUpstream ? await realOnes() : []
        if !real.isEmpty { StandardStream.output.line("Docker Hub can be reached: its own images are used.") }
        let report = try content.prepare(.none, skipImages: real) { line in
            StandardStream.output.line(line)
        }
        for skipped in report.skipped { StandardStream.output.line("left out: \(skipped)") }
        guard !report.made.isEmpty else { return }
        let images = report.made.filter { !$0.hasPrefix("package ") }
        let packages = report.made.count - images.count
        let parts = (packages > 0 ? ["\(packages) packages"] : []) + images
        StandardStream.output.line("The practice hub is ready: \(parts.joined(separator: ", ")).")
    }

    /// The images that need not be made since the real Docker Hub has them and can be reached now: all or none.
    private func realOnes() async -> Set<String> {
        let upstream = places.environment["DRYDOCK_UPSTREAM"] ?? HubSettings(data: data).upstream ?? "none"
        guard upstream != "none", let probe = try? Reference(parsing: "alpine:latest") else { return [] }
        var settings = RegistrySettings(
            credentials: CredentialStore(file: places.home.dockerConfig), dockerHub: { () in upstream })
        settings.connectTimeout = .milliseconds(1500)
        settings.retry.attempts = 1
        let client = RegistryClient(settings)
        let answers = await withTaskGroup(of: Bool.self) { group in
            group.addTask { ((try? await client.head(probe)) ?? nil) != nil }
            group.addTask {
                try? await Task.sleep(for: .seconds(3))
                return false
            }
            defer { group.cancelAll() }
            return await group.next() ?? false
        }
        await client.shutdown()
        return answers ? PracticeHubContent.repositoriesAhead : []
    }

    private func content() throws(DrydockError) -> PracticeHubContent {
        PracticeHubContent(registry: try HubRegistry(data: data))
    }
}
