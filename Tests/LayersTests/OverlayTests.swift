import Diagnostics
import Glibc
import Layers
import Linux
import SystemPackage
import Testing

private let flavor: OverlayFlavor =
    ApplyOptions.forThisProcess().whiteouts == .overlay(.trusted) ? .trusted : .user

/// Makes the directory an overlay upper directory has where something was removed.
private func whiteout(_ path: FilePath) throws {
    try FileAt.makeNode(FileAt.workingDirectory, path.string, mode: S_IFCHR)
}

private func opaque(_ path: FilePath) throws {
    try ExtendedAttributes.set(path: path.string, flavor.prefix + "opaque", [0x79])
}

private func tree(_ root: FilePath, _ files: [String]) throws {
    for file in files {
        let path = root.appending(file)
        try Files.makeDirectories(path.removingLastComponent())
        if file.hasSuffix("/") { try Files.makeDirectories(path) } else { try FileManagerLite.write(path, file) }
    }
}

@Suite("An upper directory")
struct OverlayTests {
    struct Fixture {
        let scratch: Scratch
        let lower: FilePath
        let upper: FilePath

        init() throws {
            scratch = try Scratch()
            lower = try scratch.directory("lower")
            upper = try scratch.directory("upper")
            try tree(lower, ["etc/passwd", "etc/group", "var/lib/a", "var/lib/b", "opt/x", "bin/sh"])
        }

        func changes() throws -> [String] {
            try ChangeDetector.changes(upper: upper, lower: LayerStack([lower])).map {
                "\($0.kind.rawValue) \($0.path)"
            }
        }
    }

    @Test("shows what was added, changed and deleted, with the directories above")
    func changes() throws {
        let fixture = try Fixture()
        #expect(try fixture.changes().isEmpty)
        try tree(fixture.upper, ["etc/passwd", "etc/new", "opt-1/deep/file", "srv/empty/"])
        try whiteout(fixture.upper.appending("etc/group"))
        try whiteout(fixture.upper.appending("bin"))
        #expect(
            try fixture.changes() == [
                "D /bin", "C /etc", "D /etc/group", "A /etc/new", "C /etc/passwd", "A /opt-1", "A /opt-1/deep",
                "A /opt-1/deep/file", "A /srv", "A /srv/empty",
            ])
    }

    @Test("with a directory that was deleted and made again shows what is gone from it")
    func opaqueDirectory() throws {
        let fixture = try Fixture()
        try tree(fixture.upper, ["var/lib/b", "var/lib/c"])
        try opaque(fixture.upper.appending("var/lib"))
        #expect(try fixture.changes() == ["C /var", "C /var/lib", "D /var/lib/a", "C /var/lib/b", "A /var/lib/c"])
    }

    @Test("does not show what the runtime only made to mount on it")
    func mountPoints() throws {
        let fixture = try Fixture()
        for name in ["etc/hosts", "etc/resolv.conf", ".dockerenv"] {
            try Files.makeDirectories(fixture.upper.appending(name).removingLastComponent())
            try FileManagerLite.write(fixture.upper.appending(name), "")
        }
        for name in ["proc", "sys", "dev/pts"] { try Files.makeDirectories(fixture.upper.appending(name)) }
        #expect(try fixture.changes().isEmpty)
        let bytes = Bytes()
        let written = try LayerWriter.write(
            upper: fixture.upper, over: LayerStack([fixture.lower]), compression: .none,
            leavingOut: ChangeDetector.mountPoints, to: bytes.sink)
        #expect(bytes.all == [UInt8](repeating: 0, count: 1024))
        #expect(written.entries == 0)
        try FileManagerLite.write(fixture.upper.appending("etc/hosts"), "mine")
        #expect(try fixture.changes() == ["C /etc", "A /etc/hosts"])
    }

    @Test("gives a layer of what differs: nothing that was only copied up, and a whiteout for each name that is gone")
    func difference() throws {
        let fixture = try Fixture()
        let (upper, lower) = (fixture.upper, fixture.lower)
        try tree(lower, ["old/inner/x", "old/y", "one", "two"])
        try tree(upper, ["etc/passwd", "opt/x", "old/inner/z", "one", "var/lib/only-here"])
        // An opaque directory in an image's and one that is new: both are marked by fuse-overlayfs, and the kernel does not
        // mark what is inside of one.
        try opaque(upper.appending("old"))
        try opaque(upper.appending("var/lib"))
        for name in ["gone", "bin"] { try whiteout(upper.appending(name)) }
        #expect(link(upper.appending("one").string, upper.appending("three").string) == 0)
        let times = [timespec(tv_sec: 7, tv_nsec: 0), timespec(tv_sec: 7, tv_nsec: 5)]
        for name in ["etc", "etc/passwd", "opt", "opt/x", "one", "old", "old/inner", "var", "var/lib"] {
            for root in [upper, lower] { #expect(utimensat(AT_FDCWD, root.appending(name).string, times, 0) == 0) }
        }
        try FileManagerLite.write(upper.appending("opt/x"), "OPT/X")
        #expect(utimensat(AT_FDCWD, upper.appending("opt/x").string, times, 0) == 0)
        let bytes = Bytes()
        _ = try LayerWriter.write(upper: upper, over: LayerStack([lower]), compression: .none, to: bytes.sink)
        let again = try fixture.scratch.directory("again")
        _ = try unpack(bytes.all, into: again)
        let entries = try LayerContents.entries(of: again).map { ($0.isDeletion ? "-" : "") + $0.path.string }
        #expect(
            entries == [
                "-/bin", "/old", "/old/inner", "-/old/inner/x", "/old/inner/z", "-/old/y", "/one", "/opt", "/opt/x",
                "/three", "/var", "/var/lib", "-/var/lib/a", "-/var/lib/b", "/var/lib/only-here",
            ])
        let (one, three) = (
            try FileAt.status(FileAt.workingDirectory, again.appending("one").string),
            try FileAt.status(FileAt.workingDirectory, again.appending("three").string)
        )
        #expect(one.inode == three.inode)
        #expect(!(try ExtendedAttributes.names(path: again.appending("old").string)).contains { $0.contains("opaque") })
    }

    @Test("packed and unpacked again is the same upper directory")
    func roundTrip() throws {
        let fixture = try Fixture()
        try tree(fixture.upper, ["etc/new", "var/lib/c"])
        try whiteout(fixture.upper.appending("etc/group"))
        try opaque(fixture.upper.appending("var/lib"))
        let bytes = Bytes()
        let written = try LayerWriter.write(directory: fixture.upper, compression: .none, to: bytes.sink)
        let again = try fixture.scratch.directory("again")
        _ = try unpack(bytes.all, into: again)
        #expect(try LayerWriter.write(directory: again, compression: .none, to: Bytes().sink) == written)
        let status = try FileAt.status(FileAt.workingDirectory, again.appending("etc/group").string)
        #expect(status.isWhiteout)
        #expect(
            try ExtendedAttributes.get(path: again.appending("var/lib").string, flavor.prefix + "opaque") == [0x79])
        #expect(try ChangeDetector.changes(upper: again, lower: LayerStack([fixture.lower])).count == 8)
    }

    @Test("where whiteouts remove, an unpacked change set gives the whole file system")
    func flattening() throws {
        let fixture = try Fixture()
        try tree(fixture.upper, ["etc/new", "var/lib/c"])
        try whiteout(fixture.upper.appending("etc/group"))
        try opaque(fixture.upper.appending("var/lib"))
        let bytes = Bytes()
        _ = try LayerWriter.write(directory: fixture.upper, to: bytes.sink)
        var options = ApplyOptions.forThisProcess()
        options.whiteouts = .remove
        _ = try unpack(bytes.all, into: fixture.lower, options: options)
        #expect(try FileManagerLite.names(fixture.lower.appending("etc")) == ["new", "passwd"])
        #expect(try FileManagerLite.names(fixture.lower.appending("var/lib")) == ["c"])
    }

    @Test("of a layer in which a path is both removed and made keeps what is made")
    func removedAndMade() throws {
        let scratch = try Scratch()
        let root = try scratch.directory("root")
        let end = [UInt8](repeating: 0, count: 1024)
        _ = try unpack(
            rawEntry("a/.wh.f") + rawEntry("a/f", content: [1]) + rawEntry("b/f", content: [2]) + rawEntry("b/.wh.f")
                + rawEntry(".wh.c") + rawEntry("c", type: "5", mode: "0000755") + rawEntry("c/x")
                + rawEntry(".wh..wh.plnk", type: "5") + end, into: root)
        #expect(try FileManagerLite.read(root.appending("a/f").string) == [1])
        #expect(try FileManagerLite.read(root.appending("b/f").string) == [2])
        #expect(try ExtendedAttributes.get(path: root.appending("c").string, flavor.prefix + "opaque") == [0x79])
        #expect(try FileManagerLite.names(root) == ["a", "b", "c"])
    }
}

