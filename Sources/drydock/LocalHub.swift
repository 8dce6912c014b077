import Diagnostics
import DockerCLI
import Engine
import Hub
import Linux
import OCI
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
        _ = try content().prepare(span)
    }

    /// Makes a hub that offers the same, with no accounts, in another home.
    func copy(to home: Home) throws(DrydockError) {
        try HubRegistry(data: data).copy(to: home.hub)
    }

    /// Ends the hub's process, where there is one.
    func stop() throws(DrydockError) { try HubSupervisor.stop(data: data) }

    /// `drydock hub prepare`: says what it does, and that there was nothing to do.
    func prepareWithProgress() throws(DrydockError) {
        let report = try content().prepare(.none) { line in
            StandardStream.output.line(line)
        }
        for skipped in report.skipped { print("left out: \(skipped)") }
        if !report.made.isEmpty { print("The practice hub is ready: \(report.made.joined(separator: ", ")).") }
    }

    private func content() throws(DrydockError) -> PracticeHubContent {
        PracticeHubContent(registry: try HubRegistry(data: data))
    }
}
