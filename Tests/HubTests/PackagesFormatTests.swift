import Crypto
import Diagnostics
import Glibc
import Linux
import SystemPackage
import Testing

@testable import Hub

/// A directory of one test's own, removed when the test is over.
final class CourseScratch {
    let path: FilePath

    init() throws {
        path = FilePath("/tmp/drydock-course-\(UInt64.random(in: 0 ... .max))")
        try HostFiles.makeDirectories(path)
    }

    deinit { HostFiles.remove(path) }
}

/// The gzip streams of a file that our writer made; each begins with a header without name and time.
func gzipStreams(_ bytes: [UInt8]) -> [[UInt8]] {
    let magic: [UInt8] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0]
    let starts = bytes.indices.filter { bytes[$0...].starts(with: magic) } + [bytes.count]
    return zip(starts, starts.dropFirst()).map { Array(bytes[$0..<$1]) }
}

/// The entries of a tar piece in a gzip stream: name, content, and the PAX records before it.
func tarEntries(gzipped: [UInt8]) throws -> [(name: String, content: [UInt8], pax: String)] {
    let scratch = try CourseScratch()
    let file = scratch.path.appending("stream.gz")
    try HostFiles.write(file, gzipped)
    let tar = try HostCommand("gzip", "-dc", input: file).check().output
    var entries: [(String, [UInt8], String)] = []
    var offset = 0
    var pax = ""
    while offset + 512 <= tar.count, tar[offset] != 0 {
        func text(_ start: Int, _ count: Int) -> String {
            String(decoding: tar[(offset + start)..<(offset + start + count)].prefix { $0 != 0 }, as: UTF8.self)
        }
        let size = try #require(Int(text(124, 11), radix: 8))
        let content = Array(tar[(offset + 512)..<(offset + 512 + size)])
        if text(156, 1) == "x" {
            pax = String(decoding: content, as: UTF8.self)
        } else {
            entries.append((text(0, 100), content, pax))
            pax = ""
        }
        offset += 512 + (size + 511) / 512 * 512
    }
    return entries
}

@Suite("Alpine-format packages")
struct PackagesFormatTests {
    private let key: SigningKey
    private let scratch: CourseScratch

    init() throws {
        key = try SigningKey()
        scratch = try CourseScratch()
    }

    private var sample: ApkPackage {
        ApkPackage(
            name: "tool", version: "1.2-r3", summary: "A tool", license: "MIT", depends: ["so:libx.so.1"],
            provides: ["cmd:tool"], scripts: ["post-install": "#!/bin/sh\n"],
            files: [
                TreeEntry("usr/bin/tool", text: "#!/bin/sh\necho tool\n", mode: 0o755),
                TreeEntry("usr/bin/alias", .symbolicLink("tool")),
            ], built: 1_500_000_000)
    }

    private func write(_ package: ApkPackage) throws -> (written: WrittenPackage, bytes: [UInt8]) {
        let writer = ApkWriter(key: key, architecture: "x86_64", scratch: scratch.path)
        let written = try writer.write(package, to: scratch.path)
        return (written, try HostFiles.read(scratch.path.appending("\(package.id).apk")))
    }

    @Test("a package is three gzip streams, each vouched for by the one before")
    func chain() throws {
        let (written, bytes) = try write(sample)
        let streams = gzipStreams(bytes)
        #expect(streams.count == 3)
        #expect(written.size == Int64(bytes.count))
        let signature = try #require(try tarEntries(gzipped: streams[0]).first)
        #expect(signature.name == ".SIGN.RSA.\(key.name)")
        #expect(key.verifies(signature.content, of: streams[1]))
        #expect(written.checksum == "Q1" + Hex.base64(Array(Insecure.SHA1.hash(data: streams[1]))))
        let control = try tarEntries(gzipped: streams[1])
        #expect(control.map(\.name) == [".PKGINFO", ".post-install"])
        let info = String(decoding: control[0].content, as: UTF8.self)
        #expect(info.contains("datahash = \(Hex.text(SHA256.hash(data: streams[2])))\n"))
        #expect(info.contains("pkgname = tool\npkgver = 1.2-r3\n"))
        #expect(info.contains("depend = so:libx.so.1\n"))
    }

