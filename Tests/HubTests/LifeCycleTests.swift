import Diagnostics
import Hub
import Linux
import OCI
import RegistryClient
import SystemPackage
import Testing

@Suite struct LifeCycleTests {
    @Test("A hub passes misses on to an upstream, keeps what it got, and serves it without the upstream")
    func passThrough() async throws {
        try await HubFixture.run { upstream in
            let image = RandomImage(layers: 2, size: 200_000)
            try image.store(in: upstream.registry, "library/remote", tags: ["1"])
            let directory = TemporaryDirectory()
            defer { directory.remove() }
            let reference = try Reference(parsing: "remote:1")
            func pull(_ hub: HubFixture) async throws {
                let client = hub.client()
                let found = try await client.resolve(reference)
                #expect(found.raw == image.manifest)
                for (layer, bytes) in zip(found.manifest.layers, image.layers) {
                    let got = try await client.blob(layer, of: reference)
                    #expect(got == bytes)
                }
                let config = try await client.blob(found.manifest.config, of: reference)
                #expect(config == image.config)
            }
            try await HubFixture.serve(in: directory.path, { $0.upstream = upstream.address.url }) { hub in
                try await pull(hub)
                let error = await failure { _ = try await hub.client().resolve(try Reference(parsing: "remote:2")) }
                #expect(error?.message == "manifest for remote:2 not found: manifest unknown: manifest unknown")
            }
            try await HubFixture.serve(in: directory.path) { hub in try await pull(hub) }
        }
    }

    @Test("An upstream that is not there slows nobody down, and is named in the answer")
    func noUpstream() async throws {
        try await HubFixture.run({ $0.upstream = "http://127.0.0.1:1" }) { hub in
            let client = hub.client()
            let error = await failure { _ = try await client.resolve(try Reference(parsing: "missing")) }
            #expect(
                error?.message
                    == "pull access denied for missing, repository does not exist or may require 'docker login': "
                    + "denied: requested access to the resource is denied")
            #expect(error?.reason?.contains("the real Docker Hub cannot be reached from here") == true)
        }
    }

    @Test("One process serves a directory, is found by its files, and ends when nobody needs it")
    func processes() async throws {
        try await HubFixture.run({ $0.idleExit = .seconds(60) }) { hub in
            let found = try HubSupervisor.running(data: hub.directory)
            #expect(found == hub.address)
            let ensured = try HubSupervisor.ensureRunning(data: hub.directory)
            #expect(ensured == hub.address)
            let second = await failure {
                try await HubServer.run(HubSettings(data: hub.directory, listen: "127.0.0.1:0"))
            }
            #expect(second?.code == .conflict)
            let taken = await failure {
                let directory = TemporaryDirectory()
                defer { directory.remove() }
                try await HubServer.run(HubSettings(data: directory.path, listen: "127.0.0.1:\(hub.address.port)"))
            }
            #expect(
                taken?.message == "listen tcp 127.0.0.1:\(hub.address.port): bind: address already in use")
        }
    }

    @Test("An idle hub ends, but not while somebody holds a lease")
    func idle() async throws {
        let directory = TemporaryDirectory()
        defer { directory.remove() }
        var settings = HubSettings(data: directory.path, listen: "127.0.0.1:0")
        settings.upstream = nil
        settings.endsOnSignals = false
        settings.idleExit = .milliseconds(200)
        var lease: HubLease? = try HubSupervisor.lease(data: directory.path)
        let chosen = settings
        let ended = Collected<Bool>()
        let server = Task {
            try await HubServer.run(chosen)
            ended.add(true)
        }
        try await Task.sleep(for: .milliseconds(1000))
        #expect(ended.all.isEmpty)
        withExtendedLifetime(lease) {}
        lease = nil
        try await server.value
        #expect(ended.all == [true])
        #expect(try HubSupervisor.running(data: directory.path) == nil)
    }

    @Test("A hub that cannot start is told with its last words")
    func noStart() async throws {
        let directory = TemporaryDirectory()
        defer { directory.remove() }
        let error = await failure {
            _ = try HubSupervisor.ensureRunning(
                data: directory.path, program: ["/bin/sh", "-c", "echo no luck today >&2; exit 1"])
        }
        #expect(error?.code == .unavailable)
        #expect(error?.reason == "no luck today")
    }
}
