import Diagnostics
import Glibc
import Linux
import SystemPackage

/// Whether mounts can spread between the host and a container (`-v …:rshared`): only where the host's own do.
enum SharedMounts {
    /// Refuses what Docker's daemon refuses when a container starts, in its words.
    /// - Parameter propagation: `rshared`, `slave` and the like.
    static func check(_ source: String, _ propagation: String) throws(DrydockError) {
        let wantsShared = propagation.hasSuffix("shared")
        guard wantsShared || propagation.hasSuffix("slave") else { return }
        let path = realpath(source, nil).map { pointer in
            defer { free(pointer) }
            return String(cString: pointer)
        }
        guard let path, let mount = mount(of: path, in: try Files.read("/proc/self/mountinfo")) else { return }
        func has(_ kind: String) -> Bool { mount.kinds.contains { $0.hasPrefix(kind + ":") } }
        guard !has("shared"), wantsShared || !has("master") else { return }
        throw DrydockError(
            .invalidArgument,
            "path \(source) is mounted on \(mount.place) but it is not a shared \(wantsShared ? "" : "or slave ")mount",
            remedy: "As root, before: mount --make-rshared \(mount.place)", exitStatus: 125)
    }

    /// The mount on which a path lies, and its optional fields (proc_pid_mountinfo(5)).
    static func mount(of path: String, in table: [UInt8]) -> (place: String, kinds: [String])? {
        var best: (place: String, kinds: [String])?
        for line in String(decoding: table, as: UTF8.self).split(separator: "\n") {
            let fields = line.split(separator: " ").map(String.init)
            guard fields.count > 6 else { continue }
            let place = unescaped(fields[4])
            let isAbove = place == "/" || path == place || path.hasPrefix(place + "/")
            guard isAbove, place.utf8.count >= best?.place.utf8.count ?? 0 else { continue }
            best = (place, Array(fields[6...].prefix { $0 != "-" }))
        }
        return best
    }

    /// Spaces and the like are written as three octal digits.
    private static func unescaped(_ text: String) -> String {
        var result: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "\\"), rest.count >= 3,
                let value = UInt8(String(decoding: rest.prefix(3), as: UTF8.self), radix: 8)
            {
                result.append(value)
                rest = rest.dropFirst(3)
            } else {
                result.append(byte)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
