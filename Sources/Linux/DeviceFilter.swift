import CLinux
import Diagnostics

/// One rule of what programs of a cgroup may do with devices.
public struct DeviceRule: Sendable, Hashable {
    /// The kind of device.
    public enum Kind: String, Sendable {
        /// Both.
        case all = "a"
        /// Block devices.
        case block = "b"
        /// Character devices.
        case character = "c"
    }

    /// What is done with a device.
    public struct Access: OptionSet, Sendable, Hashable {
        /// The kernel's number (BPF_DEVCG_ACC_…).
        public let rawValue: UInt32
        /// Makes accesses from the kernel's number.
        public init(rawValue: UInt32) { self.rawValue = rawValue }
        /// Making a node of it.
        public static let makeNode = Access(rawValue: 1)
        /// Reading.
        public static let read = Access(rawValue: 2)
        /// Writing.
        public static let write = Access(rawValue: 4)
        /// All three.
        public static let all: Access = [.makeNode, .read, .write]

        /// Reads `rwm`; nil where there is another letter.
        public init?(_ text: String) {
            self = []
            for letter in text {
                switch letter {
                case "r": insert(.read)
                case "w": insert(.write)
                case "m": insert(.makeNode)
                default: return nil
                }
            }
        }

        var text: String {
            (contains(.read) ? "r" : "") + (contains(.write) ? "w" : "") + (contains(.makeNode) ? "m" : "")
        }
    }

    /// Whether it is allowed.
    public var allow: Bool
    /// The kind.
    public var kind: Kind
    /// The major number, nil for any.
    public var major: UInt32?
    /// The minor number, nil for any.
    public var minor: UInt32?
    /// What may be done.
    public var access: Access

    /// Makes a rule.
    public init(allow: Bool, kind: Kind, major: UInt32?, minor: UInt32?, access: Access) {
        self.allow = allow
        self.kind = kind
        self.major = major
        self.minor = minor
        self.access = access
    }

    /// `c 1:3 rwm`, as the files of version 1 and Docker's `--device-cgroup-rule` have it.
    public var text: String {
        let numbers = [major, minor].map { $0.map(String.init) ?? "*" }.joined(separator: ":")
        return "\(kind.rawValue) \(numbers) \(access.text)"
    }

    /// Whether it is about every access to every device.
    public var isEverything: Bool { kind == .all && major == nil && minor == nil && access == .all }

    /// Reads `c 1:3 rwm`; nil where it is something else.
    public init?(_ text: some StringProtocol, allow: Bool = true) {
        let fields = text.split(separator: " ")
        guard fields.count == 3, let kind = Kind(rawValue: String(fields[0])) else { return nil }
        let numbers = fields[1].split(separator: ":", omittingEmptySubsequences: false)
        guard numbers.count == 2, let access = Access(String(fields[2])), !access.isEmpty else { return nil }
        var parsed: [UInt32?] = []
        for number in numbers {
            if number == "*" {
                parsed.append(nil)
            } else if let value = UInt32(number) {
                parsed.append(value)
            } else {
                return nil
            }
        }
        self.init(allow: allow, kind: kind, major: parsed[0], minor: parsed[1], access: access)
    }
}

/// Rules as a program that the kernel runs at every access to a device (BPF_PROG_TYPE_CGROUP_DEVICE): how a cgroup of
/// version 2 is told what version 1 has files for.
struct DeviceFilter {
    private(set) var instructions: [UInt64] = []

    /// - Parameter rules: in order; the last that matches decides, as in version 1.
    init(_ rules: [DeviceRule]) {
        // r1 points to { kind | access << 16, major, minor }.
        emit(0x61, to: 2, from: 1, offset: 0)
        emit(0xbc, to: 3, from: 2)
        emit(0x54, to: 2, value: 0xffff)
        emit(0x74, to: 3, value: 16)
        emit(0x61, to: 4, from: 1, offset: 4)
        emit(0x61, to: 5, from: 1, offset: 8)
        for rule in rules.reversed() {
            add(rule)
            // The kernel refuses a program with instructions that nothing reaches.
            if rule.isEverything { return }
        }
        finish(allow: true)
    }

    private mutating func add(_ rule: DeviceRule) {
        var skips: [Int] = []
        func condition(_ opcode: UInt8, _ register: UInt8, _ value: UInt32, _ filter: inout DeviceFilter) {
            skips.append(filter.instructions.count)
            filter.emit(opcode, to: register, value: value)
        }
        switch rule.kind {
        case .all: break
        case .block: condition(0x55, 2, 1, &self)
        case .character: condition(0x55, 2, 2, &self)
        }
        if rule.access != .all {
            emit(0xbc, to: 1, from: 3)
            // Allowed is what asks for nothing else; denied is what asks for any of it.
            emit(0x54, to: 1, value: rule.allow ? ~rule.access.rawValue : rule.access.rawValue)
            condition(rule.allow ? 0x55 : 0x15, 1, 0, &self)
        }
        if let major = rule.major { condition(0x55, 4, major, &self) }
        if let minor = rule.minor { condition(0x55, 5, minor, &self) }
        finish(allow: rule.allow)
        for place in skips {
            let distance = UInt64(UInt16(instructions.count - place - 1))
            instructions[place] |= distance << 16
        }
    }

    private mutating func finish(allow: Bool) {
        emit(0xb4, to: 0, value: allow ? 1 : 0)
        emit(0x95)
    }

    private mutating func emit(
        _ opcode: UInt8, to register: UInt8 = 0, from source: UInt8 = 0, offset: UInt16 = 0, value: UInt32 = 0
    ) {
        instructions.append(
            UInt64(opcode) | UInt64(register | source << 4) << 8 | UInt64(offset) << 16 | UInt64(value) << 32)
    }

    /// Puts the filter into force for a cgroup of version 2.
    func attach(to cgroup: Int32) throws(DrydockError) {
        let result = cl_attach_device_filter(cgroup, instructions, UInt32(instructions.count))
        guard result == 0 else { throw .system("attach a device filter to the cgroup", errno: -result) }
    }
}
