import Diagnostics
import Glibc
import Layers
import Linux
import OCI
import SystemPackage
import Testing

/// Archives that other programs write: what we unpack is what they unpack.
@Suite("An archive of another program")
struct TarFormsTests {
    /// A tree with what the forms of tar differ in.
    private func makeTree(_ root: FilePath) throws {
        try FileManagerLite.write(root.appending("plain"), "content")
        let long = root.appending(String(repeating: "d", count: 120)).appending(String(repeating: "e", count: 120))
        _ = try ChildProcess.run("mkdir", ["mkdir", "-p", long.string])
        try FileManagerLite.write(long.appending(String(repeating: "f", count: 200)), "deep")
        try FileAt.symbolicLink(
            String(repeating: "../t", count: 40), FileAt.workingDirectory, root.appending("l").string)
        try FileAt.hardLink(
            FileAt.workingDirectory, root.appending("plain").string, FileAt.workingDirectory,
            root.appending("other").string)
        try FileAt.makeNode(FileAt.workingDirectory, root.appending("pipe").string, mode: S_IFIFO | 0o640)
        // A hole, data, a hole, data, and a hole at the end.
        let fd = try FileAt.open(
            FileAt.workingDirectory, root.appending("holes").string, O_CREAT | O_WRONLY, mode: 0o600)
        defer { FileAt.close(fd) }
        for offset: Int64 in [1 << 20, 9 << 30] {
            try FileAt.seek(fd, to: offset)
            try Array(repeating: UInt8(7), count: 10_000).withUnsafeBytes { try FileAt.writeAll(fd, $0) }
        }
        try FileAt.truncate(fd, to: 10 << 30)
        try FileAt.setTime(
            FileAt.workingDirectory, root.appending("plain").string, seconds: 1_700_000_000, nanoseconds: 0)
    }

    @Test(
        "is unpacked as that program unpacks it itself",
        arguments: [
            ["--format=gnu", "-S"], ["--format=posix", "-S", "--sparse-version=0.0"],
            ["--format=posix", "-S", "--sparse-version=0.1"], ["--format=posix", "-S", "--sparse-version=1.0"],
            ["--format=oldgnu", "-S"],
        ])
    func gnu(flags: [String]) throws {
        let scratch = try Scratch()
        let tree = try scratch.directory("tree")
        try makeTree(tree)
        let archive = scratch.path.appending("a.tar").string
        let made = try ChildProcess.run("tar", ["tar", "-C", tree.string, "-cf", archive] + flags + ["."])
        try #require(made.status == 0, "\(String(decoding: made.error, as: UTF8.self))")
        let theirs = try scratch.directory("theirs")
        let ours = try scratch.directory("ours")
        #expect(try ChildProcess.run("tar", ["tar", "-C", theirs.string, "-xpf", archive]).status == 0)
        let applied = try unpack(try FileManagerLite.read(archive), into: ours, chunk: 100_000)
        // The last is the target of the symbolic link.
        #expect(applied.fileBytes == (10 << 30) + 7 + 4 + 160)
        try expectSame(ours, theirs)
        let blocks = try FileAt.status(FileAt.workingDirectory, ours.appending("holes").string).blocks
        #expect(blocks < 1000, "the holes have been filled")
    }

    /// Compares without reading ten gigabytes of nothing.
    private func expectSame(_ one: FilePath, _ two: FilePath) throws {
        let script = "cd $0 && find . -printf '%p %y %s %m %n %l %T@\\n' | sort; cat plain; cd ./ddd*/eee* && cat fff*"
        let first = try ChildProcess.run("sh", ["sh", "-c", script, one.string])
        let second = try ChildProcess.run("sh", ["sh", "-c", script, two.string])
        // Only GNU's newer formats have more than whole seconds; what a directory has is what the archive says.
        #expect(first.text == second.text)
        for path in [one, two] {
            let fd = try FileAt.open(FileAt.workingDirectory, path.appending("holes").string, O_RDONLY)
            defer { FileAt.close(fd) }
            for offset: Int64 in [1 << 20, 9 << 30] {
                try FileAt.seek(fd, to: offset)
                var bytes = [UInt8](repeating: 0, count: 10_001)
                #expect(try bytes.withUnsafeMutableBytes { try FileAt.read(fd, $0) } == 10_001)
                #expect(bytes == Array(repeating: 7, count: 10_000) + [0])
            }
        }
    }

