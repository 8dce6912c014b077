import Diagnostics
import HTTPTypes
import OCI
import RegistryClient
import Testing

@testable import Hub

/// Docker's "Token Authentication Specification", and who may do what.
@Suite struct AccessClauses {
    private func token(_ hub: ClauseHub, _ user: String?, _ scope: String) async throws -> HTTPFields {
        let answer = try await hub.send(.get, "/token?service=drydock-hub&scope=\(scope)", as: user)
        #expect(answer.status == 200 && answer.json?["expires_in"] == 300)
        #expect(answer.json?["token"] == answer.json?["access_token"])
        return [.authorization: "Bearer \(try #require(answer.json?["token"]?.string))"]
    }

    @Test("Determining Support: 401 with a challenge, 200 with a login or a token", arguments: Way.allCases)
    func support(way: Way) async throws {
        try await ClauseHub.run(way) { hub in
            let first = try await hub.send(.get, "/v2/", as: nil)
            #expect(first.status == 401 && first.code == "UNAUTHORIZED")
            #expect(first[.wwwAuthenticate]?.hasPrefix("Bearer realm=\"http://") == true)
            #expect(first[.apiVersion] == "registry/2.0")
            #expect(try await hub.send(.get, "/v2/").status == 200)
            let headers = try await token(hub, nil, "")
            #expect(try await hub.send(.get, "/v2/", as: nil, headers).status == 200)
            let wrong = try await hub.send(
                .get, "/v2/", as: nil, [.authorization: "Basic " + Base64.encode("ann:x".utf8)])
            #expect(wrong.status == 401 && wrong[.wwwAuthenticate] != nil)
            for header in ["Basic", "Basic !!", "Bearer x.y.z", "Digest x", "Bearer"] {
                let answer = try await hub.send(.get, "/v2/", as: nil, [.authorization: header])
                #expect(answer.status == 401, "\(header)")
            }
        }
    }

    @Test("Everybody pulls, users push into their namespace, owners everywhere", arguments: Way.allCases)
    func namespaces(way: Way) async throws {
        try await ClauseHub.run(way) { hub in
            _ = try await hub.image("ann/x", tag: "1")
            #expect(try await hub.send(.get, "/v2/ann/x/manifests/1", as: nil).status == 200)
            for (user, uri, status) in [
                (nil, "/v2/ann/x/blobs/uploads/", 401), ("bob", "/v2/ann/x/blobs/uploads/", 403),
                ("ann", "/v2/library/x/blobs/uploads/", 403), ("ann", "/v2/annex/x/blobs/uploads/", 403),
                ("ann", "/v2/ann/blobs/uploads/", 403), ("teacher", "/v2/library/x/blobs/uploads/", 202),
                ("teacher", "/v2/ann/x/blobs/uploads/", 202), ("bob", "/v2/bob/x/blobs/uploads/", 202),
            ] as [(String?, String, Int)] {
                let answer = try await hub.send(.post, uri, as: user)
                #expect(answer.status == status, "\(user ?? "nobody") \(uri): \(answer.status)")
                if status == 401 {
                    #expect(answer[.wwwAuthenticate]?.contains("scope=\"repository:ann/x:pull,push\"") == true)
                }
            }
            #expect(try await hub.send(.delete, "/v2/ann/x/manifests/1", as: "bob").status == 403)
        }
    }

    @Test("A token opens what its scope says and no more", arguments: Way.allCases)
    func scopes(way: Way) async throws {
        try await ClauseHub.run(way) { hub in
            let push = try await token(hub, "ann", "repository:ann/x:pull,push")
            #expect(try await hub.send(.post, "/v2/ann/x/blobs/uploads/", as: nil, push).status == 202)
            let elsewhere = try await hub.send(.post, "/v2/ann/y/blobs/uploads/", as: nil, push)
            #expect(elsewhere.status == 401)
            #expect(elsewhere[.wwwAuthenticate]?.contains("error=\"insufficient_scope\"") == true)
            let pull = try await token(hub, "ann", "repository:ann/x:pull")
            #expect(try await hub.send(.post, "/v2/ann/x/blobs/uploads/", as: nil, pull).status == 401)
            let foreign = try await token(hub, "bob", "repository:ann/x:pull,push,delete")
            #expect(try await hub.send(.post, "/v2/ann/x/blobs/uploads/", as: nil, foreign).status == 403)
            let wrong = try await hub.send(
                .get, "/token?scope=repository:ann/x:pull", as: nil,
                [.authorization: "Basic " + Base64.encode("ann:x".utf8)])
            #expect(wrong.status == 401)
        }
    }

