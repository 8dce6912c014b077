/// What Docker's client says of a flag's value while it reads the command line; nil where the value is right.
enum FlagChecks {
    /// `64m`, `1.5GiB`, a number of bytes.
    @Sendable static func bytes(_ text: String) -> String? {
        Quantity.bytes(text) == nil ? "invalid size: '\(text)'" : nil
    }

    /// The same, or -1.
    @Sendable static func swap(_ text: String) -> String? { text == "-1" ? nil : bytes(text) }

    /// A number of processors with at most nine decimals.
    @Sendable static func decimal(_ text: String) -> String? {
        let body = text.hasPrefix("-") || text.hasPrefix("+") ? text.dropFirst() : Substring(text)
        let parts = body.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), !body.isEmpty, body != ".",
            parts.allSatisfy({ $0.allSatisfy { $0.isASCII && $0.isNumber } })
        else { return "failed to parse \(text) as a rational number" }
        var decimals = parts.count == 2 ? parts[1] : ""
        while decimals.last == "0" { decimals.removeLast() }
        return decimals.count > 9 ? "value is too precise" : nil
    }

    @Sendable static func unsigned16(_ text: String) -> String? {
        if UInt16(text) != nil { return nil }
        let why =
            text.allSatisfy { $0.isASCII && $0.isNumber } && !text.isEmpty ? "value out of range" : "invalid syntax"
        return "strconv.ParseUint: parsing \"\(text)\": \(why)"
    }

    /// `NAME=SOFT[:HARD]`
    @Sendable static func ulimit(_ text: String) -> String? {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2 else { return "invalid ulimit argument: \(text)" }
        guard ulimits.contains(parts[0]) else { return "invalid ulimit type: \(parts[0])" }
        let values = parts[1].split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard values.count <= 2, !values.contains("") else {
            return values.count > 2
                ? "too many limit value arguments - \(parts[1]), can only have up to two, `soft[:hard]`"
                : "strconv.ParseInt: parsing \"\": invalid syntax"
        }
        for value in values where Int64(value) == nil {
            return "strconv.ParseInt: parsing \"\(value)\": invalid syntax"
        }
        let numbers = values.compactMap { Int64($0) }
        if let soft = numbers.first, let hard = numbers.last, hard != -1, soft > hard || soft == -1 && values.count == 2
        {
            return
                "ulimit soft limit must be less than or equal to hard limit: \(soft == -1 ? "unlimited" : "\(soft)") > \(hard)"
        }
        return nil
    }

    private static let ulimits: Set = [
        "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio",
        "rttime", "sigpending", "stack",
    ]

    /// `NAME:ADDRESS` or `NAME=ADDRESS`; the address may be `host-gateway`.
    @Sendable static func extraHost(_ text: String) -> String? {
        guard let (name, address) = extraHostParts(text), !name.isEmpty else {
            return "bad format for add-host: \"\(text)\""
        }
        if address == "host-gateway" || Quantity.isAddress(address) { return nil }
        return "invalid IP address in add-host: \"\(address)\""
    }

    /// The two parts of `--add-host`.
    static func extraHostParts(_ text: String) -> (name: String, address: String)? {
        let separator: Character = text.contains("=") ? "=" : ":"
        guard let place = text.firstIndex(of: separator) else { return nil }
        var address = String(text[text.index(after: place)...])
        if address.hasPrefix("["), address.hasSuffix("]") { address = String(address.dropFirst().dropLast()) }
        return (String(text[..<place]), address)
    }

    @Sendable static func address(_ text: String) -> String? {
        Quantity.isAddress(trimmed(text)) ? nil : "IP address is not correctly formatted: \(text)"
    }

    @Sendable static func domain(_ text: String) -> String? {
        let text = trimmed(text)
        if text == "." { return nil }
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        let good = labels.allSatisfy { label in
            !label.isEmpty && label.count <= 63 && label.first != "-" && label.last != "-"
                && label.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") }
        }
        return good && text.contains(where: \.isLetter) && text.count < 255 ? nil : "\(text) is not a valid domain"
    }

    @Sendable static func sysctl(_ text: String) -> String? {
        let name = text.prefix { $0 != "=" }
        let spaced: Set = [
            "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax",
            "kernel.shmmni", "kernel.shm_rmid_forced",
        ]
        let good =
            text.contains("=")
            && (spaced.contains(String(name)) || name.hasPrefix("net.") || name.hasPrefix("fs.mqueue."))
        return good ? nil : "sysctl '\(text)' is not allowed"
    }

    @Sendable static func label(_ text: String) -> String? {
        text.hasPrefix("=") ? "invalid label '\(text)': empty name" : nil
    }

    @Sendable static func deviceRule(_ text: String) -> String? {
        let fields = text.split(separator: " ", omittingEmptySubsequences: false)
        func number(_ part: Substring) -> Bool {
            part == "*" || (!part.isEmpty && part.allSatisfy { $0.isASCII && $0.isNumber })
        }
        let numbers = fields.count == 3 ? fields[1].split(separator: ":", omittingEmptySubsequences: false) : []
        let good =
            fields.count == 3 && ["a", "b", "c"].contains(fields[0]) && numbers.count == 2 && numbers.allSatisfy(number)
            && (1...3).contains(fields[2].count) && fields[2].allSatisfy { "rwm".contains($0) }
        return good ? nil : "invalid device cgroup format '\(text)'"
    }
}

/// Numbers with units and addresses, as flags have them.
enum Quantity {
    /// A size with a unit of 1024 (`64m`, `1.5 GiB`), in bytes; nil where it is none.
    static func bytes(_ text: String) -> Int64? {
        let number = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        guard let value = Double(number), value.isFinite else { return nil }
        var unit = text.dropFirst(number.count).lowercased()
        if unit.first == " " { unit.removeFirst() }
        let factors: [String: Double] = ["k": 1, "m": 2, "g": 3, "t": 4, "p": 5]
        var power = 0.0
        if let first = unit.first, let known = factors[String(first)] {
            power = known
            unit.removeFirst()
            if unit.hasPrefix("i") { unit.removeFirst() }
            if unit.hasPrefix("b") { unit.removeFirst() }
        } else if unit == "b" {
            unit.removeFirst()
        }
        guard unit.isEmpty else { return nil }
        var result = value
        for _ in 0..<Int(power) { result *= 1024 }
        return result < 9e18 ? Int64(result) : nil
    }

    /// Whether a text is an address of version 4 or 6.
    static func isAddress(_ text: String) -> Bool {
        let four = text.split(separator: ".", omittingEmptySubsequences: false)
        if four.count == 4, four.allSatisfy({ part in UInt8(part) != nil && (part.count == 1 || part.first != "0") }) {
            return true
        }
        guard text.contains(":"), text.allSatisfy({ $0.isHexDigit || $0 == ":" || $0 == "." }) else { return false }
        let groups = text.split(separator: ":", omittingEmptySubsequences: false)
        let short = text.contains("::")
        return groups.count <= 9 && (short || groups.count == 8)
            && groups.allSatisfy { $0.count <= 4 || $0.contains(".") }
    }
}
