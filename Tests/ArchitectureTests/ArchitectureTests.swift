import Foundation
import Testing

/// The rooms of the house and what each may import of the others. The table is docs/architecture.md's.
private let rooms: [String: Set<String>] = [
    "Diagnostics": [],
    "OCI": ["Diagnostics"],
    "Linux": ["CLinux", "Diagnostics"],
    "Layers": ["CArchive", "CDeflate", "Linux", "OCI", "Diagnostics"],
    "ImageStore": ["OCI", "Layers", "Linux", "Diagnostics"],
    "RegistryClient": ["OCI", "Linux", "Diagnostics"],
    "Hub": ["OCI", "ImageStore", "Layers", "Linux", "RegistryClient", "Diagnostics"],
    "Runtime": ["CLinux", "CSeccomp", "Linux", "OCI", "Diagnostics"],
    "Engine": ["ImageStore", "Layers", "Runtime", "RegistryClient", "Linux", "OCI", "Diagnostics"],
    "DockerCLI": ["Engine", "OCI", "Diagnostics"],
    "Lessons": ["Engine", "OCI", "Diagnostics"],
    "Explain": ["Engine", "OCI", "Diagnostics"],
    "Terminal": ["CEdit", "Diagnostics", "Linux"],
    "Tutor": ["Lessons", "Explain", "DockerCLI", "Terminal", "Engine", "Linux", "OCI", "Diagnostics"],
    "drydock-monitor": ["CLinux", "Linux", "Diagnostics"],
]

/// Names of our own targets, so that an import of one room by another can be told from an import of a package.
private let ours = Set(rooms.keys).union(["CLinux", "CArchive", "CDeflate", "CEdit", "CSeccomp", "drydock"])

private let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

private func swiftFiles(below folder: URL) -> [URL] {
    let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
    return (files?.compactMap { $0 as? URL } ?? []).filter { $0.pathExtension == "swift" }
}

private func imports(of file: URL) throws -> [String] {
    let pattern =
        /^(?:(?:public|package|internal|private|fileprivate|@testable|@preconcurrency)\s+)*import\s+(?:(?:struct|class|enum|func|var|let|protocol)\s+)?([A-Za-z_]+)/
    return try String(contentsOf: file, encoding: .utf8).split(separator: "\n").compactMap { line in
        line.firstMatch(of: pattern).map { String($0.1) }
    }
}

@Suite("The house keeps its walls")
struct ArchitectureTests {
    @Test("Every room imports only the rooms that the architecture allows", arguments: rooms.keys.sorted())
    func importRules(room: String) throws {
        let allowed = try #require(rooms[room])
        for file in swiftFiles(below: root.appending(path: "Sources/\(room)")) {
            for name in try imports(of: file) where ours.contains(name) {
                #expect(allowed.contains(name), "\(file.lastPathComponent) of \(room) imports \(name)")
            }
        }
    }

    @Test("Every folder of Sources is a room with rules, or one of the C modules and the executable")
    func nothingUnruled() throws {
        let folders = try FileManager.default.contentsOfDirectory(atPath: root.appending(path: "Sources").path)
        #expect(Set(folders).subtracting(ours).isEmpty)
    }

    @Test("The top level holds only what the project's layout names")
    func topLevel() throws {
        let allowed: Set = [
            "Package.swift", "Sources", "Tests", "Lessons", "Exercises", "docs", "Makefile", "README.md", "LICENSE",
            "CHANGELOG.md", "CONTRIBUTING.md", ".swift-format", ".ci", ".gitignore",
        ]
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["git", "-C", root.path, "ls-files"]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let listing = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        let tops = Set(listing.split(separator: "\n").compactMap { $0.split(separator: "/").first.map(String.init) })
        #expect(!tops.isEmpty)
        #expect(tops.subtracting(allowed).isEmpty)
    }

    @Test("The manifest gives a room no dependency on another room that its rules do not allow")
    func manifest() throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        // A scratch directory of its own: the package's is locked while its tests run.
        let scratch = FileManager.default.temporaryDirectory.appending(path: "drydock-manifest-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: scratch) }
        process.arguments = [
            "swift", "package", "--package-path", root.path, "--scratch-path", scratch.path, "dump-package",
        ]
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let document = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        let targets = try #require(document["targets"] as? [[String: Any]])
        #expect(targets.count > rooms.count)
        for target in targets {
            guard let name = target["name"] as? String, let allowed = rooms[name] else { continue }
            for dependency in target["dependencies"] as? [[String: Any]] ?? [] {
                guard let byName = dependency["byName"] as? [Any?], let other = byName.first as? String else {
                    continue
                }
                #expect(allowed.contains(other), "\(name) depends on \(other)")
            }
        }
    }

    @Test("No source file is longer than 500 lines")
    func smallFiles() throws {
        for file in swiftFiles(below: root.appending(path: "Sources")) {
            let lines = try String(contentsOf: file, encoding: .utf8).split(
                separator: "\n", omittingEmptySubsequences: false
            ).count
            #expect(lines <= 501, "\(file.lastPathComponent) has \(lines) lines")
        }
    }
}
