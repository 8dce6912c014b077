import Diagnostics
import Engine

extension CreateOptions {
    /// Reads the flags about namespaces, rights, devices and limits.
    func isolate(_ request: inout CreateRequest) throws(Failure) {
        var isolation = IsolationRequest()
        func text(_ name: String) -> String { invocation.string(name) ?? "" }
        func number(_ name: String) -> Int64 { Int64(invocation.int(name) ?? 0) }
        func bytes(_ name: String) -> Int64 { text(name) == "-1" ? -1 : Quantity.bytes(text(name)) ?? 0 }
        isolation.domainname = text("domainname")
        isolation.pidMode = try mode("pid", "PID", others: true)
        isolation.utsMode = try mode("uts", "UTS", others: false)
        isolation.usernsMode = try mode("userns", "USER", others: false)
        isolation.cgroupnsMode = try mode("cgroupns", "CGROUP", others: false, more: ["private"])
        isolation.ipcMode = text("ipc")
        isolation.securityOptions = try securityOptions()
        isolation.sharedMemorySize = bytes("shm-size")
        isolation.ulimits = invocation.list("ulimit").compactMap(Self.ulimit)
        isolation.sysctls = Self.map(invocation.list("sysctl"))
        isolation.technology = text("isolation")
        isolation.annotations = Self.map(invocation.list("annotation"))
        for device in invocation.list("device") { isolation.devices.append(try Self.device(device)) }
        isolation.deviceRules = invocation.list("device-cgroup-rule")
        isolation.groups = invocation.list("group-add")
        isolation.oomScoreAdjustment = invocation.int("oom-score-adj") ?? 0
        isolation.oomKillDisable = invocation.bool("oom-kill-disable")
        isolation.dnsSearch = invocation.list("dns-search").map(trimmed)
        isolation.dnsOptions = invocation.list("dns-option")
        isolation.macAddress = try macAddress()
        for specification in invocation.list("expose") { isolation.exposed += try Self.exposed(specification) }
        isolation.cgroupParent = text("cgroup-parent")
        isolation.runtime = text("runtime")
        isolation.containerIDFile = text("cidfile")
        isolation.memory = bytes("memory")
        isolation.memorySwap = bytes("memory-swap")
        isolation.memoryReservation = bytes("memory-reservation")
        isolation.swappiness = Int64(invocation.int("memory-swappiness") ?? -1)
        guard (-1...100).contains(isolation.swappiness) else {
            throw .message(
                "invalid value: \(isolation.swappiness). Valid memory swappiness range is 0-100", status: 125)
        }
        isolation.nanoCPUs = Self.nano(text("cpus"))
        isolation.cpuShares = number("cpu-shares")
        isolation.cpuPeriod = number("cpu-period")
        isolation.cpuQuota = number("cpu-quota")
        isolation.cpus = text("cpuset-cpus")
        isolation.memoryNodes = text("cpuset-mems")
        isolation.pidsLimit = number("pids-limit")
        isolation.blockWeight = Int64(text("blkio-weight")) ?? 0
        request.isolation = isolation
    }

    private func mode(_ flag: String, _ name: String, others: Bool, more: [String] = []) throws(Failure) -> String {
        let value = invocation.string(flag) ?? ""
        if ["", "host"].contains(value) || more.contains(value) { return value }
        if others, value.hasPrefix("container:"), value.count > 10 { return value }
        throw .message("--\(flag): invalid \(name) mode", status: 125)
    }

    /// Replaces the name of a seccomp profile's file by its content, as Docker's client does.
    private func securityOptions() throws(Failure) -> [String] {
        var result: [String] = []
        for option in invocation.list("security-opt") {
            let separator: Character = option.contains("=") ? "=" : ":"
            let parts = option.split(separator: separator, maxSplits: 1, omittingEmptySubsequences: false).map(
                String.init)
            guard parts.count == 2 || option == "no-new-privileges" else {
                throw .message("Invalid --security-opt: \"\(option)\"", status: 125)
            }
            guard parts[0] == "seccomp", parts[1] != "unconfined", parts[1] != "builtin" else {
                result.append(option)
                continue
            }
            let path = context.absolute(parts[1])
            let bytes: [UInt8]
            do throws(DrydockError) {
                bytes = try context.readFile(path)
            } catch {
                let why = error.code == .notFound || error.errno == 2 ? "no such file or directory" : error.message
                throw .message("opening seccomp profile (\(parts[1])) failed: open \(parts[1]): \(why)", status: 125)
            }
            do throws(DrydockError) {
                result.append("seccomp=" + (try JSONValue(parsing: bytes)).compact)
            } catch {
                throw .message(
                    "compacting json for seccomp profile (\(parts[1])) failed: \(error.message)", status: 125)
            }
        }
        return result
    }

