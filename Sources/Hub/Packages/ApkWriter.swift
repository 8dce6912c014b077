import Crypto
import Diagnostics
import SystemPackage

/// Writes packages and indexes in the version 2 format of Alpine's apk-tools.
///
/// An `.apk` is three gzip streams, one after the other: a tar piece with the signature of the second stream, a tar
/// piece with `.PKGINFO` and the scripts, and a tar archive with the files. `.PKGINFO` names the SHA-256 of the third
/// stream, and the index names the SHA-1 of the second, so the signature of the index vouches for every file.
/// (Source: the Alpine wiki's "Apk spec" and abuild's documentation.)
struct ApkWriter {
    let key: SigningKey
    let architecture: String
    /// Where temporary files may lie.
    let scratch: FilePath

    /// Writes `NAME-VERSION.apk` into a directory.
    func write(_ package: ApkPackage, to directory: FilePath) throws(DrydockError) -> WrittenPackage {
        let tree = TreeEntry.complete(package.files)
        let data = scratch.appending("data.tar")
        let packed = scratch.appending("data.tar.gz")
        defer {
            HostFiles.remove(data)
            HostFiles.remove(packed)
        }
        let (files, installedSize) = try writeData(tree, time: package.built, to: data)
        try compress(data, to: packed)
        var hash = SHA256()
        try HostFiles.stream(packed) { (chunk) throws(DrydockError) in hash.update(bufferPointer: chunk) }

        let control = try compressed(time: package.built) { (tar) throws(DrydockError) in
            let info = self.info(package, installedSize: installedSize, dataHash: Hex.text(hash.finalize()))
            try tar.entry(".PKGINFO", Array(info.utf8))
            for (when, script) in package.scripts.sorted(by: { $0.key < $1.key }) {
                try tar.entry("." + when, Array(script.utf8), mode: 0o755)
            }
        }
        let signature = try signatureStream(of: control, time: package.built)
        let output = try OutputFile(directory.appending("\(package.id).apk"))
        try output.write(signature)
        try output.write(control)
        try HostFiles.stream(packed) { (chunk) throws(DrydockError) in try output.write(chunk) }
        let size = output.count
        try output.finish()
        let digest = Array(Insecure.SHA1.hash(data: control))
        return WrittenPackage(
            package: package, architecture: architecture, checksum: "Q1" + Hex.base64(digest),
            checksumHex: Hex.text(digest), size: size, installedSize: installedSize, files: files)
    }

    /// Writes `APKINDEX.tar.gz`: the signature stream, then a tar archive with `DESCRIPTION` and `APKINDEX`.
    func writeIndex(
        of packages: [WrittenPackage], description: String, to file: FilePath
    ) throws(DrydockError) {
        let time = packages.map(\.package.built).max() ?? 0
        let records = packages.sorted { $0.package.name < $1.package.name }.map(\.indexRecord).joined()
        let index = try compressed(time: time) { (tar) throws(DrydockError) in
            try tar.entry("DESCRIPTION", Array(description.utf8))
            try tar.entry("APKINDEX", Array(records.utf8))
            try tar.end()
        }
        try HostFiles.write(file, try signatureStream(of: index, time: time) + index)
    }

    private func signatureStream(of stream: [UInt8], time: Int64) throws(DrydockError) -> [UInt8] {
        let signature = try key.signature(of: stream)
        return try compressed(time: time) { (tar) throws(DrydockError) in
            try tar.entry(".SIGN.RSA.\(key.name)", signature)
        }
    }

    private func writeData(
        _ tree: [TreeEntry], time: Int64, to path: FilePath
    ) throws(DrydockError) -> (files: [WrittenPackage.File], size: Int64) {
        let output = try OutputFile(path)
        let tar = TarSegment(time: time) { (bytes) throws(DrydockError) in try output.write(bytes) }
        var files: [WrittenPackage.File] = []
        var total: Int64 = 0
        func note(_ entry: TreeEntry, _ digest: [UInt8]) -> [(String, String)] {
            files.append(
                .init(path: entry.path, mode: entry.mode, isDirectory: false, checksum: "Q1" + Hex.base64(digest)))
            return [("APK-TOOLS.checksum.SHA1", Hex.text(digest))]
        }
        for entry in tree {
            switch entry.kind {
            case .directory:
                files.append(.init(path: entry.path, mode: entry.mode, isDirectory: true, checksum: ""))
                try tar.directory(entry.path, mode: entry.mode)
            case .symbolicLink(let target):
                let pax = note(entry, Array(Insecure.SHA1.hash(data: Array(target.utf8))))
                try tar.symbolicLink(entry.path, to: target, pax: pax)
            case .bytes(let bytes):
                total += Int64(bytes.count)
                let pax = note(entry, Array(Insecure.SHA1.hash(data: bytes)))
                try tar.entry(entry.path, bytes, mode: entry.mode, pax: pax)
            case .file(let source):
                var hash = Insecure.SHA1()
                var size: Int64 = 0
                try HostFiles.stream(source) { (chunk) throws(DrydockError) in
                    hash.update(bufferPointer: chunk)
                    size += Int64(chunk.count)
                }
                total += size
                let pax = note(entry, Array(hash.finalize()))
                try tar.file(entry.path, from: source, size: size, mode: entry.mode, pax: pax)
            }
        }
        try tar.end()
        try output.finish()
        return (files, total)
    }

    private func info(_ package: ApkPackage, installedSize: Int64, dataHash: String) -> String {
        var lines = [
            "# Made by Drydock from the packages of the distribution", "pkgname = \(package.name)",
            "pkgver = \(package.version)", "pkgdesc = \(package.summary)", "url = \(package.url)",
            "builddate = \(package.built)", "packager = Drydock <drydock@hub.drydock>", "size = \(installedSize)",
            "arch = \(architecture)",
        ]
        if !package.origin.isEmpty { lines.append("origin = \(package.origin)") }
        lines.append("license = \(package.license)")
        lines += package.depends.map { "depend = \($0)" }
        lines += package.provides.map { "provides = \($0)" }
        if !package.triggers.isEmpty { lines.append("triggers = \(package.triggers.joined(separator: " "))") }
        lines.append("datahash = \(dataHash)")
        return lines.joined(separator: "\n") + "\n"
    }

    /// A gzip stream of a tar piece that fits in memory.
    private func compressed(
        time: Int64, _ body: (TarSegment) throws(DrydockError) -> Void
    ) throws(DrydockError) -> [UInt8] {
        let plain = scratch.appending("stream.tar")
        defer { HostFiles.remove(plain) }
        let output = try OutputFile(plain)
        try body(TarSegment(time: time) { (bytes) throws(DrydockError) in try output.write(bytes) })
        try output.finish()
        return try HostCommand("gzip", "-n", "-9", input: plain).check().output
    }

    /// Compresses with the distribution's gzip, without name and time, so that the same content gives the same bytes.
    private func compress(_ file: FilePath, to packed: FilePath) throws(DrydockError) {
        try HostCommand("gzip", "-n", "-6", input: file, output: packed).check()
    }
}
