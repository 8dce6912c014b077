import Diagnostics
import Glibc
import Linux
import SystemPackage

/// The program: takes one container from the descriptor 3 and looks after it.
enum MonitorProgram {
    static func run() -> Int32 {
        for signal in [SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTTOU, SIGTTIN] { Glibc.signal(signal, SIG_IGN) }
        var status = stat()
        guard fstat(3, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else {
            let text = "drydock-monitor looks after one container; drydock starts it.\n"
            try? Files.write(Array(text.utf8), to: 2)
            return 2
        }
        let socket = OwnedDescriptor(fcntl(3, F_DUPFD_CLOEXEC, 10))
        Glibc.close(3)
        var reader = FrameReader()
        var buffer = [UInt8](repeating: 0, count: 65536)
        do {
            while true {
                let count = read(socket.number, &buffer, buffer.count)
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else { return 1 }
                reader.add(buffer[..<count])
                guard let frame = try reader.next() else { continue }
                guard frame.kind == .launch else { return 1 }
                let (settings, plan) = try frame.settingsAndPlan()
                buffer = []
                try Monitor(MonitorSettings(settings)).run(plan: plan, client: socket, reader: reader)
                return 0
            }
        } catch {
            return 1
        }
    }
}