    private static func ulimit(_ text: String) -> IsolationRequest.Ulimit? {
        let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
        let values = parts.count == 2 ? parts[1].split(separator: ":").compactMap { Int64($0) } : []
        guard let soft = values.first, let hard = values.last else { return nil }
        return IsolationRequest.Ulimit(name: parts[0], soft: soft, hard: hard)
    }

    private static func map(_ entries: [String]) -> [String: String] {
        var result: [String: String] = [:]
        for entry in entries {
            let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            result[parts[0]] = parts.count > 1 ? parts[1] : ""
        }
        return result
    }

    /// `HOST[:CONTAINER[:rwm]]`, or `HOST:rwm`.
    private static func device(_ text: String) throws(Failure) -> IsolationRequest.Device {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        func isMode(_ text: String) -> Bool {
            !text.isEmpty && text.allSatisfy { "rwm".contains($0) } && Set(text).count == text.count
        }
        func wrong(_ message: String) -> Failure { .message(message, status: 125) }
        guard (1...3).contains(parts.count), !parts[0].isEmpty else {
            throw wrong("invalid device specification: \(text)")
        }
        var (target, permissions) = (parts[0], "rwm")
        if parts.count == 2 { if isMode(parts[1]) { permissions = parts[1] } else { target = parts[1] } }
        if parts.count == 3 {
            target = parts[1].isEmpty ? parts[0] : parts[1]
            guard isMode(parts[2]) else { throw wrong("bad mode specified: \(parts[2])") }
            permissions = parts[2]
        }
        guard target.hasPrefix("/") else {
            throw wrong("\(target) is not an absolute path")
        }
        return IsolationRequest.Device(path: parts[0], target: target, permissions: permissions)
    }

    private func macAddress() throws(Failure) -> String {
        let text = trimmed(invocation.string("mac-address") ?? "")
        guard !text.isEmpty else { return "" }
        let parts = text.split(omittingEmptySubsequences: false) { $0 == ":" || $0 == "-" }
        guard parts.count == 6, parts.allSatisfy({ $0.count == 2 && UInt8($0, radix: 16) != nil }) else {
            throw .message("\(text) is not a valid mac address", status: 125)
        }
        return parts.joined(separator: ":").lowercased()
    }

    /// `PORT[-PORT][/PROTOCOL]`
    private static func exposed(_ text: String) throws(Failure) -> [String] {
        if text.contains(":") { throw .message("invalid port format for --expose: \(text)", status: 125) }
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        func wrong(_ why: String) -> Failure {
            .message("invalid range format for --expose: \(parts[0]), error: \(why)", status: 125)
        }
        var numbers: [UInt16] = []
        for end in parts[0].split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false) {
            guard let number = UInt16(end) else {
                let digits = !end.isEmpty && end.allSatisfy { $0.isASCII && $0.isNumber }
                throw wrong(
                    "strconv.ParseUint: parsing \"\(end)\": \(digits ? "value out of range" : "invalid syntax")")
            }
            numbers.append(number)
        }
        guard let first = numbers.first, let last = numbers.last else {
            throw wrong("empty string specified for ports.")
        }
        guard first <= last else { throw wrong("invalid range specified for port: \(parts[0])") }
        let transport = parts.count > 1 ? parts[1].lowercased() : "tcp"
        return (first...last).map { "\($0)/\(transport)" }
    }

    /// Billionths of a processor.
    private static func nano(_ text: String) -> Int64 {
        let negative = text.hasPrefix("-")
        let parts = text.drop { $0 == "-" || $0 == "+" }.split(separator: ".", omittingEmptySubsequences: false)
        let whole = parts.first.flatMap { Int64($0) } ?? 0
        let decimals =
            parts.count > 1 ? (parts[1].prefix(9) + String(repeating: "0", count: max(0, 9 - parts[1].count))) : "0"
        let value = whole.multipliedReportingOverflow(by: 1_000_000_000)
        guard !value.overflow else { return .max }
        let sum = value.partialValue + (Int64(decimals) ?? 0)
        return negative ? -sum : sum
    }
}
