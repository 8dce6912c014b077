import ArgumentParser
import Diagnostics
import Glibc
import Hub

extension HubCommand {
    /// `drydock hub user …`
    struct User: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "user", abstract: "The hub's accounts.",
            subcommands: [Add.self, List.self, Password.self, Remove.self])

        /// `drydock hub user add`
        struct Add: AsyncParsableCommand {
            static let configuration = CommandConfiguration(abstract: "Make an account.")
            @Argument(help: "The user name, which is also its namespace.") var name: String
            @Flag(name: .long, help: "Read the password from standard input.") var passwordStdin = false
            @Flag(name: .long, help: "An owner of the hub, who may push everywhere, also to library/.")
            var owner = false
            @OptionGroup var data: DataOption

            func run() async throws {
                try await reporting { () async throws(DrydockError) in
                    let password = try readPassword(fromStandardInput: passwordStdin)
                    try data.registry().createAccount(name, password: password, isOwner: owner)
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
                    try data.existing().setPassword(password, of: name)
                    print("The password of \(name) is changed.")
                }
            }
        }

        /// `drydock hub user rm`
        struct Remove: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "rm", abstract: "Remove an account; what it pushed stays.")
            @Argument(help: "The user name.") var name: String
            @OptionGroup var data: DataOption

            func run() async throws {
                try await reporting { () async throws(DrydockError) in
                    try data.existing().removeAccount(name)
                    print("The account \(name) is removed.")
                }
            }
        }

        /// `drydock hub user ls`
        struct List: AsyncParsableCommand {
            static let configuration = CommandConfiguration(commandName: "ls", abstract: "List the accounts.")
            @OptionGroup var data: DataOption

            func run() async throws {
                try await reporting { () async throws(DrydockError) in
                    for account in try data.existing().accounts() {
                        print(account.isOwner ? "\(account.name) (owner)" : account.name)
                    }
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
