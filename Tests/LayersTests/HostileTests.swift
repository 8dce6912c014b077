import Diagnostics
import Glibc
import Layers
import Linux
import SystemPackage
import Testing

/// Raw tar headers, for archives that no honest tool writes.
func rawEntry(
    _ name: String, type: Character = "0", link: String = "", content: [UInt8] = [], size: String? = nil,
    mode: String = "0000644", id: String = "0000000"
) -> [UInt8] {
    var block = [UInt8](repeating: 0, count: 512)
    func put(_ text: String, _ offset: Int) {
        for (index, byte) in text.utf8.enumerated() { block[offset + index] = byte }
    }
    put(name, 0)
    put(mode, 100)
    put(id, 108)
    put(id, 116)
    put(size ?? octal(content.count, 11), 124)
    put("00000000000", 136)
    put("        ", 148)
    put(String(type), 156)
    put(link, 157)
    put("ustar", 257)
    put("00", 263)
    put(octal(block.reduce(0) { $0 + Int($1) }, 6), 148)
    block[154] = 0
    return block + content + [UInt8](repeating: 0, count: (512 - content.count % 512) % 512)
}

private func octal(_ value: Int, _ digits: Int) -> String {
    let text = String(value, radix: 8)
    return String(repeating: "0", count: digits - text.count) + text
}

private let end = [UInt8](repeating: 0, count: 1024)

@Suite("A hostile archive")
struct HostileTests {
    static let refused: [(String, [UInt8])] = [
        ("a parent of the root", rawEntry("../evil")),
        ("a parent in the middle", rawEntry("a/../../evil")),
        ("a hard link out of the root", rawEntry("x", type: "1", link: "../../etc/passwd")),
        ("a hard link to nothing", rawEntry("x", type: "1", link: "nothing")),
        ("a hard link to itself", rawEntry("x") + rawEntry("x", type: "1", link: "x")),
        ("a hard link to a directory", rawEntry("d", type: "5") + rawEntry("x", type: "1", link: "d")),
        (
            "a hard link through a link",
            rawEntry("l", type: "2", link: "/etc") + rawEntry("x", type: "1", link: "l/passwd")
        ),
        ("a file below a file", rawEntry("f") + rawEntry("f/g")),
        ("a file below a dangling link", rawEntry("l", type: "2", link: "/tmp") + rawEntry("l/evil")),
        ("a whiteout of nothing", rawEntry(".wh.")),
        ("a whiteout of the parent", rawEntry("a/.wh...")),
        ("a size that is a lie", rawEntry("f", content: [1], size: "77777777777")),
        ("no archive at all", Array(repeating: 0x41, count: 2000)),
    ]

    @Test("is refused and touches nothing outside", arguments: refused)
    func refusal(name: String, bytes: [UInt8]) throws {
        let scratch = try Scratch()
        let root = try scratch.directory("root")
        var failure: DrydockError?
        do { _ = try unpack(bytes + end, into: root) } catch { failure = error as? DrydockError }
        #expect(failure?.code == .corrupt, "\(name): \(failure.map { "\($0)" } ?? "accepted")")
        #expect(try FileManagerLite.names(scratch.path) == ["root"])
        #expect(access("/tmp/evil", F_OK) != 0)
    }

    @Test("that names the root absolutely stays inside")
    func absolute() throws {
        let scratch = try Scratch()
        let root = try scratch.directory("root")
        let link = rawEntry("link", type: "2", link: "/dir") + rawEntry("dir", type: "5", mode: "0000755")
        _ = try unpack(
            rawEntry("/abs/./file", content: [65]) + link + rawEntry("link/through", content: [66]) + end, into: root)
        #expect(try FileManagerLite.read(root.appending("abs/file").string) == [65])
        #expect(try FileManagerLite.read(root.appending("dir/through").string) == [66])
    }