    @Test("may lack the filling of its last block, and the blocks at its end")
    func withoutEnd() throws {
        let whole = rawEntry("first", content: Array("one".utf8)) + rawEntry("second", content: Array("two".utf8))
        for missing in [0, 1, 200, 509] {
            let scratch = try Scratch()
            let root = try scratch.directory("root")
            _ = try unpack(Array(whole.dropLast(missing)), into: root)
            #expect(try FileManagerLite.read(root.appending("second").string) == Array("two".utf8))
        }
        let scratch = try Scratch()
        let root = try scratch.directory("root")
        #expect {
            _ = try unpack(Array(whole.dropLast(510)), into: root)
        } throws: {
            ($0 as? DrydockError)?.message == "cannot read layer: unexpected end of the archive"
        }
    }

    @Test("may have names of bytes that are no text, and of 4096 bytes")
    func names() throws {
        let scratch = try Scratch()
        let tree = try scratch.directory("tree")
        let script = """
            cd $0 && printf x > "$(printf 'a\\377\\376b')" && ln -s "$(printf '\\200')" link && \
            for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do n=$(printf '%0250d' $i) && mkdir $n && cd -P $n || exit 1; done && \
            echo deep > "$(printf '%0330d' 0 | cut -c1-200)"
            """
        let made = try ChildProcess.run("bash", ["bash", "-c", script, tree.string])
        try #require(made.status == 0, "\(String(decoding: made.error, as: UTF8.self))")
        let first = Bytes()
        let written = try LayerWriter.write(directory: tree, compression: .none, to: first.sink)
        let copy = try scratch.directory("copy")
        #expect(try unpack(first.all, into: copy, chunk: 4096).diffID == written.diffID)
        #expect(try LayerWriter.write(directory: copy, compression: .none) { _ in } == written)
        // GNU tar reads the same names out of it.
        let archive = scratch.path.appending("a.tar")
        let fd = try FileAt.open(FileAt.workingDirectory, archive.string, O_CREAT | O_WRONLY, mode: 0o600)
        try first.all.withUnsafeBytes { try FileAt.writeAll(fd, $0) }
        FileAt.close(fd)
        let listed = try ChildProcess.run("sh", ["sh", "-c", "tar -tf $0 | wc -l", archive.string])
        #expect(listed.text.split(separator: "\n").first == "18")
    }

    @Test("that wrote out the holes of a file does not fill the disk")
    func holes() throws {
        let scratch = try Scratch()
        let tree = try scratch.directory("tree")
        let script = """
            cd $0 && truncate -s 8M sparse && printf data | dd of=sparse bs=1 seek=3145730 conv=notrunc status=none && \
            truncate -s 3M empty && head -c 300001 /dev/zero > zeros && head -c 70000 /dev/urandom >> zeros && printf x > small
            """
        let made = try ChildProcess.run("bash", ["bash", "-c", script, tree.string])
        try #require(made.status == 0, "\(String(decoding: made.error, as: UTF8.self))")
        let tar = Bytes()
        let written = try LayerWriter.write(directory: tree, compression: .none, to: tar.sink)
        let copy = try scratch.directory("copy")
        #expect(try unpack(tar.all, into: copy, chunk: 200_001).diffID == written.diffID)
        #expect(try LayerWriter.write(directory: copy, compression: .none) { _ in } == written)
        let blocks = try ["sparse", "empty", "zeros"].reduce(Int64(0)) {
            try $0 + FileAt.status(FileAt.workingDirectory, copy.appending($1).string).blocks
        }
        #expect(blocks * 512 < 512 << 10)
    }

    @Test("keeps file capabilities and access control lists", .needsRoot)
    func attributes() throws {
        let scratch = try Scratch()
        let capability: [UInt8] = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        let list: [UInt8] =
            [2, 0, 0, 0]
            + [1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 4, 0, 232, 3, 0, 0, 4, 0, 4, 0, 255, 255, 255, 255]
            + [16, 0, 4, 0, 255, 255, 255, 255, 32, 0, 4, 0, 255, 255, 255, 255]
        let entries = [
            LayerEntry(
                "file", .file(.bytes([1])), mode: 0o644, uid: 70_000, gid: 3_000_000_000,
                attributes: ["security.capability": capability, "system.posix_acl_access": list]),
            LayerEntry("set", .file(.bytes([2])), mode: 0o6755, uid: 5, gid: 6),
            LayerEntry("sticky", .directory, mode: 0o1777), LayerEntry("tty", .characterDevice(major: 5, minor: 0)),
        ]
        let bytes = Bytes()
        let written = try LayerWriter.write(entries: entries, compression: .none, to: bytes.sink)
        let root = try scratch.directory("root")
        _ = try unpack(bytes.all, into: root)
        let file = root.appending("file").string
        #expect(try ExtendedAttributes.get(path: file, "security.capability") == capability)
        #expect(try ExtendedAttributes.get(path: file, "system.posix_acl_access") == list)
        #expect(try FileAt.status(FileAt.workingDirectory, root.appending("set").string).permissions == 0o6755)
        #expect(try LayerWriter.write(directory: root, compression: .none) { _ in } == written)
    }

    @Test("compressed in any of the usual ways is the same layer", arguments: ["cat", "gzip", "bzip2", "xz", "zstd"])
    func compressions(program: String) throws {
        let scratch = try Scratch()
        let bytes = Bytes()
        var random = Seeded(state: 1)
        // More than half a megabyte when compressed, so that gzip goes through a program where there is one.
        let noise = (0..<200_000).map { _ in random.next() }.withUnsafeBytes { Array($0) }
        let written = try LayerWriter.write(
            entries: [LayerEntry("noise", .file(.bytes(noise)))], compression: .none, to: bytes.sink)
        let plain = scratch.path.appending("plain").string
        let fd = try FileAt.open(FileAt.workingDirectory, plain, O_CREAT | O_WRONLY, mode: 0o600)
        try bytes.all.withUnsafeBytes { try FileAt.writeAll(fd, $0) }
        FileAt.close(fd)
        // Two members one after the other, as parallel compressors write them.
        let half = bytes.all.count / 2
        let script = "(head -c \(half) $0 | \(program)) && (tail -c +\(half + 1) $0 | \(program))"
        let packed = try ChildProcess.run("sh", ["sh", "-c", script, plain])
        try #require(packed.status == 0, "\(String(decoding: packed.error, as: UTF8.self))")
        let applied = try unpack(packed.output, into: try scratch.directory("root"), chunk: 30_000)
        #expect(applied.diffID == written.diffID)
        #expect(applied.compressedSize == Int64(packed.output.count))
        if program == "gzip" {
            var damaged = packed.output
            damaged.removeLast(100)
            #expect {
                _ = try unpack(damaged, into: try scratch.directory("cut"), chunk: 30_000)
            } throws: {
                ($0 as? DrydockError)?.code == .corrupt
            }
        }
    }
}

