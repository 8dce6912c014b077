import Diagnostics
import Engine
import Linux
import SystemPackage

/// What the prompt keeps in `settings.json`; entries that are not the prompt's stay as they are.
struct Settings {
    private let path: FilePath
    private var document: JSONValue

    /// Reads the settings; a file that is missing or damaged counts as empty.
    init(home: Home) {
        path = home.settings
        let bytes = (try? Files.readIfPresent(home.settings)) ?? nil
        document = bytes.flatMap { try? JSONValue(parsing: $0) } ?? .object([])
        if document.pairs == nil { document = .object([]) }
    }

    /// The name of the hub account, once there is one.
    var user: String? { document["user"]?.string }

    /// The account's password, where it was made up for the learner.
    var password: String? { document["password"]?.string }

    /// Whether the learner was told who plays docker.io.
    var knowsHub: Bool { document["knows-hub"]?.bool ?? false }

    /// Changes an entry and writes the file.
    mutating func set(_ key: String, _ value: JSONValue) throws(DrydockError) {
        var pairs = document.pairs ?? []
        if let index = pairs.firstIndex(where: { $0.key == key }) {
            pairs[index].value = value
        } else {
            pairs.append((key: key, value: value))
        }
        document = .object(pairs)
        try AtomicFile.write(Array((document.pretty() + "\n").utf8), to: path, mode: [.ownerReadWrite])
    }
}

/// Names and passwords of hub accounts.
enum AccountRules {
    /// Whether a name can be one.
    static func allows(_ name: String) -> Bool {
        let scalars = Array(name.unicodeScalars)
        guard (2...30).contains(scalars.count), let first = scalars.first, isPlain(first) else { return false }
        return scalars.allSatisfy { isPlain($0) || $0 == "-" || $0 == "_" }
    }

    /// A name made of the login name.
    static func name(from login: String) -> String {
        var name = String.UnicodeScalarView()
        for scalar in login.lowercased().unicodeScalars where isPlain(scalar) { name.append(scalar) }
        return allows(String(name)) ? String(name.prefix(30)) : "learner"
    }

    /// A password that can be read out and typed: three groups without letters that look alike.
    static func makePassword() -> String {
        let letters = Array("abcdefghjkmnpqrstuvwxyz23456789")
        return (0..<3).map { _ in String((0..<4).compactMap { _ in letters.randomElement() }) }.joined(separator: "-")
    }

    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        ("a"..."z").contains(scalar) || ("0"..."9").contains(scalar)
    }
}
