import Diagnostics
import Dispatch
import DockerCLI
import Engine
import Glibc
import Hub
import Linux
import SystemPackage

/// The practice hub of a home, for the engine and the tutor.
struct LocalHub: PracticeHub {
    let places: Places
    let data: FilePath

    func ensureRunning() throws(DrydockError) -> String {
        let program = [places.executable.string, "hub", "serve", "--on-demand", "--data", data.string]
        return try HubSupervisor.ensureRunning(data: data, program: program).url
    }

    func hasAccount(_ name: String) throws(DrydockError) -> Bool {
        try HubRegistry(data: data).accounts().contains { $0.name == name }
    }

    func createAccount(_ name: String, password: String) throws(DrydockError) {
        try HubRegistry(data: data).createAccount(name, password: password)
    }

    func lease() throws(DrydockError) -> any Sendable { try HubSupervisor.lease(data: data) }

    func prepare(_ span: Span) async throws(DrydockError) {
        _ = try content().prepare(span)
    }

    /// `drydock hub prepare`: says what it does, and that there was nothing to do.
    func prepareWithProgress() throws(DrydockError) {
        let report = try content().prepare(.none) { line in
            StandardStream.output.line(line)
        }
        for skipped in report.skipped { print("left out: \(skipped)") }
        if !report.made.isEmpty { print("The practice hub is ready: \(report.made.joined(separator: ", ")).") }
    }

    private func content() throws(DrydockError) -> PracticeHubContent {
        PracticeHubContent(directory: data, sink: try HubRegistry(data: data))
    }
}

/// Makes course images for the hub when they are first asked for.
struct LocalCourseImages: CourseImageProvider {
    let registry: HubRegistry
    let directory: FilePath

    func provide(repository: String, tag: String) async throws -> Bool {
        let content = PracticeHubContent(directory: directory, sink: registry)
        guard PracticeHubContent.offers(repository: repository, tag: tag) else { return false }
        return try await withCheckedThrowingContinuation { continuation in
            // Making an image runs programs and waits for them: not on the cooperative pool.
            DispatchQueue.global().async {
                continuation.resume(
                    with: Result { try content.makeImage(repository: repository, tag: tag, Span.none) })
            }
        }
    }
}
