extension StringProtocol {
    /// Without white space at both ends.
    var trimmed: String {
        guard let first = firstIndex(where: { !$0.isWhitespace }), let last = lastIndex(where: { !$0.isWhitespace })
        else { return "" }
        return String(self[first...last])
    }
}

extension String {
    /// With every occurrence of a text replaced.
    func replacing(text: String, with replacement: String) -> String {
        guard !text.isEmpty, contains(text) else { return self }
        return split(separator: text, omittingEmptySubsequences: false).joined(separator: replacement)
    }

    /// With the characters that a regular expression treats specially escaped.
    var escapedForRegex: String {
        reduce(into: "") { result, character in
            if "\\^$.|?*+()[]{}".contains(character) { result.append("\\") }
            result.append(character)
        }
    }

    /// The names in `{{…}}`, in order.
    var placeholders: [String] {
        var names: [String] = []
        var rest = self[...]
        while let open = rest.firstRange(of: "{{") {
            guard let close = rest[open.upperBound...].firstRange(of: "}}") else { break }
            names.append(rest[open.upperBound..<close.lowerBound].trimmed)
            rest = rest[close.upperBound...]
        }
        return names
    }
}
