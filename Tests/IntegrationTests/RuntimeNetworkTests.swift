import Foundation
import Glibc
import Testing

@Suite("How containers are connected", .serialized)
struct RuntimeNetworkTests {
    @Test("Without a network there is only the loopback device", arguments: Actor.available)
    func none(actor: Actor) throws {
        let it = try Drydock(actor)
        try #require(it.docker("pull", "-q", "alpine:3.5").status == 0)
        let devices = it.docker(
            "run", "--rm", "--network", "none", "alpine:3.5", "sh", "-c",
            "ls /sys/class/net; ping -c1 -W1 127.0.0.1 >/dev/null && echo up")
        #expect(devices.output == "lo\nup\n", "\(devices.all)")
    }

    @Test("The practice hub is reached by name from every network", arguments: Actor.available)
    func hub(actor: Actor) throws {
        let it = try Drydock(actor)
        try #require(it.docker("pull", "-q", "alpine:3.5").status == 0)
        let answer = it.docker("run", "--rm", "alpine:3.5", "wget", "-q", "-O-", "http://hub.drydock:5480/v2/")
        #expect(!answer.all.contains("refused") && !answer.all.contains("bad address"), "\(answer.all)")
    }

    @Test(
        "A published port leads into the container, and a taken one is refused",
        .enabled(if: getuid() == 0, "a bridge needs root"))
    func publish() throws {
        let it = try Drydock(.root)
        try #require(it.docker("pull", "-q", "alpine:3.5").status == 0)
        let port = 20_000 + Int(getpid()) % 20_000
        let script = "mkdir /w; echo served > /w/index.html; exec httpd -f -p 80 -h /w"
        let started = it.docker("run", "-d", "--name", "web", "-p", "\(port):80", "alpine:3.5", "sh", "-c", script)
        try #require(started.status == 0, "\(started.all)")
        let answer = Bench.run([
            "curl", "-s", "--retry", "20", "--retry-all-errors", "--retry-delay", "1", "http://127.0.0.1:\(port)/",
        ])
        #expect(answer.output == "served\n", "\(answer.all)")
        let second = it.docker("run", "--rm", "-p", "\(port):80", "alpine:3.5", "true")
        #expect(second.status == 125)
        #expect(second.errors.contains("port is already allocated"), "\(second.all)")
        #expect(it.docker("rm", "-f", "web").status == 0)
        let third = it.docker("run", "--rm", "-p", "\(port):80", "alpine:3.5", "true")
        #expect(third.status == 0, "\(third.all)")
    }

    @Test(
        "Published UDP ports lead into the container, and each sender gets its own answers", arguments: Actor.available)
    func datagrams(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        let made = it.docker(
            "run", "-d", "--name", "dns", "-p", "127.0.0.1::53/udp", "-p", "127.0.0.1::53", "-p",
            "127.0.0.1::80-81/udp",
            "alpine:3.5", "sleep", "600")
        try #require(made.status == 0, "\(made.all)")
        let lines = it.docker("port", "dns").output.split(separator: "\n").map(String.init)
        #expect(
            lines.map { $0.prefix { $0 != ":" } }
                == ["53/tcp", "53/udp", "80/udp", "81/udp"].map { "\($0) -> 127.0.0.1" })
        let port = try #require(it.docker("port", "dns", "53/udp").output.split(separator: ":").last?.dropLast())
        #expect(it.docker("ps", "--format", "{{.Ports}}").output.contains("127.0.0.1:\(port)->53/udp"))
        #expect(it.inspect("dns", "{{(index .NetworkSettings.Ports \"53/udp\" 0).HostPort}}") == port)

        // Somebody who answers, in the container's network.
        let echo = """
            import socket
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            s.bind(("0.0.0.0", 53))
            s.settimeout(30)
            while True:
                data, peer = s.recvfrom(65536)
                s.sendto(data[::-1], peer)
            """
        let pid = it.inspect("dns", "{{.State.Pid}}")
        let spaces = actor == .user ? ["-U", "--preserve-credentials", "-n"] : ["-n"]
        let words = Bench.prefix(actor) + ["nsenter", "-t", pid] + spaces + ["timeout", "120", "python3", "-c", echo]
        let answerer = Process()
        answerer.executableURL = URL(filePath: "/usr/bin/env")
        answerer.arguments = words
        // Who reads what this test writes must not wait for it.
        answerer.standardInput = FileHandle.nullDevice
        answerer.standardOutput = FileHandle.nullDevice
        answerer.standardError = FileHandle.nullDevice
        try answerer.run()
        defer { answerer.terminate() }
        let ask = """
            import socket, sys
            def make():
                s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                s.connect(("127.0.0.1", \(port)))
                return s
            def ask(s, data):
                for _ in range(300):
                    try:
                        s.settimeout(0.2)
                        s.send(data)
                        answer = s.recv(65536)
                        while answer != data[::-1]: answer = s.recv(65536)
                        return True
                    except OSError: pass
                return False
            several = [make() for _ in range(3)]
            print(all(ask(s, b"hello %d" % i) for i, s in enumerate(several)))
            print(ask(several[0], bytes(range(256)) * 100))
            print(all(ask(make(), b"once %d" % i) for i in range(300)))
            print(ask(several[1], b"forgotten and back"))
            """
        let asked = Bench.run(["python3", "-c", ask], seconds: 120)
        #expect(asked.output == "True\nTrue\nTrue\nTrue\n", "\(asked.all)")

        let taken = it.docker("run", "-p", "127.0.0.1:\(port):53/udp", "alpine:3.5", "true")
        #expect(
            taken.status == 125 && taken.errors.contains("Bind for 127.0.0.1:\(port) failed: port is already allocated")
        )
        #expect(it.docker("run", "-p", "80/sctp", "alpine:3.5", "true").status == 125)
        // A port is free as soon as its container has ended.
        #expect(it.docker("kill", "dns").status == 0)
        #expect(it.docker("run", "--rm", "-p", "127.0.0.1:\(port):53/udp", "alpine:3.5", "true").status == 0)
    }

    @Test("Containers on the bridge reach each other by address", .enabled(if: getuid() == 0, "a bridge needs root"))
    func bridge() throws {
        let it = try Drydock(.root)
        try #require(it.docker("pull", "-q", "alpine:3.5").status == 0)
        try #require(it.docker("run", "-d", "--name", "aa", "alpine:3.5", "sleep", "600").status == 0)
        let address = it.docker("inspect", "-f", "{{.NetworkSettings.IPAddress}}", "aa").output
            .trimmingCharacters(in: .whitespacesAndNewlines)
        let ping = it.docker("run", "--rm", "alpine:3.5", "ping", "-c1", "-W2", address)
        #expect(ping.status == 0, "\(ping.all)")
    }
}
