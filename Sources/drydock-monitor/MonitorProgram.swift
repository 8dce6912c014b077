import CLinux
import Diagnostics
import Glibc
import Linux
import SystemPackage

/// The program: takes one container from the descriptor 3 and looks after it.
enum MonitorProgram {
    static func run() -> Int32 {
        for signal in [SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTTOU, SIGTTIN] { Glibc.signal(signal, SIG_IGN) }
        // Started with `--once N`, it only starts a process: its orders come from the descriptor N.
        let words = CommandLine.arguments
        let once = words.count == 3 && words[1] == "--once"
        let orders = once ? Int32(words[2]) ?? 3 : 3
        var status = stat()
        guard fstat(orders, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else {
            let text = "drydock-monitor looks after one container; drydock starts it.\n"
            try? Files.write(Array(text.utf8), to: 2)
            return 2
        }
        let socket = OwnedDescriptor(fcntl(orders, F_DUPFD_CLOEXEC, 10))
        Glibc.close(orders)
        // One that was started ahead (its container has no name yet) has the time.
        if words.count == 2, words[1].hasPrefix("----") {
            cl_populate_text()
            try? rehearse()
        }
        do {
            var standby = Standby(socket)
            guard let order = try standby.order() else { return 1 }
            if once { return SingleLaunch(order.settings, socket).run(order.plan) }
            let settings = order.settings
            showName(FilePath(settings.directory).lastComponent?.string ?? "")
            let size = settings.planSize > 0 ? min(settings.planSize, order.plan.count) : order.plan.count
            let plan = Array(order.plan[..<size])
            let check = Array(order.plan[size...])
            try Monitor(settings, plan: plan, check: check, ahead: order.ahead).run(
                client: socket, reader: order.reader)
            return 0
        } catch {
            return 1
        }
    }

    /// Does once, between its own two ends, what every container needs: what is used for the first time is slow.
    private static func rehearse() throws(DrydockError) {
        let loop = try EventLoop()
        let (own, other) = try UnixSocket.pair()
        let client = Client(own, loop)
        client.received = { client, frame in
            guard let json = try? JSONValue(parsing: frame.payload) else { return }
            client.send(Frame(.done, Array(MonitorSettings(json).json.compact.utf8)))
        }
        try Files.write(Frame(.attach, Array(MonitorSettings().json.compact.utf8)).bytes, to: other.number)
        loop.turn(milliseconds: 0)
        client.close()
        _ = ParentOperations(loop)
    }

    /// Shows the container among the arguments, for `ps`: one that was started ahead did not know it then.
    private static func showName(_ name: String) {
        guard CommandLine.argc > 1, let argument = CommandLine.unsafeArgv[1], strlen(argument) == name.utf8.count else {
            return
        }
        _ = name.withCString { memcpy(argument, $0, name.utf8.count) }
    }
}
