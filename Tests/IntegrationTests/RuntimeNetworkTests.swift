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
