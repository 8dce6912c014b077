import Diagnostics
import DockerCLI
import Engine
import Linux
import SystemPackage
import Terminal

/// What Tab offers at the prompt.
struct LineCompleter {
    /// Where the learner's commands run.
    var directory: FilePath
    /// The exercises that `start` knows.
    var exercises: [String]
    /// The topics that `explain` knows.
    var topics: [String]
    /// What knows the names of images and containers.
    var engine: any EngineOperations
    /// Where programs are.
    var path: String

    /// Completes the text before the cursor.
    func complete(_ line: String) -> Completion {
        // After a pipe, a semicolon or an opening bracket a new command begins.
        let command = line.split(omittingEmptySubsequences: false, whereSeparator: { "|;&(`".contains($0) }).last ?? ""
        var words = command.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        let current = words.popLast() ?? ""
        words.removeAll(where: \.isEmpty)
        let candidates: [String]
        switch words.first {
        case nil: candidates = firstWords(current)
        case "docker": candidates = docker(Array(words.dropFirst()), current)
        case "start" where words.count == 1: candidates = exercises
        case "explain" where words.count == 1: candidates = topics + ["last", "plan", "topics"] + objects(current)
        case "lang" where words.count == 1: candidates = ["en", "fr"]
        case "reset" where words.count == 1: candidates = ["step", "exercise"]
        case "cd": candidates = FileNames.matching(current, in: directory, onlyDirectories: true)
        default: candidates = FileNames.matching(current, in: directory)
        }
        let fitting = Set(candidates.filter { $0.hasPrefix(current) }).sorted()
        return Completion(
            word: current,
            candidates: fitting.map { Completion.Candidate($0, isWhole: !$0.hasSuffix("/") && !$0.hasSuffix("=")) })
    }

    private func firstWords(_ current: String) -> [String] {
        var words = ["docker", "cd"] + TutorCommand.Name.allCases.map(\.rawValue)
        if words.contains(where: { $0.hasPrefix(current) }) { return words }
        if current.contains("/") { return FileNames.matching(current, in: directory) }
        for folder in path.split(separator: ":") where !current.isEmpty {
            words += (try? Files.names(in: FilePath(String(folder)))) ?? []
        }
        return words
    }

    /// The names of images and containers.
    private func objects(_ current: String) -> [String] {
        let names = EngineNames(engine: engine, current: current, directory: directory)
        let found = try? waiting { () async throws(DrydockError) in
            await names.names(.image) + names.names(.container)
        }
        return found ?? []
    }

    private func docker(_ words: [String], _ current: String) -> [String] {
        let objects = EngineNames(engine: engine, current: current, directory: directory)
        let found = try? waiting { () async throws(DrydockError) in
            await DockerCommand.complete(words: words, current: current, objects: objects)
        }
        return found ?? []
    }
}

/// The names of files, for completion.
enum FileNames {
    /// The paths that begin as `word` does; a directory's ends in `/`.
    static func matching(_ word: String, in directory: FilePath, onlyDirectories: Bool = false) -> [String] {
        let cut = word.lastIndex(of: "/").map { word.index(after: $0) } ?? word.startIndex
        let folder = String(word[..<cut])
        let beginning = word[cut...]
        let place = folder.isEmpty ? directory : directory.pushing(FilePath(folder))
        let names = (try? Files.names(in: place)) ?? []
        return names.compactMap { name in
            guard name.hasPrefix(beginning), beginning.hasPrefix(".") || !name.hasPrefix(".") else { return nil }
            let isDirectory = Files.exists(place.appending(name).appending("."))
            if onlyDirectories, !isDirectory { return nil }
            return folder + name + (isDirectory ? "/" : "")
        }
    }
}

/// The names that exist in an engine; what cannot be read is left out.
struct EngineNames: CompletionObjects {
    let engine: any EngineOperations
    let current: String
    let directory: FilePath

    func names(_ kind: CompletionKind) async -> [String] {
        switch kind {
        case .image: imageNames
        case .container: containerNames { _ in true }
        case .runningContainer: containerNames { $0 == .running || $0 == .paused }
        case .stoppedContainer: containerNames { $0 != .running && $0 != .paused }
        case .file: FileNames.matching(current, in: directory)
        default: []
        }
    }

    private var imageNames: [String] {
        ((try? engine.images(all: false, matching: [:])) ?? []).compactMap { image in
            image.repository.map { repository in image.tag.map { "\(repository):\($0)" } ?? repository }
        }
    }

    private func containerNames(_ isWanted: (ContainerStatus) -> Bool) -> [String] {
        ((try? engine.containers(all: true, sizes: false, matching: [:])) ?? []).filter { isWanted($0.status) }
            .map(\.name)
    }
}
