/// A JSON document that keeps the order of its keys, for documents whose order a reader knows (`docker inspect`).
public enum JSONValue: Sendable, Equatable {
    /// `null`
    case null
    /// `true` or `false`
    case bool(Bool)
    /// A whole number.
    case int(Int64)
    /// A number with a fraction.
    case double(Double)
    /// Text.
    case string(String)
    /// A list.
    case array([JSONValue])
    /// An object: keys with values, in order.
    case object([(key: String, value: JSONValue)])

    /// Whether two documents say the same; the order of keys does not matter.
    public static func == (left: JSONValue, right: JSONValue) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let a), .bool(let b)): a == b
        case (.int(let a), .int(let b)): a == b
        case (.double(let a), .double(let b)): a == b
        case (.int(let a), .double(let b)), (.double(let b), .int(let a)): Double(a) == b
        case (.string(let a), .string(let b)): a == b
        case (.array(let a), .array(let b)): a == b
        case (.object(let a), .object(let b)):
            a.count == b.count && a.allSatisfy { pair in b.contains { $0.key == pair.key && $0.value == pair.value } }
        default: false
        }
    }

    /// The value of a key of an object, or nil.
    public subscript(_ key: String) -> JSONValue? {
        guard case .object(let pairs) = self else { return nil }
        return pairs.first { $0.key == key }?.value
    }

    /// The value at a dotted path (`State.Status`); an index selects from a list (`Mounts.0.Source`).
    ///
    /// Where a key itself contains dots (`Labels.org.example.x`), the longest key that exists is taken.
    public func at(_ path: String) -> JSONValue? {
        if path.isEmpty { return self }
        if let exact = self[path] { return exact }
        let parts = path.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        if case .array(let items) = self {
            guard let index = Int(parts[0]), items.indices.contains(index) else { return nil }
            return items[index].at(parts.dropFirst().joined(separator: "."))
        }
        for count in stride(from: parts.count - 1, through: 1, by: -1) {
            if let inner = self[parts[..<count].joined(separator: ".")] {
                return inner.at(parts[count...].joined(separator: "."))
            }
        }
        return nil
    }

    /// The same object with a key set: in its place where the object has it, else at the end.
    public func setting(_ key: String, _ value: JSONValue) -> JSONValue {
        guard case .object(var pairs) = self else { return .object([(key: key, value: value)]) }
        if let index = pairs.firstIndex(where: { $0.key == key }) {
            pairs[index].value = value
        } else {
            pairs.append((key: key, value: value))
        }
        return .object(pairs)
    }

    /// The text, where this is text.
    public var string: String? {
        if case .string(let text) = self { return text }
        return nil
    }

    /// The whole number, where this is one.
    public var int: Int64? {
        if case .int(let number) = self { return number }
        return nil
    }

    /// The truth value, where this is one.
    public var bool: Bool? {
        if case .bool(let value) = self { return value }
        return nil
    }

    /// The list, where this is one.
    public var array: [JSONValue]? {
        if case .array(let items) = self { return items }
        return nil
    }

    /// The keys with their values, where this is an object.
    public var pairs: [(key: String, value: JSONValue)]? {
        if case .object(let pairs) = self { return pairs }
        return nil
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
    /// Text.
    public init(stringLiteral value: String) { self = .string(value) }
    /// A whole number.
    public init(integerLiteral value: Int64) { self = .int(value) }
    /// A truth value.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    /// A list.
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    /// An object, in the order written.
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(elements.map { (key: $0.0, value: $0.1) })
    }
    /// `null`
    public init(nilLiteral: ()) { self = .null }
}
