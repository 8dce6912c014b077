import Diagnostics
import Glibc
import SystemPackage

/// A package of the distribution whose files are at hand, installed or unpacked.
struct DebianPackage: Sendable {
    var name: String
    /// The distribution's version, with epoch and revision.
    var version: String
    /// What the paths of `files` are relative to: empty for an installed package.
    var root: String
    /// Files and symbolic links, absolute.
    var files: [String]
    /// The names of the packages it depends on, first alternatives only.
    var depends: [String]

    /// Where a file really lies.
    func location(_ file: String) -> FilePath { FilePath(root + file) }

    /// When the newest of some files was built, in seconds since 1970.
    func built(_ files: [String]) -> Int64 {
        files.compactMap { HostFiles.modified(location($0)) }.max() ?? 0
    }
}

/// Gives packages of the distribution: from this machine where they are installed, otherwise fetched with
/// `apt-get download` and unpacked in a scratch directory, which needs no privileges.
final class DebianSource {
    private let scratch: FilePath
    private let preferInstalled: Bool
    private var known: [String: DebianPackage] = [:]
    private var refreshed = false
    /// Is told before something is fetched.
    var onFetch: (String) -> Void = { _ in }

    /// - Parameters:
    ///   - scratch: a directory for what is fetched; the caller removes it.
    ///   - preferInstalled: false fetches everything, so that the result does not depend on what is installed.
    init(scratch: FilePath, preferInstalled: Bool = true) {
        self.scratch = scratch
        self.preferInstalled = preferInstalled
    }

    /// A package by its name.
    /// - Throws: code `.unavailable` where it is neither installed nor can be fetched.
    func package(_ name: String) throws(DrydockError) -> DebianPackage {
        if let package = known[name] { return package }
        let package: DebianPackage
        if preferInstalled, let installed = try installed(name) {
            package = installed
        } else {
            package = try fetched(name)
        }
        known[name] = package
        return package
    }

    /// The installed package that a file came with, or nil.
    func owner(of file: String) throws(DrydockError) -> String? {
        let outcome = try HostCommand("dpkg-query", "-S", file).run()
        guard outcome.status == 0 else { return nil }
        return outcome.text.split(separator: ":").first.map(String.init)
    }

    private func installed(_ name: String) throws(DrydockError) -> DebianPackage? {
        let format = "${db:Status-Status}\n${Version}\n${Pre-Depends}, ${Depends}\n"
        let outcome = try HostCommand("dpkg-query", "-W", "-f", format, name).run()
        let lines = outcome.text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard outcome.status == 0, lines.count >= 3, lines[0] == "installed" else { return nil }
        let files = try HostCommand("dpkg-query", "-L", name).check().text.split(separator: "\n").map(String.init)
            .filter { [.file, .symbolicLink].contains(HostFiles.kind(FilePath($0))) }
        return DebianPackage(
            name: name, version: lines[1], root: "", files: files, depends: Self.names(inDepends: lines[2]))
    }

    private func fetched(_ name: String) throws(DrydockError) -> DebianPackage {
        onFetch(name)
        let directory = scratch.appending("debian-\(name)")
        try HostFiles.makeDirectories(directory)
        let remedy = "apt-get install \(name)  (or make the package mirror reachable and run apt-get update)"
        if try HostCommand("apt-get", "-q", "download", name, directory: directory).run().status != 0 {
            if geteuid() == 0 && !refreshed {
                refreshed = true
                _ = try HostCommand("apt-get", "-q", "update").run()
            }
            // Where a version is installed that no mirror has, apt has to be told which one is meant.
            let versions = try HostCommand("apt-cache", "madison", name).run().text.split(separator: "\n").first
            let version = versions?.split(separator: "|").dropFirst().first?.split(separator: " ").first
            let wanted = version.map { "\(name)=\($0)" } ?? name
            try HostCommand("apt-get", "-q", "download", wanted, directory: directory).check(remedy: remedy)
        }
        guard let archive = HostFiles.list(directory).first(where: { $0.hasSuffix(".deb") }) else {
            throw DrydockError(.unavailable, "apt-get download \(name) fetched nothing", remedy: remedy)
        }
        let file = directory.appending(archive)
        let root = directory.appending("root")
        try HostCommand("dpkg-deb", "-x", file.string, root.string).check()
        func field(_ field: String) throws(DrydockError) -> String {
            try HostCommand("dpkg-deb", "-f", file.string, field).check().text
        }
        let depends = try field("Pre-Depends") + ", " + field("Depends")
        return DebianPackage(
            name: name, version: String(try field("Version").prefix { $0 != "\n" }), root: root.string,
            files: HostFiles.walk(root), depends: Self.names(inDepends: depends))
    }

    /// The names in a `Depends` field, first alternatives only.
    static func names(inDepends field: String) -> [String] {
        field.split(whereSeparator: { $0 == "," || $0 == "\n" }).compactMap { clause in
            let first = clause.split(separator: "|").first ?? ""
            let name = first.drop { $0 == " " }.prefix { $0 != " " && $0 != "(" && $0 != ":" }
            return name.isEmpty ? nil : String(name)
        }
    }
}
