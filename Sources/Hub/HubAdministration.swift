import Diagnostics
import HTTPTypes
import Hummingbird
import Linux
import NIOCore
import OCI
import RegistryClient

/// What Docker Hub has beside the distribution API: accounts, and a page for each repository.
extension HubResponder {
    /// `GET /v2/repositories/<namespace>/<name>/`, as Docker Hub answers it.
    func page(_ request: Request, _ name: String) async throws -> Response {
        try onlyReads(request)
        guard Reference.isRepository(name) else {
            throw HubRefusal(.badRequest, "NAME_INVALID", "invalid repository name")
        }
        try await authorize(request, name, "pull")
        await pulls.flush()
        let registry = registry
        guard let page = try await blocking({ () throws(DrydockError) in try registry.repositoryPage(name) }) else {
            throw HubRefusal.unknownName(name)
        }
        return Response.json(page.json)
    }

    /// The hub's own paths, below `/hub/v1/`:
    /// `GET certificate` gives what serves TLS, `GET accounts/<name>` says whether there is one, `POST accounts` registers, `PUT accounts/<name>/password` changes a password, `PATCH repositories/<name>` says
    /// what a repository is and who may see it. All take and give JSON.
    func administer(_ request: Request, _ context: HubContext, _ path: String) async throws -> Response {
        let parts = path.split(separator: "/").dropFirst(2).map(String.init)
        switch (parts.first, parts.count, request.method) {
        case ("certificate", 1, .get):
            guard let chain = certificate else { throw HubRefusal(.notFound, "UNSUPPORTED", "this hub has none") }
            let bytes = try await blocking { () throws(DrydockError) in try Files.read(chain) }
            return Response.bytes(bytes, headers: [.contentType: "application/x-pem-file"])
        case ("accounts", 2, .get):
            let registry = registry
            guard try await blocking({ () throws(DrydockError) in try registry.hasAccount(parts[1]) }) else {
                throw HubRefusal(.notFound, "NAME_UNKNOWN", "there is no account \(parts[1])")
            }
            return Response.json(["username": .string(parts[1])])
        case ("accounts", 1, .post): return try await register(request)
        case ("accounts", 3, .put) where parts[2] == "password": return try await changePassword(request, of: parts[1])
        case ("repositories", 2..., .patch):
            return try await describe(request, parts.dropFirst().joined(separator: "/"))
        case ("certificate", 1, _), ("accounts", 2, _): throw HubRefusal.unsupported(.get)
        case ("accounts", 1, _): throw HubRefusal.unsupported(.post)
        case ("accounts", 3, _) where parts[2] == "password": throw HubRefusal.unsupported(.put)
        case ("repositories", 2..., _): throw HubRefusal.unsupported(.patch)
        default: throw HubRefusal(.notFound, "UNSUPPORTED", "there is nothing at \(path)")
        }
    }

    private func document(_ request: Request) async throws -> JSONValue {
        let body = try await request.body.collect(upTo: 64 << 10)
        guard let json = try? JSONValue(parsing: Array(body.readableBytesView)), json.pairs != nil else {
            throw HubRefusal(.badRequest, "UNSUPPORTED", "the body is not a JSON object")
        }
        return json
    }

    private func register(_ request: Request) async throws -> Response {
        guard registration else {
            throw HubRefusal(.forbidden, "DENIED", "accounts on this hub are made by its owner")
        }
        let json = try await document(request)
        guard let name = json["username"]?.string, let password = json["password"]?.string else {
            throw HubRefusal(.badRequest, "UNSUPPORTED", "username and password are needed")
        }
        do throws(DrydockError) {
            try await gate.hashing { registry throws(DrydockError) in
                try registry.createAccount(name, password: password)
            }
        } catch {
            throw Self.refusal(error)
        }
        return Response.json(["username": .string(name)], status: .created)
    }

    private func changePassword(_ request: Request, of name: String) async throws -> Response {
        let policy = try await gate.policy()
        guard let user = try await user(request) else {
            throw HubRefusal(.unauthorized, "UNAUTHORIZED", "authentication required")
        }
        // Only who knows the old password may set a new one: a token is not enough.
        guard request.headers[.authorization]?.lowercased().hasPrefix("basic ") == true,
            user == name || policy.owners.contains(user)
        else { throw HubRefusal(.forbidden, "DENIED", "this is another's account") }
        let json = try await document(request)
        guard let password = json["password"]?.string else {
            throw HubRefusal(.badRequest, "UNSUPPORTED", "password is needed")
        }
        do throws(DrydockError) {
            try await gate.hashing { registry throws(DrydockError) in try registry.setPassword(password, of: name) }
        } catch {
            throw Self.refusal(error)
        }
        return Response(status: .noContent)
    }

    private func describe(_ request: Request, _ name: String) async throws -> Response {
        guard Reference.isRepository(name) else {
            throw HubRefusal(.badRequest, "NAME_INVALID", "invalid repository name")
        }
        try await authorize(request, name, "push")
        let json = try await document(request)
        let registry = registry
        let page = try await blocking { () throws(DrydockError) -> RepositoryPage? in
            guard try registry.repositoryPage(name) != nil else { return nil }
            if let text = json["description"]?.string {
                try registry.setDescription(String(text.prefix(500)), of: name)
            }
            if let isPrivate = json["is_private"]?.bool { try registry.setPrivate(name, isPrivate) }
            return try registry.repositoryPage(name)
        }
        guard let page else { throw HubRefusal.unknownName(name) }
        return Response.json(page.json)
    }

    private static func refusal(_ error: DrydockError) -> HubRefusal {
        switch error.code {
        case .conflict: HubRefusal(.conflict, "DENIED", error.message, detail: error.remedy)
        case .invalidArgument: HubRefusal(.badRequest, "NAME_INVALID", error.message, detail: error.reason)
        case .notFound: HubRefusal(.notFound, "NAME_UNKNOWN", error.message)
        default: HubRefusal(error)
        }
    }
}
