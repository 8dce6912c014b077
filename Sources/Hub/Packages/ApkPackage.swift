import Diagnostics
import SystemPackage

/// A package before it is written: what it is called, what it needs, and its files.
struct ApkPackage: Sendable {
    var name: String
    /// Alpine's form: `20.20.2-r1`.
    var version: String
    var summary: String
    var url = ""
    var license = ""
    /// The package of the distribution that the files come from.
    var origin = ""
    /// Names, also with versions, and shared libraries: `so:libz.so.1`.
    var depends: [String] = []
    /// What it offers besides its name: `so:libz.so.1=1.2.13`.
    var provides: [String] = []
    /// Directories in which a change runs the `.trigger` script.
    var triggers: [String] = []
    /// Scripts by when they run: `post-install`, `trigger`.
    var scripts: [String: String] = [:]
    var files: [TreeEntry] = []
    /// When the content was built, in seconds since 1970.
    var built: Int64 = 0

    var id: String { "\(name)-\(version)" }

    /// A version of the distribution in Alpine's form: no epoch, numbers with dots, and the revision as `-r`.
    static func version(debian: String) -> String {
        let withoutEpoch = debian.split(separator: ":", maxSplits: 1).last.map(String.init) ?? debian
        let dash = withoutEpoch.lastIndex(of: "-")
        let upstream = dash.map { withoutEpoch[..<$0] } ?? withoutEpoch[...]
        let revision = dash.map { withoutEpoch[withoutEpoch.index(after: $0)...].prefix { $0.isNumber } } ?? "0"
        var numbers = ""
        for character in upstream {
            if character.isASCII && character.isNumber {
                numbers.append(character)
            } else if character == ".", numbers.last?.isNumber == true {
                numbers.append(character)
            } else {
                break
            }
        }
        while numbers.last == "." { numbers.removeLast() }
        return (numbers.isEmpty ? "0" : numbers) + "-r" + (revision.isEmpty ? "0" : revision)
    }
}

/// A package as it was written: what the index and the database of what is installed say about it.
struct WrittenPackage: Sendable {
    /// A file with what `/lib/apk/db/installed` keeps of it.
    struct File: Sendable {
        var path: String
        var mode: UInt32
        var isDirectory: Bool
        /// `Q1…` of the content, or of a link's target.
        var checksum: String
    }

    var package: ApkPackage
    var architecture: String
    /// `Q1…`: names the package by the SHA-1 of its control stream.
    var checksum: String
    /// The same as hexadecimal digits.
    var checksumHex: String
    /// The size of the `.apk`, in bytes.
    var size: Int64
    /// The sum of the sizes of its files, in bytes.
    var installedSize: Int64
    var files: [File]

    /// The lines that the index and the installed database have in common.
    private var commonLines: [String] {
        var lines = [
            "C:\(checksum)", "P:\(package.name)", "V:\(package.version)", "A:\(architecture)", "S:\(size)",
            "I:\(installedSize)", "T:\(package.summary)", "U:\(package.url)", "L:\(package.license)",
        ]
        if !package.origin.isEmpty { lines.append("o:\(package.origin)") }
        lines.append("t:\(package.built)")
        if !package.depends.isEmpty { lines.append("D:\(package.depends.joined(separator: " "))") }
        if !package.provides.isEmpty { lines.append("p:\(package.provides.joined(separator: " "))") }
        return lines
    }

    /// The record in `APKINDEX`.
    var indexRecord: String { commonLines.joined(separator: "\n") + "\n\n" }

    /// The record in `/lib/apk/db/installed`.
    var installedRecord: String {
        var lines = commonLines
        var last: String?
        func enter(_ directory: String, mode: UInt32? = nil) {
            if directory != last { lines.append("F:\(directory)") }
            if let mode, mode != 0o755 { lines.append("M:0:0:\(String(mode, radix: 8))") }
            last = directory
        }
        for file in files where file.isDirectory {
            enter(file.path, mode: file.mode)
            for inner in files where !inner.isDirectory && Self.split(inner.path).directory == file.path {
                lines.append("R:\(Self.split(inner.path).name)")
                if inner.mode != 0o644 { lines.append("a:0:0:\(String(inner.mode, radix: 8))") }
                lines.append("Z:\(inner.checksum)")
            }
        }
        return lines.joined(separator: "\n") + "\n\n"
    }

    private static func split(_ path: String) -> (directory: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return ("", path) }
        return (String(path[..<slash]), String(path[path.index(after: slash)...]))
    }
}
