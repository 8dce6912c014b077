/// What a registry asks for in `WWW-Authenticate` (RFC 9110, section 11.6.1).
enum Challenge: Sendable, Hashable {
    case basic(realm: String)
    case bearer(realm: String, service: String?, scope: String?, error: String?)

    /// The challenges of one header, those of unknown schemes left out.
    static func parse(_ header: String) -> [Challenge] {
        var scanner = Scanner(text: Array(header.utf8))
        var challenges: [Challenge] = []
        while let scheme = scanner.token() {
            var parameters: [String: String] = [:]
            while let (name, value) = scanner.parameter() { parameters[name.lowercased()] = value }
            switch scheme.lowercased() {
            case "basic": challenges.append(.basic(realm: parameters["realm"] ?? ""))
            case "bearer":
                guard let realm = parameters["realm"] else { continue }
                challenges.append(
                    .bearer(
                        realm: realm, service: parameters["service"], scope: parameters["scope"],
                        error: parameters["error"]))
            default: continue
            }
        }
        return challenges
    }

    private struct Scanner {
        let text: [UInt8]
        var position = 0

        init(text: [UInt8]) { self.text = text }

        private mutating func skip() {
            while position < text.count, [0x20, 0x09, UInt8(ascii: ",")].contains(text[position]) { position += 1 }
        }

        private static func isTokenByte(_ byte: UInt8) -> Bool {
            byte > 0x20 && byte < 0x7f && !Array("()<>@,;:\\\"/[]?={}".utf8).contains(byte)
        }

        mutating func token() -> String? {
            skip()
            let start = position
            while position < text.count, Self.isTokenByte(text[position]) { position += 1 }
            return position > start ? String(decoding: text[start..<position], as: UTF8.self) : nil
        }

        /// A `name=value` pair; nil, with nothing consumed, where the next word is a scheme.
        mutating func parameter() -> (String, String)? {
            let before = position
            guard let name = token(), position < text.count, text[position] == UInt8(ascii: "=") else {
                position = before
                return nil
            }
            position += 1
            guard position < text.count, text[position] == UInt8(ascii: "\"") else { return (name, token() ?? "") }
            position += 1
            var value: [UInt8] = []
            while position < text.count, text[position] != UInt8(ascii: "\"") {
                if text[position] == UInt8(ascii: "\\"), position + 1 < text.count { position += 1 }
                value.append(text[position])
                position += 1
            }
            position += 1
            return (name, String(decoding: value, as: UTF8.self))
        }
    }
}
