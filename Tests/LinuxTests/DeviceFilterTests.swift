import Glibc
import SystemPackage
import Testing

@testable import Linux

@Suite("Rules for devices")
struct DeviceFilterTests {
    /// What the kernel would do, for the handful of instructions that a filter consists of.
    private func run(_ program: [UInt64], kind: UInt32, access: UInt32, major: UInt32, minor: UInt32) -> UInt64? {
        let context: [UInt64] = [UInt64(kind | access << 16), UInt64(major), UInt64(minor)]
        var registers = [UInt64](repeating: 0, count: 11)
        var place = 0
        while place < program.count {
            let word = program[place]
            let (to, from) = (Int(word >> 8 & 15), Int(word >> 12 & 15))
            let (offset, value) = (Int(word >> 16 & 0xffff), word >> 32)
            place += 1
            switch UInt8(truncatingIfNeeded: word) {
            case 0x61: registers[to] = context[offset / 4]
            case 0xbc: registers[to] = registers[from]
            case 0x54: registers[to] &= value
            case 0x74: registers[to] >>= value
            case 0xb4: registers[to] = value
            case 0x55: if registers[to] != value { place += offset }
            case 0x15: if registers[to] == value { place += offset }
            case 0x95: return registers[0]
            default: return nil
            }
        }
        return nil
    }

    @Test("The last rule that matches decides, and an access counts only as a whole")
    func order() throws {
        let deny = try #require(DeviceRule("a *:* rwm", allow: false))
        let null = try #require(DeviceRule("c 1:3 rw"))
        let program = DeviceFilter([deny, null]).instructions
        func verdict(_ kind: UInt32, _ access: UInt32, _ major: UInt32, _ minor: UInt32) -> UInt64? {
            run(program, kind: kind, access: access, major: major, minor: minor)
        }
        #expect(verdict(2, 2, 1, 3) == 1)
        #expect(verdict(2, 6, 1, 3) == 1)
        #expect(verdict(2, 7, 1, 3) == 0, "making a node was not allowed")
        #expect(verdict(1, 2, 1, 3) == 0, "a block device")
        #expect(verdict(2, 2, 1, 5) == 0)
        let reversed = DeviceFilter([null, deny]).instructions
        #expect(run(reversed, kind: 2, access: 2, major: 1, minor: 3) == 0)
        #expect(run(DeviceFilter([]).instructions, kind: 1, access: 7, major: 8, minor: 0) == 1)
        // The kernel refuses what cannot be reached, so what a rule for everything hides is left out.
        #expect(reversed.count == DeviceFilter([deny]).instructions.count)
        #expect(Array(reversed.suffix(2)) == [0xb4, 0x95])
    }

    @Test("The kernel takes the filter that every container gets", .enabled(if: getuid() == 0, "loading it is root's"))
    func kernel() throws {
        let deny = try #require(DeviceRule("a *:* rwm", allow: false))
        let rules =
            try [deny] + ["c *:* m", "b *:* m", "c 1:3 rwm", "c 136:* rwm"].map { try #require(DeviceRule($0)) }
        let place = FilePath("/sys/fs/cgroup").appending(
            Files.exists("/sys/fs/cgroup/unified/cgroup.procs") ? "unified" : ".")
        guard Files.exists(place.appending("cgroup.procs")) else { return }
        let directory = place.appending("drydock-filter-\(getpid())")
        try Files.makeDirectories(directory)
        defer { rmdir(directory.string) }
        let cgroup = try OwnedDescriptor.open(directory, .readOnly)
        try DeviceFilter(rules).attach(to: cgroup.number)
    }

    @Test("A rule is read as it is written", arguments: ["c 1:3 rwm", "b 8:* r", "a *:* rwm", "c *:5 wm"])
    func text(rule: String) { #expect(DeviceRule(rule)?.text == rule) }

    @Test("What is no rule is none", arguments: ["", "c 1:3", "x 1:3 rwm", "c 1 rwm", "c a:b r", "c 1:3 q", "c 1:3 "])
    func wrong(rule: String) { #expect(DeviceRule(rule) == nil) }
}
