/// An IPv4 address.
public struct IPv4Address: Sendable, Hashable, CustomStringConvertible {
    /// The address as a number, the first part highest.
    public var value: UInt32

    /// Makes an address from its number.
    public init(_ value: UInt32) { self.value = value }

    /// Makes an address from its four bytes.
    public init(bytes: [UInt8]) { value = bytes.prefix(4).reduce(0) { $0 << 8 | UInt32($1) } }

    /// Reads `192.0.2.1`; nil for anything else.
    public init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
        guard parts.count == 4, !parts.contains(nil) else { return nil }
        value = parts.compactMap { $0 }.reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// The four bytes.
    public var bytes: [UInt8] { [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) } }

    /// `192.0.2.1`
    public var description: String { bytes.map { String($0) }.joined(separator: ".") }

    /// The first address of the network.
    public func network(prefix: Int) -> IPv4Address { IPv4Address(value & Self.mask(prefix)) }

    /// The last address of the network.
    public func broadcast(prefix: Int) -> IPv4Address { IPv4Address(value | ~Self.mask(prefix)) }

    /// Whether two networks share an address.
    public static func overlap(_ a: IPv4Address, _ aPrefix: Int, _ b: IPv4Address, _ bPrefix: Int) -> Bool {
        let prefix = min(aPrefix, bPrefix)
        return a.network(prefix: prefix) == b.network(prefix: prefix)
    }

    private static func mask(_ prefix: Int) -> UInt32 { prefix <= 0 ? 0 : ~0 << UInt32(32 - min(prefix, 32)) }
}
