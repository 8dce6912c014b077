import ArgumentParser
import Diagnostics
import DockerCLI
import Engine
import Glibc
import Hub
import Linux
import Runtime
import SystemPackage

/// `drydock hub …`: the practice hub on its own.
struct HubCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hub", abstract: "The practice hub: an OCI registry on this machine.",
        subcommands: [Serve.self, Prepare.self, User.self])

    /// Where the hub's data is.
    struct DataOption: ParsableArguments {
        @Option(name: .long, help: "The hub's data directory (default: DRYDOCK_HOME/hub).")
        var data: String?

        func path(_ places: Places) -> FilePath {
            guard let data else { return places.home.hub }
            let path = FilePath(data)
            return path.isAbsolute ? path.lexicallyNormalized() : Places.workingDirectory.pushing(path)
        }
    }

    /// `drydock hub serve`
    struct Serve: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Serve until stopped.")

        @Option(name: .long, help: "Where to listen, ADDR:PORT (default: 127.0.0.1 and a port of this home's own).")
        var listen: String?
        @OptionGroup var data: DataOption
        @Option(name: .long, help: "The registry that misses are passed on to; 'none' for none.")
        var upstream: String?
        @Option(name: .long, help: "End after so many seconds without a request while no prompt is open.")
        var idleExit: Int?
        @Option(name: .long, help: .hidden) var readyFd: Int32?

        func run() async throws {
            let places = Places()
            let directory = data.path(places)
            try await reporting { () async throws(DrydockError) in
                var settings = HubSettings(data: directory, listen: listen)
                let named = upstream ?? places.environment["DRYDOCK_UPSTREAM"]
                if let named, !named.isEmpty { settings.upstream = named == "none" ? nil : named }
                if listen == nil {
                    let home = directory.removingLastComponent()
                    settings.extraListen = "\(HubForward.address(forHome: home)):5480"
                }
                settings.idleExit = idleExit.map { .seconds($0) }
                settings.readyDescriptor = readyFd
                let quiet = readyFd != nil
                try await HubServer.run(
                    settings, courseImages: { PracticeHubContent(registry: $0) },
                    ready: { address in
                        if !quiet {
                            StandardStream.output.line("The practice hub serves \(directory) at \(address.url)")
                        }
                    })
            }
        }
    }

    /// `drydock hub prepare`
    struct Prepare: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make the course images and packages that are not there yet.")

        @OptionGroup var data: DataOption

        func run() async throws {
            let places = Places()
            try await reporting { () async throws(DrydockError) in
                try await LocalHub(places: places, data: data.path(places)).prepareWithProgress()
            }
        }
    }

    /// `drydock hub user …`
    struct User: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "user", abstract: "The hub's accounts.", subcommands: [Add.self, List.self, Password.self])

        /// `drydock hub user add`
        struct Add: AsyncParsableCommand {
            static let configuration = CommandConfiguration(abstract: "Make an account.")
            @Argument(help: "The user name, which is also its namespace.") var name: String
            @Flag(name: .long, help: "Read the password from standard input.") var passwordStdin = false
            @OptionGroup var data: DataOption

            func run() async throws {
                try await reporting { () async throws(DrydockError) in
                    let password = try readPassword(fromStandardInput: passwordStdin)
                    try HubRegistry(data: data.path(Places())).createAccount(name, password: password)
                    print("Account \(name) is ready.")
                }
            }
        }

        /// `drydock hub user password`
        struct Password: AsyncParsableCommand {
            static let configuration = CommandConfiguration(abstract: "Change an account's password.")
            @Argument(help: "The user name.") var name: String
            @Flag(name: .long, help: "Read the password from standard input.") var passwordStdin = false
            @OptionGroup var data: DataOption

            func run() async throws {
                try await reporting { () async throws(DrydockError) in
                    let password = try readPassword(fromStandardInput: passwordStdin)
                    try HubRegistry(data: data.path(Places())).setPassword(password, of: name)
                    print("The password of \(name) is changed.")
                }
            }
        }

        /// `drydock hub user ls`
        struct List: AsyncParsableCommand {
            static let configuration = CommandConfiguration(commandName: "ls", abstract: "List the accounts.")
            @OptionGroup var data: DataOption

            func run() async throws {
                try await reporting { () async throws(DrydockError) in
                    for account in try HubRegistry(data: data.path(Places())).accounts() { print(account.name) }
                }
            }
        }
    }
}

/// Reads a password: all of standard input without its last newline, or from the terminal without echo.
private func readPassword(fromStandardInput: Bool) throws(DrydockError) -> String {
    let password: String
    if fromStandardInput {
        var bytes = try StandardPrompt.readAll()
        while let last = bytes.last, last == 0x0a || last == 0x0d { bytes.removeLast() }
        password = String(decoding: bytes, as: UTF8.self)
    } else {
        password = StandardPrompt.secretLine("Password: ") ?? ""
    }
    guard !password.isEmpty else {
        throw DrydockError(
            .invalidArgument, "no password was given",
            remedy: "Pipe it in with --password-stdin, or type it at the prompt.")
    }
    return password
}
