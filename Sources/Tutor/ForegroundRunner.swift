import Diagnostics
import DockerCLI
import Glibc
import Linux
import SystemPackage

/// Runs commands on the terminal of the session, each in the foreground while it runs.
///
/// A docker command is carried out by a process that was started ahead, where there is one that fits: it does what a
/// process of its own would, and is there already.
final class ForegroundRunner: CommandRunner {
    private let terminal: Int32?
    private var stopped: [ForegroundJob] = []
    private var standby: (process: StandbyProcess, request: JobRequest, program: ProgramFiles)?
    private var leaving: ForegroundJob?

    init() { terminal = isatty(0) == 1 && tcgetpgrp(0) == getpgrp() ? 0 : nil }

    deinit { for job in stopped { job.discard() } }

    func run(_ request: JobRequest, input: [String]) throws(DrydockError) -> JobEnd {
        if let terminal, let end = try runAhead(request, terminal) { return end }
        return finish(try ForegroundJob(request, terminal: terminal))
    }

    /// Lets the process that stands by carry a docker command out; nil where there is none that fits.
    private func runAhead(_ request: JobRequest, _ terminal: Int32) throws(DrydockError) -> JobEnd? {
        guard let (process, prepared, program) = standby, request.arguments.count >= 2,
            request.arguments[1] == "docker", let directory = request.directory
        else { return nil }
        let words = Array(request.arguments.dropFirst(2))
        guard request.arguments[0] == prepared.arguments[0], request.environment == prepared.environment,
            program == ProgramFiles(prepared.arguments[0])
        else {
            standby = nil
            return nil
        }
        // For an ordinary user it is in a user namespace, where only the commands that need one belong.
        guard geteuid() == 0 || DockerCommand.needs(words).identityMap else { return nil }
        standby = nil
        guard let job = process.begin(StandbyRequest(arguments: words, directory: directory), terminal: terminal) else {
            return nil
        }
        let end = job.wait()
        guard job.wasTaken else { return nil }
        if end == .stopped { stopped.append(job) } else { leaving = job }
        return end
    }

    func resume() -> JobEnd? {
        guard let job = stopped.popLast() else { return nil }
        let end = job.resume()
        if end == .stopped { stopped.append(job) } else { leaving = job }
        return end
    }

    func prepare(_ request: JobRequest) {
        guard terminal != nil else { return }
        if leaving?.settle(milliseconds: 0) == true { leaving = nil }
        if let standby, standby.request == request, standby.process.isAlive { return }
        standby = nil
        guard let program = request.arguments.first, let process = try? StandbyProcess(request) else { return }
        standby = (process, request, ProgramFiles(program))
    }

    func settle() {
        leaving?.settle(milliseconds: 2000)
        leaving = nil
    }

    private func finish(_ job: ForegroundJob) -> JobEnd {
        let end = job.wait()
        if end == .stopped { stopped.append(job) }
        return end
    }
}

/// Which files a program and its monitor are, so that one that was installed anew is noticed.
private struct ProgramFiles: Equatable {
    private let files: [FileStatus?]

    init(_ program: String) {
        let folder = FilePath(program).removingLastComponent()
        files = [program, folder.appending("drydock-monitor").string].map { path in
            var status = try? FileAt.status(FileAt.workingDirectory, path)
            status?.links = 0
            return status
        }
    }
}