    @Test("with the same path twice gives the later one, whatever the earlier was")
    func duplicates() throws {
        let scratch = try Scratch()
        let root = try scratch.directory("root")
        _ = try unpack(
            rawEntry("a", content: [1]) + rawEntry("a", content: [2])
                + rawEntry("d", type: "5") + rawEntry("d/x", content: [3]) + rawEntry("d", content: [4])
                + rawEntry("e", type: "2", link: "/etc") + rawEntry("e", type: "5", mode: "0000700")
                + rawEntry("e/in", content: [5]) + end, into: root)
        #expect(try FileManagerLite.read(root.appending("a").string) == [2])
        #expect(try FileManagerLite.read(root.appending("d").string) == [4])
        #expect(try FileManagerLite.read(root.appending("e/in").string) == [5])
        #expect(try FileAt.status(FileAt.workingDirectory, root.appending("e").string).isDirectory)
    }

    @Test("that unpacks to too much, or to too many, is stopped")
    func limits() throws {
        let scratch = try Scratch()
        let bytes = Bytes()
        _ = try LayerWriter.write(
            entries: [LayerEntry("zeros", .file(.bytes([UInt8](repeating: 0, count: 20_000_000))))], to: bytes.sink)
        var options = ApplyOptions.forThisProcess()
        options.limits.bytes = 1_000_000
        #expect(bytes.all.count < 100_000)
        let first = try scratch.directory("one")
        #expect {
            _ = try unpack(bytes.all, into: first, options: options)
        } throws: {
            ($0 as? DrydockError)?.code == .exhausted
        }
        options = .forThisProcess()
        options.limits.entries = 10
        let many = (0..<11).flatMap { rawEntry("f\($0)") } + end
        let second = try scratch.directory("two")
        #expect {
            _ = try unpack(many, into: second, options: options)
        } throws: {
            ($0 as? DrydockError)?.code == .exhausted
        }
    }

    @Test("never crashes the reader, whatever bytes are changed", arguments: 1...200)
    func mutations(seed: Int) throws {
        var random = Seeded(state: UInt64(seed))
        let bytes = Bytes()
        let compression: LayerCompression = seed % 3 == 0 ? .gzip(level: 1) : .none
        _ = try LayerWriter.write(
            entries: randomEntries(seed: UInt64(seed), owners: false), compression: compression, to: bytes.sink)
        var mutated = bytes.all
        for _ in 0..<Int.random(in: 1...20, using: &random) {
            mutated[Int.random(in: 0..<mutated.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
        }
        let scratch = try Scratch()
        _ = try? unpack(mutated, into: try scratch.directory("root"))
        #expect(try FileManagerLite.names(scratch.path) == ["root"])
    }

    @Test("never crashes the reader, whatever its headers claim", arguments: 1...80)
    func claims(seed: Int) throws {
        var random = Seeded(state: UInt64(seed))
        let bytes = Bytes()
        _ = try LayerWriter.write(
            entries: randomEntries(seed: UInt64(seed), owners: false), compression: .none, to: bytes.sink)
        var mutated = bytes.all
        let headers = stride(from: 0, to: mutated.count - 511, by: 512).filter {
            mutated[$0 + 257..<$0 + 262].elementsEqual("ustar".utf8)
        }
        for _ in 0..<Int.random(in: 1...6, using: &random) {
            let header = try #require(headers.randomElement(using: &random))
            // A place of the name, the numbers, the kind, the link or the prefix; half of the time what could stand there.
            let place = header + Int.random(in: 0..<500, using: &random)
            let plausible = Array("01234567/.gKLSx25 \0".utf8)
            mutated[place] =
                Bool.random(using: &random)
                ? UInt8.random(in: 0...255, using: &random)
                : plausible[Int.random(in: 0..<plausible.count, using: &random)]
            // With the right checksum, or nothing behind it would be looked at.
            mutated.replaceSubrange(header + 148..<header + 156, with: Array("        ".utf8))
            let sum = String(mutated[header..<header + 512].reduce(0) { $0 + Int($1) }, radix: 8)
            let text = String(repeating: "0", count: 6 - sum.count) + sum + "\0 "
            mutated.replaceSubrange(header + 148..<header + 156, with: Array(text.utf8))
        }
        let scratch = try Scratch()
        var options = ApplyOptions.forThisProcess()
        options.limits = LayerLimits(entries: 10_000, bytes: 64 << 20)
        _ = try? unpack(mutated, into: try scratch.directory("root"), options: options)
        #expect(try FileManagerLite.names(scratch.path) == ["root"])
    }
}