    @Test(
        "A private repository is its owner's: not pulled, listed, found or mounted by others", arguments: Way.allCases)
    func privacy(way: Way) async throws {
        try await ClauseHub.run(way) { hub in
            let image = try await hub.image("ann/secret", tag: "1")
            let blob = try await hub.push([7, 7], to: "ann/secret")
            try hub.registry.setPrivate("ann/secret", true)
            for uri in ["manifests/1", "manifests/\(image.digest)", "blobs/\(blob)", "tags/list", "referrers/\(blob)"] {
                #expect(try await hub.send(.get, "/v2/ann/secret/\(uri)", as: nil).status == 401, "\(uri)")
                #expect(try await hub.send(.get, "/v2/ann/secret/\(uri)", as: "bob").status == 403, "\(uri)")
                #expect(try await hub.send(.get, "/v2/ann/secret/\(uri)").status == 200, "\(uri)")
                #expect(try await hub.send(.get, "/v2/ann/secret/\(uri)", as: "teacher").status == 200, "\(uri)")
            }
            #expect(try await hub.send(.get, "/v2/_catalog", as: "bob").json?["repositories"] == [])
            #expect(try await hub.send(.get, "/v2/_catalog").json?["repositories"] == ["ann/secret"])
            #expect(try await hub.send(.get, "/v2/_catalog", as: "teacher").json?["repositories"] == ["ann/secret"])
            #expect(try await hub.send(.get, "/v1/search?q=secret", as: nil).json?["results"] == [])
            for user in ["ann", "teacher"] {
                let found = try await hub.send(.get, "/v1/search?q=secret", as: user)
                #expect(found.json?["num_results"] == 1, "\(user)")
            }
            for query in ["mount=\(blob)&from=ann/secret", "mount=\(blob)"] {
                let answer = try await hub.send(.post, "/v2/bob/x/blobs/uploads/?\(query)", as: "bob")
                #expect(answer.status == 202, "\(query)")
            }
            let mine = try await token(hub, "ann", "repository:ann/secret:pull")
            #expect(try await hub.send(.get, "/v2/ann/secret/manifests/1", as: nil, mine).status == 200)
            let other = try await token(hub, "ann", "repository:ann/x:pull")
            #expect(try await hub.send(.get, "/v2/ann/secret/manifests/1", as: nil, other).status == 401)
            try hub.registry.setPrivate("ann/secret", false)
            #expect(try await hub.send(.get, "/v2/ann/secret/manifests/1", as: nil).status == 200)
        }
    }

    @Test("A password that was changed is the old one no more, at once")
    func passwords() async throws {
        try await ClauseHub.run(.inProcess) { hub in
            let before = try await hub.send(.get, "/v2/")
            #expect(before.status == 200)
            try hub.registry.setPassword("other", of: "ann")
            #expect(try await hub.send(.get, "/v2/").status == 401)
            let new = "Basic " + Base64.encode("ann:other".utf8)
            #expect(try await hub.send(.get, "/v2/", as: nil, [.authorization: new]).status == 200)
        }
    }

    @Test("Many guesses at once are no faster: no more than thirty of them are tried")
    func guesses() async throws {
        try await ClauseHub.run(.inProcess) { hub in
            let gate = try await HubGate(registry: hub.registry)
            let statuses = await withTaskGroup(of: Int?.self) { tasks in
                for number in 0..<120 {
                    tasks.addTask { await Self.status(gate, "ann:guess \(number)") }
                }
                return await tasks.reduce(into: [:]) { $0[$1, default: 0] += 1 }
            }
            #expect(statuses == [401: 30, 429: 90])
            #expect(await Self.status(gate, "ann:secret") == 429)
            #expect(await Self.status(gate, "bob:secret") == nil)
        }
    }

    @Test("Many connections with the same right password are all let in")
    func crowd() async throws {
        try await ClauseHub.run(.inProcess) { hub in
            let gate = try await HubGate(registry: hub.registry)
            let statuses = await withTaskGroup(of: Int?.self) { tasks in
                for _ in 0..<100 { tasks.addTask { await Self.status(gate, "ann:secret") } }
                return await tasks.reduce(into: Set<Int?>()) { $0.insert($1) }
            }
            #expect(statuses == [nil])
        }
    }

    /// What a login is refused with; nil where it is right.
    private static func status(_ gate: HubGate, _ login: String) async -> Int? {
        do {
            _ = try await gate.login(basic: Base64.encode(login.utf8))
            return nil
        } catch {
            return (error as? HubRefusal)?.status.code ?? 0
        }
    }

    @Test("Pushes and deletions are written down")
    func audit() async throws {
        try await ClauseHub.run(.socket) { hub in
            let image = try await hub.image("ann/x", tag: "1")
            #expect(try await hub.send(.delete, "/v2/ann/x/manifests/1").status == 202)
            let log = try hub.registry.audit()
            #expect(log.map(\.action) == ["delete", "push"])
            #expect(log.last?.user == "ann" && log.last?.reference == "1" && log.last?.peer == "127.0.0.1")
            #expect(log.last?.digest == image.digest.description)
        }
    }
}