/// Runs every archive of `Corpus`, as it is and changed, through the reader.
@Suite("The corpus of hostile and odd archives")
struct CorpusTests {
    static let directory = FilePath(#filePath).removingLastComponent().appending("Corpus")
    static let names = (try? FileManagerLite.names(directory)) ?? []

    @Test("is unpacked or refused, and never reaches outside", arguments: names)
    func run(name: String) throws {
        let bytes = try FileManagerLite.read(Self.directory.appending(name).string)
        var random = Seeded(state: UInt64(bytes.count))
        for round in 0..<20 {
            var changed = bytes
            if round > 0, !changed.isEmpty {
                for _ in 0..<Int.random(in: 1...4, using: &random) {
                    changed[Int.random(in: 0..<changed.count, using: &random)] = UInt8.random(
                        in: 0...255, using: &random)
                }
            }
            let scratch = try Scratch()
            let root = try scratch.directory("root")
            var options = ApplyOptions.forThisProcess()
            options.limits = LayerLimits(entries: 1000, bytes: 64 << 20)
            var failure: DrydockError?
            do {
                _ = try unpack(changed, into: root, options: options, chunk: 700)
            } catch {
                failure = try #require(error as? DrydockError)
            }
            #expect(try FileManagerLite.names(scratch.path) == ["root"])
            // The name says what must become of the archive as it is.
            if round == 0 {
                #expect(
                    (failure == nil) == name.hasPrefix("good-"), "\(name): \(failure.map { "\($0)" } ?? "unpacked")")
            }
        }
    }

    @Test("is there")
    func isThere() { #expect(Self.names.count >= 30) }
}
