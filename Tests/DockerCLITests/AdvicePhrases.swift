import Foundation

/// What the sources give as reasons and remedies: the texts behind `reason:` and `remedy:`, with `{}` for what is
/// filled in.
struct AdvicePhrases {
    struct Phrase {
        let text: String
        let place: String
    }

    private let source: [Character]
    private var at = 0

    private init(_ source: String) { self.source = Array(source) }

    /// The phrases of the rooms whose errors `docker` prints. What only `drydock runtime` and `drydock hub` say is not
    /// translated.
    static func all() throws -> [Phrase] {
        let sources = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Sources").standardized
        let rooms = [
            "DockerCLI", "Engine", "ImageStore", "Layers", "Linux", "OCI", "RegistryClient", "Runtime",
            "drydock-monitor",
        ]
        var phrases: [Phrase] = []
        for room in rooms {
            let files = FileManager.default.enumerator(
                at: sources.appending(path: room), includingPropertiesForKeys: nil)
            while let file = files?.nextObject() as? URL {
                guard file.pathExtension == "swift", !file.path.contains("/Bundle/"),
                    !["HookRunner.swift", "FrenchAdvice.swift", "Capability.swift"].contains(file.lastPathComponent)
                else { continue }
                let text = try String(contentsOf: file, encoding: .utf8)
                for label in ["reason:", "remedy:", "reason = ", "remedy = "] {
                    var reader = AdvicePhrases(text)
                    for phrase in reader.phrases(behind: Array(label)) {
                        phrases.append(Phrase(text: phrase, place: "\(room)/\(file.lastPathComponent)"))
                    }
                }
            }
        }
        return phrases
    }

    private mutating func phrases(behind label: [Character]) -> [String] {
        var found: [String] = []
        while at + label.count < source.count {
            guard source[at..<at + label.count].elementsEqual(label),
                at > 4, !source[at - 1].isLetter, source[at - 1] != ".", String(source[at - 4..<at]) != "let "
            else {
                at += 1
                continue
            }
            at += label.count
            found += expression()
        }
        return found
    }

    /// The literals of an expression, those that are joined by `+` as one.
    private mutating func expression() -> [String] {
        var found: [String] = []
        var depth = 0
        var joins = false
        while at < source.count {
            switch source[at] {
            case "\"":
                // The name of a member of a document is none.
                let isKey = at > 0 && source[at - 1] == "["
                let text = literal()
                if isKey { continue }
                if joins, let last = found.popLast() { found.append(last + text) } else { found.append(text) }
                joins = false
                continue
            case "+": joins = true
            case "(", "[", "{": depth += 1
            case ")", "]", "}":
                if depth == 0 { return found }
                depth -= 1
            case "," where depth == 0: return found
            case "\n" where depth == 0 && !continues: return found
            case " ", "\n": break
            default: joins = false
            }
            at += 1
        }
        return found
    }

    /// Whether the next line goes on with the expression.
    private var continues: Bool {
        let next = source[at...].first { !$0.isWhitespace }
        return next.map { "+?:.\"".contains($0) } ?? false
    }

    /// A string literal of one line.
    private mutating func literal() -> String {
        var text = ""
        at += 1
        while at < source.count, source[at] != "\"" {
            if source[at] != "\\" {
                text.append(source[at])
                at += 1
                continue
            }
            at += 1
            if source[at] == "(" {
                interpolation()
                text += "{}"
            } else {
                text.append(source[at] == "n" ? "\n" : source[at])
                at += 1
            }
        }
        at += 1
        return text
    }

    private mutating func interpolation() {
        var depth = 0
        repeat {
            switch source[at] {
            case "(": depth += 1
            case ")": depth -= 1
            case "\"":
                _ = literal()
                continue
            default: break
            }
            at += 1
        } while depth > 0 && at < source.count
    }
}
