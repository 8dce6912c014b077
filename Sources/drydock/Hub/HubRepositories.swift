import ArgumentParser
import Diagnostics
import Glibc
import Hub
import OCI

extension HubCommand {
    /// `drydock hub ls`
    struct Repositories: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "ls", abstract: "List the repositories.")
        @OptionGroup var data: DataOption
        @OptionGroup var output: JSONFlag

        func run() async throws {
            try await reporting { () async throws(DrydockError) in
                let pages = try data.existing().repositoryPages()
                if output.json {
                    print(JSONValue.array(pages.map(\.json)).compact)
                    return
                }
                let width = pages.map(\.name.count).max() ?? 0
                for page in pages {
                    let name = page.name + String(repeating: " ", count: width - page.name.count)
                    let lock = page.isPrivate ? "private  " : ""
                    print("\(name)  \(page.pulls) pulls, \(page.pushes) pushes  \(lock)\(page.description)")
                }
            }
        }
    }

    /// `drydock hub describe`
    struct Describe: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say what a repository is, give it stars, make it private or public.")
        @Argument(help: "The repository: alpine, ada/web.") var repository: String
        @Option(name: .long, help: "A line about it.") var description: String?
        @Option(name: .long, help: "The number of stars.") var stars: Int?
        @Flag(name: .customLong("private"), help: "Only its owner may see it.") var isPrivate = false
        @Flag(name: .customLong("public"), help: "Everybody may pull it.") var isPublic = false
        @OptionGroup var data: DataOption

        func run() async throws {
            try await reporting { () async throws(DrydockError) in
                let registry = try data.existing()
                let name = try Reference(parsing: repository).repository
                guard try registry.repositoryPage(name) != nil else {
                    throw DrydockError(
                        .notFound, "there is no repository \(repository)", remedy: "'drydock hub ls' lists them.")
                }
                guard !(isPrivate && isPublic), stars ?? 0 >= 0 else {
                    throw DrydockError(.invalidArgument, "a repository is private or public, and has 0 or more stars")
                }
                if let description { try registry.setDescription(description, of: name) }
                if let stars { try registry.setStars(stars, of: name) }
                if isPrivate || isPublic { try registry.setPrivate(name, isPrivate) }
                if let page = try registry.repositoryPage(name) { print(page.json.compact) }
            }
        }
    }

    /// `drydock hub log`
    struct Log: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show the last pushes and deletions, the newest first.")
        @Option(name: .shortAndLong, help: "How many.") var number = 50
        @OptionGroup var data: DataOption
        @OptionGroup var output: JSONFlag

        func run() async throws {
            try await reporting { () async throws(DrydockError) in
                for entry in try data.existing().audit(limit: max(number, 0)) {
                    print(
                        output.json
                            ? entry.json.compact
                            : "\(entry.at)  \(entry.user)  \(entry.action)  \(entry.repository)"
                                + "\(entry.reference.contains(":") ? "@" : ":")\(entry.reference)  \(entry.peer)")
                }
            }
        }
    }
}
