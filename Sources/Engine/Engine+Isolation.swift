import Diagnostics
import Glibc
import ImageStore
import Layers
import Linux
import Runtime
import SystemPackage

extension Engine {
    /// What a container's document says about namespaces, rights, devices and limits, for the runtime.
    func isolate(_ spec: inout ContainerSpec, _ document: ContainerDocument) throws(DrydockError) {
        let host = document.json["HostConfig"] ?? .object([])
        func text(_ key: String) -> String { host[key]?.string ?? "" }
        spec.domainname = document.json.at("Config.Domainname")?.string ?? ""
        spec.pidMode = try namespace(text("PidMode"))
        spec.ipcMode = try namespace(text("IpcMode"))
        spec.withoutSharedMemory = text("IpcMode") == "none"
        spec.utsMode = try namespace(text("UTSMode"))
        spec.cgroupMode = text("CgroupnsMode") == "host" ? .host : .own
        if case .container(let id) = spec.network, let other = try? find(id).document {
            // Docker gives both the one's name: /etc/hosts is the same file.
            spec.hostname = other.hostname
            spec.domainname = other.json.at("Config.Domainname")?.string ?? ""
        }
        if spec.network == .host, spec.hostname == document.id.prefix(12) {
            // As with Docker, the host's network comes with the host's name, in a namespace of its own.
            spec.hostname = Files.line("/proc/sys/kernel/hostname") ?? spec.hostname
        }
        spec.initProcess = host["Init"]?.bool ?? false
        if let score = host["OomScoreAdj"]?.int, score != 0 { spec.oomScoreAdjustment = Int(score) }
        if let size = host["ShmSize"]?.int, size > 0 { spec.sharedMemorySize = size }
        spec.sysctls = (host["Sysctls"]?.pairs ?? []).map { (name: $0.key, value: $0.value.string ?? "") }
        spec.searchDomains = document.strings("HostConfig.DnsSearch")
        spec.resolverOptions = document.strings("HostConfig.DnsOptions")
        spec.hardwareAddress = document.json.at("Config.MacAddress")?.string ?? ""
        spec.cgroupParent = text("CgroupParent")
        for (key, value) in host["Annotations"]?.pairs ?? [] { spec.annotations[key] = value.string ?? "" }
        spec.hidesSystemPaths = host["MaskedPaths"]?.array?.isEmpty != true
        spec.limits = (host["Ulimits"]?.array ?? []).compactMap { limit in
            guard let number = ResourceLimit.numbers[limit["Name"]?.string ?? ""] else { return nil }
            return ResourceLimit(resource: number, soft: limit["Soft"]?.int ?? 0, hard: limit["Hard"]?.int ?? 0)
        }
        spec.resources = Self.resources(host)
        try devices(&spec, host)
        try security(&spec, document)
    }

    /// Refuses to join the shared memory of a container that keeps it to itself, as Docker does.
    func checkSharesMemory(_ id: String) throws(DrydockError) {
        let mode = try find(id).document.json.at("HostConfig.IpcMode")?.string ?? ""
        guard mode == "private" || mode == "none" else { return }
        throw DrydockError(
            .conflict,
            "can't join IPC of container \(id): non-shareable IPC (hint: use IpcMode:shareable for the donor container)",
            remedy: "docker run --ipc shareable … for the other container", exitStatus: 125)
    }

    private func namespace(_ mode: String) throws(DrydockError) -> NamespaceMode {
        if mode == "host" { return .host }
        guard mode.hasPrefix("container:") else { return .own }
        return .container(try store.container(String(mode.dropFirst(10))).id)
    }

    private static func resources(_ host: JSONValue) -> CgroupResources {
        var resources = CgroupResources()
        func number(_ key: String) -> Int64? { host[key]?.int.flatMap { $0 == 0 ? nil : $0 } }
        func text(_ key: String) -> String? { host[key]?.string.flatMap { $0.isEmpty ? nil : $0 } }
        // What this user cannot limit was said when the container was made.
        var usable = Set(Cgroups.controllers())
        if UserNamespace.current != .root, case .separate = Cgroups.layout() { usable = [] }
        if usable.contains("memory") {
            resources.memory = number("Memory")
            resources.memorySwap = number("MemorySwap")
            resources.memoryReservation = number("MemoryReservation")
            resources.swappiness = host["MemorySwappiness"]?.int
            resources.oomKillDisable = host["OomKillDisable"]?.bool ?? false
        }
        if usable.contains("pids") { resources.pids = number("PidsLimit") }
        if usable.contains("cpu") {
            resources.cpuShares = number("CpuShares")
            resources.cpuPeriod = number("CpuPeriod")
            resources.cpuQuota = number("CpuQuota")
            if let nano = number("NanoCpus") {
                resources.cpuPeriod = 100_000
                resources.cpuQuota = nano / 10_000
            }
        }
        if usable.contains("cpuset") {
            resources.cpus = text("CpusetCpus")
            resources.memoryNodes = text("CpusetMems")
        }
        if usable.contains("blkio") || usable.contains("io") { resources.blockWeight = number("BlkioWeight") }
        return resources
    }

