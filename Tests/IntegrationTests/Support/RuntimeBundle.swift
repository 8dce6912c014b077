import Foundation
import Testing

/// A bundle with busybox and the configuration of `drydock runtime spec`, which a test changes.
final class RuntimeBundle {
    let it: Drydock
    let path: String
    let template: [String: Any]

    init(_ actor: Actor) throws {
        it = try Drydock(actor, content: false)
        path = it.home + "/bundle"
        // The host's busybox is all that is needed inside.
        let made = Bench.run(
            Bench.prefix(actor) + [
                "sh", "-c",
                """
                mkdir -p '\(path)/data/below' && echo hello > '\(path)/data/file' && mkdir '\(path)/rootfs' \
                && cd '\(path)/rootfs' && mkdir bin etc mnt tmp root && cp /bin/busybox bin \
                && for name in $(/bin/busybox --list); do [ -e bin/$name ] || ln -s busybox bin/$name; done \\
                && echo 'root:x:0:0:root:/root:/bin/sh' > etc/passwd
                """,
            ])
        try #require(made.status == 0, "\(made.all)")
        try #require(it.drydock(["runtime", "spec", "-b", path]).status == 0)
        template = try #require(
            try JSONSerialization.jsonObject(with: Data(contentsOf: URL(filePath: path + "/config.json")))
                as? [String: Any])
    }

    /// A command of the runtime, with the state of this bundle's containers.
    func runtime(_ words: String..., input: String? = nil) -> Outcome {
        it.drydock(["runtime", "--root", it.home + "/state"] + words, input: input, seconds: 60)
    }

    /// Runs a shell's words in a container.
    func run(_ script: String, _ change: (inout [String: Any]) -> Void = { _ in }) throws -> Outcome {
        try run(arguments: ["sh", "-c", script], change)
    }

    func run(arguments: [String], _ change: (inout [String: Any]) -> Void) throws -> Outcome {
        try write(arguments: arguments, change)
        let outcome = it.drydock(["runtime", "--root", it.home + "/state", "run", "-b", path, "one"], seconds: 60)
        #expect(it.drydock(["runtime", "--root", it.home + "/state", "list", "-q"]).output == "")
        return outcome
    }

    /// Writes the configuration.
    func write(arguments: [String], _ change: (inout [String: Any]) -> Void) throws {
        var config = template
        config.set("process.terminal", false)
        config.set("process.args", arguments)
        config.set("root.readonly", false)
        change(&config)
        let text = String(decoding: try JSONSerialization.data(withJSONObject: config), as: UTF8.self)
        _ = Bench.run(Bench.prefix(it.actor) + ["sh", "-c", "cat > '\(path)/config.json'"], input: text)
    }
}

extension [String: Any] {
    /// Sets a value by its path.
    mutating func set(_ path: String, _ value: Any) {
        let parts = path.split(separator: ".", maxSplits: 1).map(String.init)
        guard parts.count == 2 else {
            self[path] = value
            return
        }
        var inner = self[parts[0]] as? [String: Any] ?? [:]
        inner.set(parts[1], value)
        self[parts[0]] = inner
    }

    mutating func remove(_ group: String, _ key: String) {
        var inner = self[group] as? [String: Any] ?? [:]
        inner[key] = nil
        self[group] = inner
    }

    mutating func add(mount target: String, _ type: String, _ source: String, _ options: [String]) {
        var mounts = self["mounts"] as? [[String: Any]] ?? []
        var mount: [String: Any] = ["destination": target, "source": source, "options": options]
        if !type.isEmpty { mount["type"] = type }
        mounts.append(mount)
        self["mounts"] = mounts
    }
}
