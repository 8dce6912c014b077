import Engine

/// Reads `-p [[IP:][HOST]:]CONTAINER[/tcp|udp]`, ranges included, as Docker's client does.
enum PortSpecification {
    /// The ports that a specification publishes.
    ///
    /// Two ranges of one length go together port by port; a range of the host for one port of the container is what a
    /// free port is chosen from.
    static func read(_ text: String) throws(Failure) -> [CreateRequest.Port] {
        var parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        let last = (parts.popLast() ?? "").split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        let outside = parts.popLast() ?? ""
        let address = try address(parts.joined(separator: ":"))
        let inside = last.first ?? ""
        if inside.isEmpty { throw .message("no port specified: \(text)<empty>") }
        guard let insideRange = range(inside) else { throw .message("invalid containerPort: \(inside)") }
        let outsideRange = range(outside)
        if !outside.isEmpty, outsideRange == nil { throw .message("invalid hostPort: \(outside)") }
        if let outsideRange, outsideRange.count != insideRange.count, insideRange.count > 1 {
            throw .message("invalid ranges specified for container and host Ports: \(inside) and \(outside)")
        }
        let protocolName = last.count > 1 && !last[1].isEmpty ? last[1] : "tcp"
        guard ["tcp", "udp", "sctp"].contains(protocolName.lowercased()) else {
            throw .message("invalid proto: \(protocolName)")
        }
        return insideRange.enumerated().map { place, port in
            let first = outsideRange.map { $0.lowerBound + UInt16(place) } ?? 0
            return CreateRequest.Port(
                hostAddress: address, hostPort: first,
                lastHostPort: insideRange.count == 1 ? outsideRange?.upperBound : first, containerPort: port,
                transport: protocolName.lowercased())
        }
    }

    private static func address(_ text: String) throws(Failure) -> String {
        var address = Substring(text)
        if address.hasPrefix("["), address.hasSuffix("]") { address = address.dropFirst().dropLast() }
        guard address.isEmpty || Quantity.isAddress(String(address)) else {
            throw .message("invalid IP address: \(address)")
        }
        return String(address)
    }

    private static func range(_ text: String) -> ClosedRange<UInt16>? {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        // Swift reads "+80" as a number, Docker does not.
        guard parts.count <= 2, !text.contains("+"), let first = parts.first.flatMap({ UInt16($0) }) else { return nil }
        guard parts.count == 2 else { return first...first }
        guard let last = UInt16(parts[1]), last >= first else { return nil }
        return first...last
    }
}
