import ArgumentParser
import Diagnostics
import Glibc
import Linux
import SystemPackage

// Nothing that starts a thread may come before `DockerMain.prepare`: entering a user namespace needs a process with
// a single one.
signal(SIGPIPE, SIG_IGN)
let words = CommandLine.arguments
let calledAsDocker = FilePath(words.first ?? "").lastComponent?.string == "docker"

if calledAsDocker || words.dropFirst().first == "docker" {
    let arguments = Array(words.dropFirst(calledAsDocker ? 1 : 2))
    let places = Places()
    do {
        try DockerMain.prepare(arguments, places: places)
    } catch {
        report(error)
        exit(125)
    }
    exit(MainThreadExecutor.run { await DockerMain.run(arguments, places: places) })
}
if FilePath(words.first ?? "").lastComponent?.string == "drydock-runtime" {
    exit(RuntimeMain.run(Array(words.dropFirst())))
}
if words.dropFirst().first == "runtime" { exit(RuntimeMain.run(Array(words.dropFirst(2)))) }
if words.dropFirst().first == StandbyCommand.name { exit(StandbyCommand.run()) }
if SystemCommand.Erase.isMeant(by: words) || SystemCommand.Check.isMeant(by: words)
    || SystemCommand.Start.isMeant(by: words) || BundleCommand.isMeant(by: words)
{
    do {
        try UserNamespace.enter()
    } catch {
        report(error)
        exit(1)
    }
}
exit(
    MainThreadExecutor.run {
        await DrydockCommand.main()
        return 0
    })