    private func devices(_ spec: inout ContainerSpec, _ host: JSONValue) throws(DrydockError) {
        if spec.privileged, UserNamespace.current == .root { spec.devices = HostDevices.all() }
        for entry in host["Devices"]?.array ?? [] {
            let path = entry["PathOnHost"]?.string ?? ""
            let target = entry["PathInContainer"]?.string ?? path
            let found = HostDevices.below(path, as: target)
            guard !found.isEmpty else {
                let why = Files.exists(FilePath(path)) ? "not a device node" : "no such file or directory"
                throw DrydockError(
                    .notFound, "error gathering device information while adding custom device \"\(path)\": \(why)",
                    remedy: "'ls -l \(path)' on the host shows what is there", exitStatus: 125)
            }
            let access = DeviceRule.Access(entry["CgroupPermissions"]?.string ?? "rwm") ?? .all
            spec.devices += found
            spec.deviceRules += found.map {
                DeviceRule(
                    allow: true, kind: $0.kind == .block ? .block : .character, major: $0.major, minor: $0.minor,
                    access: access)
            }
        }
        spec.deviceRules += (host["DeviceCgroupRules"]?.array ?? []).compactMap { $0.string.flatMap { DeviceRule($0) } }
    }

    private func security(_ spec: inout ContainerSpec, _ document: ContainerDocument) throws(DrydockError) {
        var profile = "builtin"
        for option in document.strings("HostConfig.SecurityOpt") {
            switch SecurityOption(option) {
            case .noNewPrivileges(let wanted): spec.noNewPrivileges = wanted
            case .seccomp(let text): profile = text.isEmpty ? "builtin" : text
            default: break
            }
        }
        guard !spec.privileged, profile != "unconfined" else { return }
        let compiler = SeccompCompiler(cache: home.path.appending("cache").appending("seccomp"))
        if profile == "builtin" {
            spec.seccompFilter = try compiler.dockerFilter(spec.capabilities)
        } else {
            let read = try SeccompProfile(try JSONValue(parsing: Array(profile.utf8)))
            spec.seccompFilter = try compiler.filter(read, spec.capabilities)
            spec.seccompProfile = read
        }
    }
}

/// Device nodes of the host.
enum HostDevices {
    /// The nodes below /dev that a privileged container gets, as Docker has it.
    static func all() -> [ContainerDevice] {
        let skipped: Set = [
            "pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev", "console", "stdin", "stdout", "stderr",
        ]
        let names = ((try? Files.names(in: "/dev")) ?? []).filter { !skipped.contains($0) }
        let usual: Set = ["null", "zero", "full", "random", "urandom", "tty", "ptmx"]
        return names.sorted().filter { !usual.contains($0) }.flatMap { below("/dev/\($0)", as: "/dev/\($0)") }
    }

    /// A node, or all nodes of a directory, under another name.
    static func below(_ path: String, as target: String) -> [ContainerDevice] {
        guard let place = try? OwnedDescriptor.place(FilePath(path)),
            let status = try? FileAt.status(place.number)
        else { return [] }
        let kind: ContainerDevice.Kind
        switch status.mode & S_IFMT {
        case S_IFCHR: kind = .character
        case S_IFBLK: kind = .block
        case S_IFDIR:
            guard (try? FileAt.status(FileAt.workingDirectory, path))?.isDirectory == true else { return [] }
            let names = (try? Files.names(in: FilePath(path))) ?? []
            return names.sorted().flatMap { below("\(path)/\($0)", as: "\(target)/\($0)") }
        default: return []
        }
        return [
            ContainerDevice(
                path: target, hostPath: path == target ? nil : path, kind: kind, major: status.major,
                minor: status.minor, mode: status.mode & 0o777, uid: status.uid,
                gid: status.gid)
        ]
    }
}
