import Diagnostics
import Engine

/// `docker login`, `docker logout`.
enum AccountCommands {
    /// How `docker.io` is named where credentials are kept.
    private static let hubAddress = "https://index.docker.io/v1/"

    /// The registry that an argument names, without scheme and path; nil for Docker Hub under any of its names.
    static func registry(_ argument: String?) -> String? {
        guard var name = argument else { return nil }
        for scheme in ["https://", "http://"] where name.hasPrefix(scheme) { name.removeFirst(scheme.count) }
        name = name.split(separator: "/").first.map(String.init) ?? ""
        let hub = ["", "docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"]
        return hub.contains(name) ? nil : name
    }

    static func login(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        let server = registry(invocation.arguments.first)
        var username = trimmed(invocation.string("username") ?? "")
        var password = invocation.string("password") ?? ""
        let readsInput = invocation.bool("password-stdin")
        if invocation.isGiven("password") {
            context.errors.line("WARNING! Using --password via the CLI is insecure. Use --password-stdin.")
            if readsInput { throw .message("--password and --password-stdin are mutually exclusive") }
        }
        if readsInput {
            guard !username.isEmpty else {
                throw .message("the --password-stdin option requires --username to be set")
            }
            var text = String(decoding: await context.prompt.rest(), as: UTF8.self)
            while let last = text.last, last.isNewline { text.removeLast() }
            password = text
        }
        let engine = try context.open()
        if username.isEmpty, password.isEmpty, try await loginAgain(engine, server, context) { return 0 }
        if username.isEmpty || password.isEmpty {
            guard context.terminal.inputIsTerminal else {
                throw .message("Error: Cannot perform an interactive login from a non TTY device")
            }
            if server == nil, username.isEmpty {
                context.output.line(
                    "Log in with your Docker ID to push and pull images from Docker Hub. If you don't have a Docker ID, "
                        + "head over to https://hub.docker.com to create one.")
            }
            if username.isEmpty { username = try await askName(engine, server, context) }
            if password.isEmpty {
                guard let answer = await context.prompt.secret("Password: ") else { throw .printed(1) }
                guard !answer.isEmpty else { throw .message("Error: Password Required") }
                password = answer
            }
        }
        let (name, secret) = (username, password)
        try await daemon { () async throws(DrydockError) in
            try await engine.login(server: server, username: name, password: secret)
        }
        if let file = try daemon({ () throws(DrydockError) in try engine.plainCredentialFile(server: server) }) {
            context.errors.line(
                "\nWARNING! Your credentials are stored unencrypted in '\(file)'.\nConfigure a credential helper to "
                    + "remove this warning. See\nhttps://docs.docker.com/go/credential-store/\n")
        }
        context.output.line("Login Succeeded")
        return 0
    }

    /// Proves what is kept once more; false where nothing is, or where it does not hold any more.
    private static func loginAgain(
        _ engine: any EngineOperations, _ server: String?, _ context: CommandContext
    ) async throws(Failure) -> Bool {
        guard let known = try daemon({ () throws(DrydockError) in try engine.loggedIn(server: server) }) else {
            return false
        }
        let registry = server.map { " " + $0 } ?? ""
        do {
            guard let name = try await engine.loginAgain(server: server) else { return false }
            context.errors.line("Authenticating with existing credentials... [Username: \(name)]")
            context.errors.line(
                "\nInfo → To login with a different account, run 'docker logout\(registry)' followed by "
                    + "'docker login\(registry)'\n\n")
            context.output.line("Login Succeeded")
            return true
        } catch {
            context.errors.line("Authenticating with existing credentials... [Username: \(known)]\n")
            context.errors.line(
                error.code == .unauthorized
                    ? "Stored credentials invalid or expired" : "Login did not succeed, error: \(error.message)")
            return false
        }
    }

    private static func askName(
        _ engine: any EngineOperations, _ server: String?, _ context: CommandContext
    ) async throws(Failure) -> String {
        let known = try daemon { () throws(DrydockError) in try engine.loggedIn(server: server) }
        let question = known.map { "Username (\($0)): " } ?? "Username: "
        guard let answer = await context.prompt.line(question) else { throw .printed(1) }
        let name = trimmed(answer)
        guard let result = name.isEmpty ? known : name else { throw .message("Error: Non-null Username Required") }
        return result
    }

    static func logout(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        let server = registry(invocation.arguments.first)
        let engine = try context.open()
        let name = server ?? hubAddress
        context.output.line("Removing login credentials for \(name)")
        _ = try await daemon { () async throws(DrydockError) in try await engine.logout(server: server) }
        return 0
    }
}
