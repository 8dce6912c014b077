import Diagnostics
import Hub
import Linux
import OCI
import RegistryClient
import SystemPackage
import Testing

@Suite struct AccountTests {
    @Test("A login is verified, kept, and forgotten by a logout")
    func login() async throws {
        try await HubFixture.run { hub in
            try hub.registry.createAccount("ann", password: "right")
            let client = hub.client()
            let error = await failure { _ = try await client.login(Credentials(username: "ann", password: "wrong")) }
            #expect(error?.code == .unauthorized)
            #expect(error?.message == "Get \"\(hub.address.url)/v2/\": unauthorized: incorrect username or password")
            let unknown = await failure { _ = try await client.login(Credentials(username: "bob", password: "x")) }
            #expect(unknown?.message == error?.message)
            #expect(try await client.login(Credentials(username: "ann", password: "right")) == "Login Succeeded")
            #expect(try await client.logout() == true)
            #expect(try await client.logout() == false)
        }
    }

    @Test("Only users push, and only into their own namespace")
    func namespaces() async throws {
        try await HubFixture.run { hub in
            let image = RandomImage()
            let anonymous = await failure { _ = try await hub.client().push(try image.push(as: "ann/web")) }
            #expect(anonymous?.message == "denied: requested access to the resource is denied")
            #expect(anonymous?.code == .denied)
            let ann = try await hub.client(user: "ann")
            for name in ["bob/web", "alpine", "annex/web"] {
                let error = await failure { _ = try await ann.push(try image.push(as: name)) }
                #expect(error?.message == "denied: requested access to the resource is denied", "\(name)")
            }
            _ = try await ann.push(try image.push(as: "ann/web"))
            _ = try await ann.logout()
            let after = await failure { _ = try await ann.push(try image.push(as: "ann/web:2")) }
            #expect(after?.code == .denied)
        }
    }

    @Test("Names are checked, taken names are refused, passwords can be changed")
    func accounts() async throws {
        try await HubFixture.run { hub in
            for name in ["", "x", "Ann", "a/b", "library", "-a", "a--", String(repeating: "a", count: 31)] {
                let error = await failure { try hub.registry.createAccount(name, password: "p") }
                #expect(error?.code == .invalidArgument, "\(name)")
            }
            try hub.registry.createAccount("ann", password: "one")
            #expect(await failure { try hub.registry.createAccount("ann", password: "two") }?.code == .conflict)
            #expect(try hub.registry.verify("ann", password: "one"))
            try hub.registry.setPassword("two", of: "ann")
            #expect(try !hub.registry.verify("ann", password: "one"))
            #expect(try hub.registry.verify("ann", password: "two"))
            #expect(await failure { try hub.registry.setPassword("x", of: "bob") }?.code == .notFound)
            #expect(try hub.registry.accounts().map(\.name) == ["ann"])
        }
    }

    @Test("What a hub keeps is its owner's alone to read: hashes of passwords, private repositories, keys")
    func modes() throws {
        let directory = TemporaryDirectory()
        defer { directory.remove() }
        func mode(_ path: FilePath) throws -> UInt32 {
            try FileAt.status(FileAt.workingDirectory, path.string).permissions & 0o777
        }
        let file = directory.path.appending("hub.sqlite")
        try HubRegistry(data: directory.path).createAccount("ann", password: "secret")
        #expect(try mode(directory.path) == 0o700)
        #expect(try mode(file) == 0o600)
        // One of before is hidden when it is opened.
        try FileAt.setMode(FileAt.workingDirectory, file.string, 0o644)
        #expect(try HubRegistry(data: directory.path).accounts().count == 1)
        #expect(try mode(file) == 0o600)
    }

    @Test("Guessing gets slow, and then impossible")
    func throttling() async throws {
        try await HubFixture.run { hub in
            try hub.registry.createAccount("ann", password: "right")
            let client = hub.client { $0.retry.attempts = 1 }
            let clock = ContinuousClock()
            var times: [Duration] = []
            for _ in 0..<5 {
                times.append(
                    await clock.measure {
                        _ = await failure {
                            _ = try await client.login(Credentials(username: "ann", password: "guess"))
                        }
                    })
            }
            #expect(times[4] > .milliseconds(500))
        }
    }

    @Test("Docker's own helper programs keep the credentials where the configuration names one")
    func helpers() async throws {
        let directory = TemporaryDirectory()
        defer { directory.remove() }
        let file = directory.path.appending("config.json")
        try Files.makeDirectories(directory.path)
        let script = """
            #!/bin/sh
            cd "\(directory.path)"
            case $1 in
            store) cat > stored ;;
            get) cat > /dev/null; if [ -f stored ]; then sed 's/"ServerURL"/"X"/' stored; else
              echo 'credentials not found in native keychain'; exit 1; fi ;;
            erase) rm stored ;;
            esac
            """
        try AtomicFile.write(
            script.utf8, to: directory.path.appending("docker-credential-test"), mode: [.ownerReadWriteExecute])
        try AtomicFile.write(#"{"credHelpers":{"localhost:5000":"test"},"psFormat":"x"}"#.utf8, to: file)
        let store = CredentialStore(file: file, programPath: [directory.path])
        #expect(try store.credentials(for: "localhost:5000") == nil)
        #expect(try store.hasHelper(for: "localhost:5000") && !store.hasHelper(for: "docker.io"))
        let ann = Credentials(username: "ann", password: "p\"ss:w")
        try store.store(ann, for: "localhost:5000")
        #expect(try store.credentials(for: "localhost:5000") == ann)
        #expect(try store.erase("localhost:5000"))
        #expect(try store.credentials(for: "localhost:5000") == nil)
        try store.store(ann, for: "docker.io")
        #expect(try store.credentials(for: "docker.io") == ann)
        let kept = try JSONValue(parsing: try Files.read(file))
        #expect(kept["psFormat"] == "x")
        #expect(kept["auths"]?["https://index.docker.io/v1/"]?["auth"]?.string != nil)
    }
}
