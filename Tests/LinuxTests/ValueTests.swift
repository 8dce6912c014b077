import Diagnostics
import Linux
import Testing

@Suite("Values")
struct ValueTests {
    @Test(
        "A time is written with nine digits and read back",
        arguments: [0, 1_714_557_600_123_456_789, 951_782_400_000_000_000])
    func time(nanoseconds: Int64) {
        #expect(WallClock.parse(WallClock.text(nanoseconds)) == nanoseconds)
    }

    @Test("Known moments have their dates")
    func knownTimes() {
        #expect(WallClock.text(0) == "1970-01-01T00:00:00.000000000Z")
        #expect(WallClock.text(951_782_400_000_000_001) == "2000-02-29T00:00:00.000000001Z")
        #expect(WallClock.parse("2000-02-29T01:00:00.5+01:00") == 951_782_400_500_000_000)
        #expect(WallClock.parse("yesterday") == nil)
        #expect(WallClock.parse("2000-13-01T00:00:00Z") == nil)
    }

    @Test("The lines of subuid that name the user or its number are taken, malformed ones are not")
    func subordinate() {
        let text = "ada:100000:65536\nbob:165536:65536\n1000:300000:10\nada:x:1\nada:5:0\n\n"
        let ranges = SubordinateIDs.ranges(in: text, name: "ada", uid: 1000)
        #expect(ranges == [.init(first: 100_000, count: 65536), .init(first: 300_000, count: 10)])
        #expect(SubordinateIDs.ranges(in: text, name: nil, uid: 7).isEmpty)
    }

    @Test("Addresses know their networks")
    func addresses() throws {
        let address = try #require(IPv4Address("172.17.5.9"))
        #expect(address.description == "172.17.5.9")
        #expect(address.network(prefix: 16).description == "172.17.0.0")
        #expect(address.broadcast(prefix: 16).description == "172.17.255.255")
        #expect(IPv4Address("1.2.3") == nil)
        #expect(IPv4Address("1.2.3.256") == nil)
        let other = try #require(IPv4Address("172.17.0.0"))
        #expect(IPv4Address.overlap(address, 32, other, 16))
        #expect(!IPv4Address.overlap(address, 24, other, 24))
    }

    @Test("Messages survive being cut anywhere")
    func frames() throws {
        let plan = Frame.plan(.launch, settings: ["a": 1], plan: [1, 2, 3])
        let bytes = Frame(.output, Array("hello".utf8)).bytes + Frame.number(.exited, 137).bytes + plan.bytes
        var reader = FrameReader()
        var frames: [Frame] = []
        for byte in bytes {
            reader.add([byte])
            while let frame = try reader.next() { frames.append(frame) }
        }
        #expect(frames.map(\.kind) == [.output, .exited, .launch])
        #expect(frames[0].payload == Array("hello".utf8))
        #expect(frames[1].number == 137)
        let (settings, flattened) = try frames[2].settingsAndPlan()
        #expect(settings["a"]?.int == 1)
        #expect(flattened == [1, 2, 3])
    }

    @Test("A message of an unknown kind or an impossible length is refused")
    func badFrames() throws {
        var unknown = FrameReader()
        unknown.add([0, 0, 0, 0, 0])
        #expect(throws: DrydockError.self) { try unknown.next() }
        var long = FrameReader()
        long.add([FrameKind.input.rawValue, 255, 255, 255, 127])
        #expect(throws: DrydockError.self) { try long.next() }
        #expect(throws: DrydockError.self) { try Frame(.exec, [9, 0, 0, 0]).settingsAndPlan() }
    }

    @Test("A monitor's settings survive the way")
    func settings() {
        var settings = MonitorSettings()
        settings.directory = "/x"
        settings.terminal = true
        settings.rows = 24
        settings.cleanup = ["drydock", "rm"]
        #expect(MonitorSettings(settings.json) == settings)
    }
}
