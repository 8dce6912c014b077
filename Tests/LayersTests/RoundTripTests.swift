import Diagnostics
import Glibc
import Layers
import Linux
import OCI
import SystemPackage
import Testing

/// Numbers that are the same in every run.
struct Seeded: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

func randomEntries(seed: UInt64, owners: Bool) -> [LayerEntry] {
    var random = Seeded(state: seed)
    var directories: [FilePath] = [""]
    var files: [FilePath] = []
    var entries: [LayerEntry] = []
    for number in 0..<Int.random(in: 1...60, using: &random) {
        let parent = directories.randomElement(using: &random) ?? ""
        let long = String(
            repeating: "n", count: Bool.random(using: &random) ? 1 : Int.random(in: 90...180, using: &random))
        let path = parent.appending(["é", "b", "ä c", "D-"][number % 4] + "\(number)" + long)
        let mtime = Timestamp(
            seconds: Int64.random(in: -5...4_000_000_000, using: &random),
            nanoseconds: UInt32.random(in: 0..<1_000_000_000, using: &random))
        let uid: UInt32 = owners ? [0, 1000, 70_000, 3_000_000].randomElement(using: &random) ?? 0 : 0
        let mode = UInt32.random(in: 0...0o7777, using: &random)
        let attributes: [String: [UInt8]] =
            Bool.random(using: &random) ? [:] : ["user.colour": Array("red\n=\0x".utf8), "user.empty": []]
        switch Int.random(in: 0..<6, using: &random) {
        case 0, 1:
            directories.append(path)
            entries.append(
                LayerEntry(path, .directory, mode: mode, uid: uid, gid: uid, mtime: mtime, attributes: attributes))
        case 2:
            let target = String(repeating: "../t", count: Int.random(in: 1...60, using: &random))
            entries.append(LayerEntry(path, .symbolicLink(target), uid: uid, gid: uid, mtime: mtime))
        case 3 where !files.isEmpty:
            // The header of a hard link repeats what its file has.
            guard let file = files.randomElement(using: &random), let same = entries.first(where: { $0.path == file })
            else { continue }
            var link = same
            link.path = path
            link.kind = .hardLink(file)
            entries.append(link)
        case 4: entries.append(LayerEntry(path, .fifo, mode: mode & 0o777, mtime: mtime))
        default:
            files.append(path)
            let count = [0, 1, 511, 512, 513, 70_000].randomElement(using: &random) ?? 0
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            entries.append(
                LayerEntry(
                    path, .file(.bytes(bytes)), mode: mode, uid: uid, gid: uid, mtime: mtime, attributes: attributes))
        }
    }
    return entries
}

@Suite("A layer written and unpacked again")
struct RoundTripTests {
    @Test("is the same bytes after any tree has been through a directory", arguments: 1...40)
    func identity(seed: Int) throws {
        let scratch = try Scratch()
        let first = Bytes()
        let entries = randomEntries(seed: UInt64(seed), owners: true)
        let written = try LayerWriter.write(entries: entries, compression: .none, to: first.sink)
        let one = try scratch.directory("one")
        let applied = try unpack(first.all, into: one)
        #expect(applied.diffID == written.diffID)
        #expect(applied.entries == written.entries)
        let second = Bytes()
        let again = try LayerWriter.write(directory: one, compression: .none, to: second.sink)
        let two = try scratch.directory("two")
        _ = try unpack(second.all, into: two)
        #expect(try snapshot(one) == snapshot(two))
        let third = Bytes()
        #expect(try LayerWriter.write(directory: two, compression: .none, to: third.sink) == again)
    }

    @Test("has the same digest whoever unpacked it", arguments: 1...20)
    func sameDigest(seed: Int) throws {
        let scratch = try Scratch()
        let first = Bytes()
        // Hard links choose their first name by the walk; without them entries and directory agree exactly.
        let entries = randomEntries(seed: UInt64(seed), owners: true).filter {
            if case .hardLink = $0.kind { return false }
            return true
        }
        let written = try LayerWriter.write(entries: entries, compression: .none, to: first.sink)
        for ownership in Set([ApplyOptions.forThisProcess().ownership, .record]) {
            let directory = try scratch.directory("\(ownership)")
            var options = ApplyOptions.forThisProcess()
            options.ownership = ownership
            _ = try unpack(first.all, into: directory, options: options)
            let again = try LayerWriter.write(directory: directory, compression: .none, to: Bytes().sink)
            #expect(again.diffID == written.diffID)
        }
    }

    @Test(
        "gives the same digests twice, in each compression",
        arguments: [
            LayerCompression.none, .gzip(level: 1), .gzip(level: 9), .zstd(level: 3),
        ])
    func compressions(compression: LayerCompression) throws {
        let scratch = try Scratch()
        let entries = randomEntries(seed: 99, owners: true)
        let bytes = Bytes()
        let written = try LayerWriter.write(entries: entries.shuffled(), compression: compression, to: bytes.sink)
        #expect(try LayerWriter.write(entries: entries, compression: compression, to: Bytes().sink) == written)
        #expect(Digest.sha256(bytes.all) == written.digest)
        #expect(Int64(bytes.all.count) == written.size)
        let applied = try unpack(bytes.all, into: try scratch.directory("x"), chunk: 7)
        #expect(applied.diffID == written.diffID)
        #expect(applied.digest == written.digest)
        #expect(applied.tarSize == written.tarSize)
        #expect(applied.fileBytes == written.fileBytes)
    }
}
