import Diagnostics
import ImageStore
import Linux
import Runtime
import SystemPackage

/// Containers whose monitor was killed; see docs/lifecycle.md.
extension Engine {
    /// What nobody can do for such a container.
    static func unattended(_ record: ContainerRecord, _ what: String) -> DrydockError {
        DrydockError(
            .unattended, "the monitor of container \(record.id) was killed: nobody can \(what)",
            reason: "the container itself goes on; docker stop, kill, pause, cp and top still reach it",
            remedy: "docker restart \(record.name) gives it a new monitor")
    }

    /// Whether a container was to remove itself when it ended, and nobody was there to do it. Its removal is started: who
    /// only looks may not have the rights that it takes.
    func removesItself(_ id: String, _ state: ContainerState) -> Bool {
        guard case .exited(let info) = state, info.lost, let (record, document) = try? find(id), document.autoRemove
        else { return false }
        let words = cleanupCommand(record.id)
        _ = try? ChildProcess.spawn(words[0], words, detached: true, directory: "/")
        return true
    }

    /// Whether a name has become free: its container was to remove itself, and nobody was there to do it.
    func freeName(_ name: String) -> Bool {
        guard let (record, document) = try? find(name) else { return false }
        removeUnattended(record, document)
        return (try? find(name)) == nil
    }

    /// Removes a container that a command has ended and that was to remove itself: its monitor cannot do it any more.
    func removeUnattended(_ record: ContainerRecord, _ document: ContainerDocument) {
        guard document.autoRemove, case .exited(let info)? = try? runtime.state(record.id), info.lost else { return }
        try? removeContainer(record.id, force: false, volumes: true)
    }

    /// What removes a container that has ended, as a program of its own.
    func cleanupCommand(_ id: String) -> [String] {
        [
            "/usr/bin/env", "DRYDOCK_HOME=\(home.path)", configuration.executable.string, "system", "cleanup", id,
        ]
    }
}