@Suite("A stack of layers")
struct LayerStackTests {
    @Test("is looked through from the top, with whiteouts, opaque directories and links")
    func lookUp() throws {
        let scratch = try Scratch()
        let (top, middle, base) = (
            try scratch.directory("top"), try scratch.directory("middle"), try scratch.directory("base")
        )
        try tree(base, ["usr/lib/a", "usr/lib/b", "etc/passwd", "gone/x", "over/file"])
        try tree(middle, ["etc/passwd", "usr/lib/c", "over/new"])
        try tree(top, ["root/"])
        try whiteout(top.appending("gone"))
        try opaque(middle.appending("over"))
        #expect(symlink("/usr/lib", base.appending("lib").string) == 0)
        #expect(symlink("../lib/../../../etc", top.appending("conf").string) == 0)
        #expect(symlink("loop", top.appending("loop").string) == 0)
        let stack = LayerStack([top, middle, base])
        #expect(try stack.lookUp("/lib/a")?.path == "/usr/lib/a")
        #expect(try stack.lookUp("/lib/a")?.layer == 2)
        #expect(try stack.lookUp("lib", followingLast: false)?.status.isSymbolicLink == true)
        #expect(try stack.read("/conf/passwd") == Array("etc/passwd".utf8))
        #expect(try stack.lookUp("/etc/passwd")?.layer == 1)
        #expect(try stack.lookUp("/gone/x") == nil)
        #expect(try stack.lookUp("/over/file") == nil)
        #expect(try stack.lookUp("/../../etc/passwd")?.path == "/etc/passwd")
        #expect(try stack.lookUp("/etc/passwd/x") == nil)
        #expect(throws: DrydockError.self) { try stack.lookUp("/loop") }
        #expect(try stack.list("/lib")?.map(\.name) == ["a", "b", "c"])
        #expect(try stack.list("/")?.map(\.name) == ["conf", "etc", "lib", "loop", "over", "root", "usr"])
        #expect(try stack.versions(of: "/etc/passwd").map(\.hidden) == [false, true])
        #expect(try stack.versions(of: "/over/file").map(\.hidden) == [true])
        let gone = try stack.versions(of: "/gone")
        #expect(gone.map(\.layer) == [0, 2])
        #expect(gone.first?.kind == .whiteout)
    }
}
