import Diagnostics
import FoundationEssentials
import SystemPackage

/// Reads the files of the content.
struct ContentFiles {
    /// Names in a directory, sorted; nil where it is not a directory.
    static func names(in directory: FilePath) -> [String]? {
        try? FileManager.default.contentsOfDirectory(atPath: directory.string).sorted()
    }

    /// All files below a directory, relative to it, sorted.
    static func files(below directory: FilePath, prefix: String = "") -> [String] {
        (names(in: directory) ?? []).flatMap { name in
            let path = directory.appending(name)
            return names(in: path) == nil ? [prefix + name] : files(below: path, prefix: prefix + name + "/")
        }
    }

    /// The text of a file, or nil where it cannot be read or is not UTF-8.
    static func text(of path: FilePath) -> String? {
        guard let data = FileManager.default.contents(atPath: path.string) else { return nil }
        return String(validating: data, as: UTF8.self)
    }
}
