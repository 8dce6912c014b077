import Diagnostics
import Glibc
import Linux
import SystemPackage
import Testing

/// A directory that disappears with the test.
final class Scratch {
    let path: FilePath

    init() throws {
        path = FilePath("/tmp/drydock-linux-\(getpid())-\(UInt64.random(in: 0 ... .max))")
        try Files.makeDirectories(path)
    }

    deinit { try? Files.removeTree(path) }
}

@Suite("Files")
struct FilesTests {
    @Test("An atomic write replaces the content and leaves no temporary file")
    func atomicWrite() throws {
        let scratch = try Scratch()
        let file = scratch.path.appending("state.json")
        try AtomicFile.write(Array("one".utf8), to: file)
        try AtomicFile.write(Array("two".utf8), to: file, durable: false)
        #expect(try Files.read(file) == Array("two".utf8))
        #expect(try Files.names(in: scratch.path) == ["state.json"])
    }

    @Test("An atomic write into a directory that does not exist says so")
    func atomicWriteNowhere() throws {
        let scratch = try Scratch()
        let error = #expect(throws: DrydockError.self) {
            try AtomicFile.write([], to: scratch.path.appending("no/such"))
        }
        #expect(error?.errno == ENOENT)
        #expect(error?.code == .notFound)
        #expect(error?.message.contains("no such file or directory") == true)
    }

    @Test("A missing file is nil, not an error")
    func missing() throws {
        #expect(try Files.readIfPresent("/no/such/file") == nil)
        #expect(!Files.exists("/no/such/file"))
    }

    @Test("A tree is removed with unreadable directories in it, and links are not followed")
    func removeTree() throws {
        let scratch = try Scratch()
        let kept = scratch.path.appending("kept")
        try Files.makeDirectories(kept)
        let tree = scratch.path.appending("tree")
        try Files.makeDirectories(tree.appending("a/b"))
        try AtomicFile.write([1], to: tree.appending("a/b/file"), durable: false)
        symlink(kept.string, tree.appending("link").string)
        chmod(tree.appending("a/b").string, 0)
        try Files.removeTree(tree)
        #expect(!Files.exists(tree))
        #expect(Files.exists(kept))
        try Files.removeTree(tree)
    }

    @Test("Directories are made with those above them, twice without harm")
    func makeDirectories() throws {
        let scratch = try Scratch()
        try Files.makeDirectories(scratch.path.appending("a/b/c"))
        try Files.makeDirectories(scratch.path.appending("a/b/c"))
        #expect(Files.exists(scratch.path.appending("a/b/c")))
    }

    @Test("A lock keeps another taker out until it is given back")
    func lock() throws {
        let scratch = try Scratch()
        let path = scratch.path.appending("lock")
        #expect(!FileLock.isHeld(path))
        let lock = try FileLock(path)
        #expect(FileLock.isHeld(path))
        #expect(try FileLock.ifFree(path) == nil)
        lock.unlock()
        #expect(!FileLock.isHeld(path))
        #expect(try FileLock.ifFree(path) != nil)
    }

    @Test("A file that is written to is reported")
    func watch() throws {
        let scratch = try Scratch()
        let path = scratch.path.appending("log")
        try AtomicFile.write([], to: path, durable: false)
        let watch = try #require(FileWatch(path))
        var entry = pollfd(fd: watch.descriptor.number, events: Int16(POLLIN), revents: 0)
        #expect(poll(&entry, 1, 0) == 0)
        try Files.write([65], toFile: path)
        #expect(poll(&entry, 1, 5000) == 1)
        watch.drain()
        #expect(poll(&entry, 1, 0) == 0)
    }

    @Test("A system error has Docker's words, its number, and a remedy where one is known")
    func errors() {
        let missing = DrydockError.system("open /x", errno: ENOENT)
        #expect(missing.message == "open /x: no such file or directory")
        #expect(missing.operation == "open /x")
        #expect(DrydockError.system("x", errno: EIO).message == "x: input/output error")
        #expect(DrydockError.system("write", errno: ENOSPC).reason?.contains("disk") == true)
        #expect(DrydockError.system("mount overlay on /r", errno: ENOSPC).reason?.contains("mount") == true)
        #expect(DrydockError.system("unshare", errno: EPERM).remedy?.contains("sysctl") == true)
    }
}
