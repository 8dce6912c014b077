import Diagnostics
import Engine
import Lessons
import OCI
import Synchronization
import SystemPackage

/// A toy world that does what docker would do with the commands of the exercises, in memory.
final class FakeDocker: Observation {
    struct Image {
        var id: String
        var layers: [[String]]
        var parent: String
        var digests: Set<String> = []
    }

    struct Container {
        var id: String
        var name: String
        var image: String
        var argv: [String]
        var status = "created"
        var exit: Int64 = 0
        var removes = false
        var added: [String] = []

        var document: JSONValue {
            [
                "Id": .string(id), "Created": "2999-01-01T00:00:00.5Z", "Name": .string("/" + name),
                "Image": .string(image), "Path": .string(argv.first ?? ""),
                "Args": .array(argv.dropFirst().map { .string($0) }),
                "State": ["Status": .string(status), "ExitCode": .int(exit)],
                "HostConfig": ["AutoRemove": .bool(removes)],
            ]
        }
    }

    struct World {
        var images: [String: Image] = [:]
        var tags: [String: String] = [:]
        var containers: [Container] = []
        var removed: [Container] = []
        var hub: [String: Image] = [:]
        var user: String?
        var counter = 0
    }

    let learner: Learner
    let world: Mutex<World>
    /// What the registry answers with instead, where it is out of order.
    let registryError: DrydockError?
    let questions = Mutex(0)

    init(learner: Learner = Learner(user: "ada", password: "secret"), registryError: DrydockError? = nil) {
        self.learner = learner
        self.registryError = registryError
        var world = World()
        for (index, tag) in ["3.5", "3.7", "latest"].enumerated() {
            world.hub["docker.io/library/alpine:\(tag)"] = Image(
                id: Self.digest(index + 1), layers: [["/bin/sh", "/bin/touch", "/bin/true"]], parent: "")
        }
        self.world = Mutex(world)
    }

    static func digest(_ number: Int) -> String {
        let digits = String(number, radix: 16)
        return "sha256:" + String(repeating: "0", count: 64 - digits.count) + digits
    }

    static func key(_ name: String) -> String? { (try? Reference(parsing: name))?.withDefaultTag.description }

    static func familiar(_ key: String) -> String { (try? Reference(parsing: key))?.familiar ?? key }

    // MARK: Observation

    func container(_ name: String) -> JSONValue? {
        questions.withLock { $0 += 1 }
        return world.withLock { world in world.containers.first { $0.name == name || $0.id == name }?.document }
    }

    func containers() -> [JSONValue] { world.withLock { $0.containers.map(\.document) } }

    func removedContainers() -> [JSONValue] { world.withLock { $0.removed.map(\.document) } }

    func image(_ name: String) -> JSONValue? {
        questions.withLock { $0 += 1 }
        return world.withLock { world in world.find(name).map { world.document($0) } }
    }

    func images() -> [JSONValue] { world.withLock { world in world.images.values.map { world.document($0) } } }

    func changes(of container: String) -> [FileChange]? {
        world.withLock { world in
            world.containers.first { $0.name == container || $0.id == container }?.added.map {
                FileChange(kind: .added, path: $0)
            }
        }
    }

    func versions(of path: String, in image: String) -> [PathVersion]? {
        world.withLock { world in
            world.find(image)?.layers.enumerated().reversed().filter { $0.element.contains(path) }.map {
                PathVersion(layer: nil, index: $0.offset, isDeletion: false, size: 1)
            }
        }
    }

    func loggedIn(at registry: String?) -> String? { world.withLock { $0.user } }

    func registry(_ reference: Reference) async throws(DrydockError) -> RegistryManifest? {
        if let registryError { throw registryError }
        guard let image = world.withLock({ $0.hub[reference.withDefaultTag.description] }) else { return nil }
        let id = try Digest(image.id)
        return RegistryManifest(digest: id, image: id, layers: [])
    }

    // MARK: Commands

    /// Does what a command line asks. - Returns: its exit status.
    func run(_ command: Transcript.Command) -> Int32 {
        var words = command.line.split(separator: " ").map(String.init)
        guard words.first == "docker" else { return 127 }
        words.removeFirst()
        if ["image", "container"].contains(words.first) { words.removeFirst() }
        guard let verb = words.first else { return 1 }
        let isImage = command.line.hasPrefix("docker image") || verb == "rmi"
        return world.withLock { world in
            let rest = Array(words.dropFirst())
            switch verb {
            case "pull": return world.pull(rest[0]) ? 0 : 1
            case "ls": return 0
            case "tag":
                guard let image = world.find(rest[0]), let key = Self.key(rest[1]) else { return 1 }
                world.tags[key] = image.id
                return 0
            case "rm" where isImage, "rmi": return rest.map { world.untag($0) }.allSatisfy { $0 } ? 0 : 1
            case "rm":
                guard let name = rest.last, let index = world.containers.firstIndex(where: { $0.name == name })
                else { return 1 }
                world.removed.append(world.containers.remove(at: index))
                return 0
            case "create": return world.start(rest, [], only: true)
            case "run": return world.start(rest, command.input, only: false)
            case "start":
                guard let name = rest.last, let index = world.containers.firstIndex(where: { $0.name == name })
                else { return 1 }
                world.containers[index].status = "running"
                return world.type(command.input, index)
            case "exec":
                guard let index = world.containers.firstIndex(where: { $0.name == rest[0] }) else { return 1 }
                return world.type([rest.dropFirst().joined(separator: " ")], index)
            case "commit":
                guard let from = world.containers.first(where: { $0.name == rest[0] }),
                    let base = world.images[from.image], let key = Self.key(rest[1])
                else { return 1 }
                let id = world.next()
                world.images[id] = Image(id: id, layers: base.layers + [from.added], parent: base.id)
                world.tags[key] = id
                return 0
            case "login":
                var typed = command.input
                let name = words.firstIndex(of: "-u").map { words[$0 + 1] } ?? typed.removeFirst()
                let password = words.firstIndex(of: "-p").map { words[$0 + 1] } ?? typed.removeFirst()
                guard name == learner.user, password == learner.password else { return 1 }
                world.user = name
                return 0
            case "logout":
                world.user = nil
                return 0
            case "push":
                guard let key = Self.key(rest[0]), let image = world.tags[key].flatMap({ world.images[$0] }),
                    let user = world.user, key.hasPrefix("docker.io/\(user)/")
                else { return 1 }
                world.hub[key] = image
                return 0
            default: return 1
            }
        }
    }
}