    @Test("every file of a package carries its SHA-1 in a PAX header, a link that of its target")
    func checksums() throws {
        let entries = try tarEntries(gzipped: gzipStreams(try write(sample).bytes)[2])
        #expect(entries.map(\.name) == ["usr/", "usr/bin/", "usr/bin/alias", "usr/bin/tool"])
        let target = Hex.text(Insecure.SHA1.hash(data: Array("tool".utf8)))
        #expect(
            entries[2].pax == "71 APK-TOOLS.checksum.SHA1=\(target)\n" || entries[2].pax.hasSuffix("SHA1=\(target)\n"))
        #expect(Int(entries[2].pax.prefix { $0 != " " }) == entries[2].pax.utf8.count)
        #expect(entries[3].pax.hasSuffix("SHA1=\(Hex.text(Insecure.SHA1.hash(data: entries[3].content)))\n"))
    }

    @Test("the same package gives the same bytes")
    func determinism() throws {
        let first = try write(sample)
        let second = try write(sample)
        #expect(first.bytes == second.bytes)
        #expect(first.written.indexRecord == second.written.indexRecord)
    }

    @Test("an index is signed, and its records name the checksums of the packages")
    func index() throws {
        let (written, _) = try write(sample)
        let file = scratch.path.appending("APKINDEX.tar.gz")
        try ApkWriter(key: key, architecture: "x86_64", scratch: scratch.path)
            .writeIndex(of: [written], description: "v3.5", to: file)
        let streams = gzipStreams(try HostFiles.read(file))
        #expect(streams.count == 2)
        let signature = try #require(try tarEntries(gzipped: streams[0]).first)
        #expect(key.verifies(signature.content, of: streams[1]))
        #expect(!(try SigningKey().verifies(signature.content, of: streams[1])))
        let entries = try tarEntries(gzipped: streams[1])
        #expect(entries.map(\.name) == ["DESCRIPTION", "APKINDEX"])
        let records = String(decoding: entries[1].content, as: UTF8.self)
        #expect(records.hasPrefix("C:\(written.checksum)\nP:tool\nV:1.2-r3\nA:x86_64\n"))
        #expect(records.hasSuffix("D:so:libx.so.1\np:cmd:tool\n\n"))
    }

    @Test("the record of what is installed lists directories, files, modes and checksums")
    func installedRecord() throws {
        let record = try write(sample).written.installedRecord
        #expect(record.contains("F:usr/bin\nR:alias\na:0:0:777\nZ:Q1"))
        #expect(record.contains("R:tool\na:0:0:755\nZ:Q1"))
    }

    @Test("long paths go into a PAX header")
    func longPaths() throws {
        var package = sample
        let path = "usr/share/" + String(repeating: "d", count: 90) + "/" + String(repeating: "f", count: 90)
        package.files = [TreeEntry(path, text: "x")]
        let entries = try tarEntries(gzipped: gzipStreams(try write(package).bytes)[2])
        #expect(entries.last?.pax.contains(" path=\(path)\n") == true)
    }

    @Test("a repository has every package in every branch, and nothing else")
    func repository() throws {
        let repository = PackageRepository(directory: scratch.path.appending("packages"))
        let place = scratch.path.appending("packages/v3.5/main/\(CourseArchitecture.alpine)")
        try HostFiles.makeDirectories(place)
        try HostFiles.write(place.appending("old-1-r0.apk"), "old")
        _ = try repository.publish([sample], key: key) { _ in }
        #expect(HostFiles.list(place) == ["APKINDEX.tar.gz", "tool-1.2-r3.apk"])
        let branches = Set(HostFiles.list(repository.directory))
        #expect(branches == ["v3.5", "v3.7", "latest-stable", key.name])
    }

    @Test(
        "versions of the distribution become versions of Alpine's form",
        arguments: [
            ("20.20.2-1nodesource1+repack1", "20.20.2-r1"), ("1:1.35.0-4+deb12u1+b1", "1.35.0-r4"),
            ("18.20.4+dfsg-1~deb12u1", "18.20.4-r1"), ("72.1-3", "72.1-r3"), ("20230311", "20230311-r0"),
            ("abc", "0-r0"),
        ])
    func versions(debian: String, alpine: String) { #expect(ApkPackage.version(debian: debian) == alpine) }

    @Test("the first alternatives of a Depends field are taken, without versions and architectures")
    func depends() {
        let field = "libc6 (>= 2.36), libssl3 | libssl1.1, python3:any, \nzlib1g"
        #expect(DebianSource.names(inDepends: field) == ["libc6", "libssl3", "python3", "zlib1g"])
    }

    @Test("a key is made once, readable by its owner only, and is the same afterwards")
    func keyFile() throws {
        let file = scratch.path.appending("keys/drydock.rsa")
        let made = try SigningKey(file: file)
        let read = try SigningKey(file: file)
        #expect(made.name == read.name)
        #expect(read.verifies(try made.signature(of: [1, 2, 3]), of: [1, 2, 3]))
        #expect((HostFiles.status(file)?.mode ?? 0) & 0o777 == 0o600)
        try HostFiles.write(file, "nonsense")
        #expect(throws: DrydockError.self) { try SigningKey(file: file) }
    }

    @Test("an ELF program's libraries and loader are read, and no broken file is trusted")
    func elf() throws {
        let bytes = try HostFiles.read("/proc/self/exe")
        let libraries = try #require(SharedLibraries(elf: bytes))
        #expect(libraries.needed.contains("libc.so.6"))
        #expect(libraries.loader?.contains("ld-linux") == true)
        for count in [0, 3, 16, 63, 64, 100, 4000] { #expect(SharedLibraries(elf: Array(bytes.prefix(count))) == nil) }
        var broken = Array(bytes.prefix(4096))
        for index in stride(from: 24, to: broken.count, by: 3) { broken[index] = 0xff }
        #expect(SharedLibraries(elf: broken) == nil)
    }

    @Test("base 64 is padded as everyone pads it")
    func base64() {
        #expect(
            ["", "f", "fo", "foo", "foob"].map { Hex.base64(Array($0.utf8)) } == [
                "", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==",
            ])
    }
}
