import Diagnostics
import Glibc
import Linux
import SystemPackage

/// The files of a container that lie beside its root: `/etc/hosts`, `/etc/hostname`, `/etc/resolv.conf`.
struct ContainerFiles {
    let spec: ContainerSpec
    let directory: FilePath
    let networkKind: String

    /// Writes them, and makes the directories that the mounts need.
    func prepare() throws(DrydockError) {
        // The directory itself is made with the container: one that was removed must not come back.
        try makeDirectory(directory.appending("root"), mode: 0o755)
        if case .overlay(_, let upper, let work) = spec.root {
            try makeDirectory(upper, mode: 0o755)
            try makeDirectory(work, mode: 0o700)
        }
        for mount in spec.mounts {
            // As Docker does it: a missing directory of the host is made.
            switch mount.source {
            case .bind(let source), .bindWith(let source, _, _):
                if !Files.exists(source) { try Files.makeDirectories(source) }
            case .tmpfs: break
            }
        }
        try write()
    }

    /// Writes the files.
    func write() throws(DrydockError) {
        try write("hostname", spec.hostname + "\n")
        try write("hosts", hosts)
        try write("resolv.conf", resolver)
    }

    private func makeDirectory(_ path: FilePath, mode: UInt32) throws(DrydockError) {
        if mkdir(path.string, mode) == 0 || errno == EEXIST { return }
        throw errno == ENOENT ? ContainerRuntime.missing(spec.id) : .system("mkdir \(path)", errno: errno)
    }

    private func write(_ name: String, _ text: String) throws(DrydockError) {
        let (path, bytes) = (directory.appending(name), Array(text.utf8))
        if (try? Files.read(path)) == bytes { return }
        let file = try OwnedDescriptor.open(
            path, .writeOnly, options: [.create, .truncate], permissions: [.ownerReadWrite, .groupRead, .otherRead])
        try Files.write(bytes, to: file.number)
    }

    var hosts: String {
        var text: String
        if networkKind == "host", let own = try? Files.read("/etc/hosts") {
            text = String(decoding: own, as: UTF8.self)
            if !text.hasSuffix("\n") { text += "\n" }
        } else {
            text = """
                127.0.0.1\tlocalhost
                ::1\tlocalhost ip6-localhost ip6-loopback
                fe00::\tip6-localnet
                ff00::\tip6-mcastprefix
                ff02::1\tip6-allnodes
                ff02::2\tip6-allrouters

                """
        }
        if let hub = spec.hub, networkKind != "none" { text += "\(hub.address)\t\(hub.name)\n" }
        for entry in spec.extraHosts { text += "\(entry.address)\t\(entry.name)\n" }
        switch networkKind {
        case "pasta", "isolated": text += "127.0.1.1\t\(spec.hostNames)\n"
        case "slirp4netns": text += "10.0.2.100\t\(spec.hostNames)\n"
        default: break  // on the bridge the monitor adds the line once it knows the address
        }
        return text
    }

    /// What was asked for in the place of what the host has.
    var resolver: String {
        var lines = inheritedResolver.split(separator: "\n").map(String.init)
        func replace(_ word: String, _ values: [String]) {
            guard !values.isEmpty else { return }
            lines.removeAll { $0.hasPrefix(word + " ") || $0.hasPrefix(word + "\t") }
            if word == "search" { lines.removeAll { $0.hasPrefix("domain ") } }
            if word == "nameserver" { lines.insert(contentsOf: values.map { "nameserver \($0)" }, at: 0) }
            if word != "nameserver", values != ["."] { lines.append(word + " " + values.joined(separator: " ")) }
        }
        replace("nameserver", spec.nameServers)
        replace("search", spec.searchDomains)
        replace("options", spec.resolverOptions)
        return lines.map { $0 + "\n" }.joined()
    }

    private var inheritedResolver: String {
        let host = (try? Files.read("/etc/resolv.conf")).map { String(decoding: $0, as: UTF8.self) } ?? ""
        if networkKind == "host" || networkKind == "none" { return host }
        if networkKind == "slirp4netns" { return "nameserver 10.0.2.3\n" }
        // A name server on the host's own loopback address cannot be reached from another network namespace.
        var servers = 0
        let lines = host.split(separator: "\n").filter { line in
            guard line.hasPrefix("nameserver") else { return !line.hasPrefix("#") }
            let address = line.dropFirst(10).drop(while: \.isWhitespace)
            let local = address.hasPrefix("127.") || address.hasPrefix("::1")
            if !local { servers += 1 }
            return !local
        }
        let kept = lines.map { $0 + "\n" }.joined()
        return servers > 0 ? kept : kept + "nameserver 8.8.8.8\nnameserver 8.8.4.4\n"
    }
}

extension ContainerSpec {
    /// The names of the container in its own `/etc/hosts`: the one with its domain first, then the first part alone.
    var hostNames: String {
        let full = domainname.isEmpty ? hostname : "\(hostname).\(domainname)"
        guard let dot = full.firstIndex(of: "."), dot != full.startIndex else { return full }
        return "\(full) \(full[..<dot])"
    }
}
