public import Diagnostics
import Glibc
import ImageStore
import Linux
import OCI
import Runtime
import SystemPackage

extension Engine {
    /// See `EngineOperations`.
    public func removeContainer(_ name: String, force: Bool, volumes: Bool) throws(DrydockError) {
        try removeContainer(name, force: force, volumes: volumes, mayWait: false)
    }

    /// - Parameter mayWait: whether the files may be removed when the caller has told that the command has ended
    ///   (`putOffRemovals`). To everybody the container is gone when this returns.
    func removeContainer(_ name: String, force: Bool, volumes: Bool, mayWait: Bool) throws(DrydockError) {
        let (record, document) = try find(name)
        let claim = try claim(record, force: force)
        let isPutOff = mayWait && putOff.isOn
        do throws(DrydockError) {
            // Somebody else's removal may have come first.
            guard (try? store.container(record.id)) != nil else { throw ContainerRuntime.noSuchContainer(name) }
            if !isPutOff { keep(record, document) }
            // The row goes first: what a kill between the two leaves is removed with the next container.
            let unfinished = try store.remove(container: record.id, durably: !document.autoRemove) { id in
                runtime.isGone(id)
            }
            CrashPoint.reach()
            if document.driver == .fuse { releaseRoot(record.id) }
            let files = { @Sendable [self] () throws(DrydockError) in
                defer { claim.release() }
                if isPutOff { keep(record, document) }
                for id in unfinished { try? runtime.finishRemoval(id) }
                try runtime.remove(claim)
                if volumes { try removeVolumes(of: document) }
            }
            if isPutOff { putOff.add(files) } else { try files() }
        } catch {
            claim.release()
            throw error
        }
        self.record("destroy", record, document)
    }

    /// Remembers what a container was, for who asks what happened (`explain last`, lessons).
    private func keep(_ record: ContainerRecord, _ document: ContainerDocument) {
        guard let last = try? inspect(record, document, size: false) else { return }
        RemovedContainers(directory: home.path.appending("removed")).keep(last)
    }

    private func removeVolumes(of document: ContainerDocument) throws(DrydockError) {
        for mount in document.mounts where mount.isVolume && !mount.isNamed {
            guard let name = mount.name else { continue }
            try Files.removeTree(home.path.appending("volumes").appending(name))
        }
    }

    /// Takes a container for its removal, so that no start that is just going on can come between. One that runs is ended
    /// first where that was asked for.
    private func claim(_ record: ContainerRecord, force: Bool) throws(DrydockError) -> ContainerClaim {
        var patience = Patience()
        for _ in 0..<15_000 {
            let state: ContainerState
            do throws(DrydockError) {
                state = try runtime.state(record.id)
                // One that runs without a monitor could be claimed; it must end first.
                if !state.isRunning, let claim = try runtime.claim(record.id) { return claim }
            } catch  where error.code == .notFound {
                // The directory has gone (or was never made whole): only the record is left.
                try Files.makeDirectories(runtime.directory(record.id))
                continue
            }
            if state.isRunning {
                guard force else { throw Self.stillRuns(record, state) }
                self.record("kill", record, try document(of: record), ["signal": "9"])
                try runtime.kill(record.id)
            }
            // It is just being started, or its monitor puts things away.
            patience.pause()
        }
        throw DrydockError(
            .unavailable, "cannot remove container \"\(record.name)\": another command works on it",
            remedy: "Try again in a moment.")
    }

    private static func stillRuns(_ record: ContainerRecord, _ state: ContainerState) -> DrydockError {
        let base = "cannot remove container \"\(record.name)\": container is "
        if state.running?.paused == true {
            return DrydockError(
                .conflict, base + "paused and must be unpaused first",
                remedy: "docker unpause \(record.name), or docker rm -f \(record.name)")
        }
        let word = state.running == nil ? "restarting" : "running"
        return DrydockError(
            .conflict, base + "\(word): stop the container before removing or force remove",
            remedy: "docker stop \(record.name), or docker rm -f \(record.name)")
    }

    /// See `EngineOperations`.
    public func removeLink(_ name: String) throws(DrydockError) {
        let (record, _) = try find(name)
        // Every name that finds a container here is its own: there are no links.
        _ = record
        throw DrydockError(
            .conflict, "Conflict, cannot remove the default link name of the container",
            reason: "containers are not linked here; networks replace links")
    }

    /// See `EngineOperations`.
    public func removedContainers() throws(DrydockError) -> [JSONValue] {
        RemovedContainers(directory: home.path.appending("removed")).documents
    }

    /// See `EngineOperations`.
    public func pruneContainers(matching filters: Filters) throws(DrydockError) -> PruneReport<String> {
        let filter = try PruneFilter(filters)
        var report = PruneReport<String>(removed: [], reclaimed: 0)
        for record in try store.containers() {
            guard try !runtime.state(record.id).isRunning else { continue }
            let document = try document(of: record)
            guard filter.accepts(created: record.created / 1_000_000_000, labels: document.config.labels) else {
                continue
            }
            let size = DiskUsage.bytes(below: upper(record.id).string)
            do throws(DrydockError) {
                try removeContainer(record.id, force: false, volumes: false)
            } catch  where error.code == .notFound || error.code == .conflict {
                // It was removed or started meanwhile.
                continue
            }
            report.reclaimed += size
            report.removed.append(record.id)
        }
        eventLog.append(
            type: "container", action: "prune", id: "", attributes: ["reclaimed": String(report.reclaimed)])
        return report
    }
}

extension ContainerRuntime {
    static func noSuchContainer(_ name: String) -> DrydockError {
        DrydockError(
            .notFound, "No such container: \(name)", remedy: "docker container ls -a shows all containers.")
    }
}
