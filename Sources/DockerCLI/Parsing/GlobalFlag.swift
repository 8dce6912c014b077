import Diagnostics

/// A flag with a value that stands before the command.
struct GlobalFlag {
    /// The long name.
    let name: String
    /// The value, where it stands in the same word.
    let value: String?

    private static let names: [Character: String] = ["c": "context", "l": "log-level"]

    /// Reads a word; nil where it is no such flag.
    init?(_ word: String) {
        if word.hasPrefix("--") {
            let parts = word.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = parts.first.map(String.init), ["config", "context", "log-level"].contains(name) else {
                return nil
            }
            self.name = name
            value = parts.count == 2 ? String(parts[1]) : nil
        } else {
            guard let letter = word.dropFirst().first, let name = Self.names[letter] else { return nil }
            let rest = word.dropFirst(2)
            self.name = name
            value = rest.isEmpty ? nil : String(rest.hasPrefix("=") ? rest.dropFirst() : rest)
        }
    }

    /// Why a value cannot be taken; there is one engine, so one context.
    func problem(_ value: String) -> Failure? {
        switch name {
        case "context" where value != "default" && !value.isEmpty:
            return .message(
                "Failed to initialize: unable to resolve docker endpoint: context \"\(value)\": context not found")
        case "log-level" where !["debug", "info", "warn", "error", "fatal", "panic", "trace"].contains(value):
            return .message("unable to parse logging level: \(value)", status: 125)
        default: return nil
        }
    }
}