extension FakeDocker.World {
    mutating func next() -> String {
        counter += 1
        return FakeDocker.digest(0x1000 + counter)
    }

    func find(_ name: String) -> FakeDocker.Image? {
        images[name] ?? FakeDocker.key(name).flatMap { tags[$0] }.flatMap { images[$0] }
    }

    func document(_ image: FakeDocker.Image) -> JSONValue {
        [
            "Id": .string(image.id), "Parent": .string(image.parent),
            "RepoTags": .array(
                tags.filter { $0.value == image.id }.keys.sorted().map { .string(FakeDocker.familiar($0)) }),
            "RepoDigests": .array(image.digests.sorted().map { .string($0) }),
            "RootFS": ["Layers": .array(image.layers.indices.map { .int(Int64($0)) })],
        ]
    }

    mutating func pull(_ name: String) -> Bool {
        guard let key = FakeDocker.key(name), let image = hub[key] else { return false }
        let repository = String(FakeDocker.familiar(key).prefix { $0 != ":" })
        var own = images[image.id] ?? image
        own.digests.insert("\(repository)@\(image.id)")
        images[image.id] = own
        tags[key] = image.id
        return true
    }

    mutating func untag(_ name: String) -> Bool {
        guard let key = FakeDocker.key(name), let id = tags.removeValue(forKey: key) else { return false }
        let repository = FakeDocker.familiar(key).prefix { $0 != ":" }
        let kept: Set<String> = images[id]?.digests.filter { !$0.hasPrefix(repository + "@") } ?? []
        images[id]?.digests = kept
        if !tags.values.contains(id) { images[id] = nil }
        return true
    }

    mutating func start(_ words: [String], _ input: [String], only create: Bool) -> Int32 {
        var words = words
        counter += 1
        var container = FakeDocker.Container(
            id: String(FakeDocker.digest(counter).suffix(64)), name: "silly_\(counter)", image: "", argv: [])
        var entrypoint: String?
        var detached = create
        while let word = words.first, word.hasPrefix("-") {
            words.removeFirst()
            switch word {
            case "--name": container.name = words.removeFirst()
            case "--entrypoint": entrypoint = words.removeFirst()
            case "--rm": container.removes = true
            case "-d": detached = true
            default: break
            }
        }
        let name = words.removeFirst()
        if find(name) == nil, !pull(name) { return 125 }
        guard let image = find(name), !containers.contains(where: { $0.name == container.name }) else { return 125 }
        container.image = image.id
        container.argv = (entrypoint.map { [$0] } ?? []) + (words.isEmpty && entrypoint == nil ? ["/bin/sh"] : words)
        container.status = create ? "created" : "running"
        containers.append(container)
        let index = containers.count - 1
        if create { return 0 }
        var status: Int32 = 0
        if container.argv == ["/bin/sh"] {
            status = type(input, index)
            if detached || !input.contains("exit") { return 0 }
        } else {
            status = type([container.argv.joined(separator: " ")], index)
            containers[index].status = status == 127 ? "created" : "exited"
            containers[index].exit = Int64(status)
        }
        if containers[index].removes { removed.append(containers.remove(at: index)) }
        return status
    }

    mutating func type(_ lines: [String], _ index: Int) -> Int32 {
        var status: Int32 = 0
        for line in lines {
            switch true {
            case line.hasPrefix("apk add") && line.hasSuffix("nodejs"): containers[index].added.append("/usr/bin/node")
            case line.hasPrefix("apk"), line.hasPrefix("touch"): containers[index].added.append("/tmp/something")
            case line.hasPrefix("node"):
                let has = containers[index].added + (images[containers[index].image]?.layers.flatMap { $0 } ?? [])
                status = !has.contains("/usr/bin/node") ? 127 : line.hasSuffix("--and-more") ? 9 : 0
            case line == "exit":
                containers[index].status = "exited"
                status = 0
            default: break
            }
        }
        return status
    }
}

/// Plays transcripts in toy worlds.
struct FakePlayer: TranscriptPlayer {
    let directory: FilePath

    func begin(_ exercise: Exercise, in language: Language) async throws(DrydockError) -> any PlayedSession {
        FakeSession(
            docker: FakeDocker(), progressFile: directory.appending("\(UInt64.random(in: .min ... .max)).sqlite"))
    }
}

struct FakeSession: PlayedSession {
    let docker: FakeDocker
    let progressFile: FilePath

    var learner: Learner { docker.learner }
    var observation: any Observation { docker }

    func play(_ command: Transcript.Command) async throws(DrydockError) -> CommandRecord {
        let status = docker.run(command)
        return CommandRecord(line: command.line, status: status, error: status == 0 ? nil : "not-found")
    }

    func end() async {}
}
