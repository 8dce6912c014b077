import Diagnostics
import DockerCLI
import Engine
import Glibc
import Linux
import SystemPackage

/// `drydock standby`: the prompt starts it ahead, so that the next docker command finds a process that has done all that
/// does not depend on its words: entered the user namespace, opened the store, started a monitor.
///
/// It runs exactly one command, as `drydock docker` would, and ends. It holds no lock, does nothing while it waits, and ends
/// with the prompt. What it cannot answer for (the store was replaced, the directory is gone) it leaves undone.
enum StandbyCommand {
    static let name = "standby"

    static func run() -> Int32 {
        guard let channel = StandbyChannel() else {
            StandardStream.errors.write("drydock standby waits for a command of the prompt; the prompt starts it.\n")
            return 2
        }
        let places = Places()
        guard (try? UserNamespace.enter()) != nil, let engine = try? Composition(places: places).engine() else {
            return 1
        }
        let store = places.home.store.appending("store.sqlite").string
        let opened = try? FileAt.status(FileAt.workingDirectory, store)
        engine.putOffRemovals()
        engine.prepareStart()
        rehearse(engine, places)
        defer { engine.discardPreparation() }
        guard let request = channel.receive() else { return 0 }
        guard let opened, let now = try? FileAt.status(FileAt.workingDirectory, store), now.inode == opened.inode,
            now.device == opened.device, chdir(request.directory) == 0
        else { return 1 }
        channel.take(terminal: STDIN_FILENO)
        return MainThreadExecutor.run {
            await DockerMain.run(request.arguments, places: places, engine: engine) { status in
                channel.end(status)
                Background.stepAside()
            }
        }
    }

    /// Does what every command goes through, for nobody: lists the containers, and reads the words of a `run` that then
    /// finds no engine. The code is then in memory.
    private static func rehearse(_ engine: Engine, _ places: Places) {
        run(["container", "ls", "--last", "1"], places) { () throws(DrydockError) in engine }
        run(["run", "--rm", "--network", "none", "alpine", "true"], places) { () throws(DrydockError) in
            throw DrydockError(.unavailable, "a rehearsal")
        }
    }

    private static func run(
        _ arguments: [String], _ places: Places, _ engine: @escaping @Sendable () throws(DrydockError) -> Engine
    ) {
        let nowhere = OutputSink { _ in }
        let context = CommandContext(
            engine: engine, output: nowhere, errors: nowhere, terminal: TerminalTraits(), prompt: NoPrompt(),
            trace: Trace(), environment: places.environment, workingDirectory: "/", now: { 0 },
            readFile: { _ throws(DrydockError) in [] })
        _ = MainThreadExecutor.run { await DockerCommand.run(arguments: arguments, context: context) }
    }
}
