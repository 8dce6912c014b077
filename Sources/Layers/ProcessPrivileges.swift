internal import Glibc
internal import Linux
internal import SystemPackage

/// What this process may do with owners and overlay attributes.
struct ProcessPrivileges: Sendable {
    /// Whether this is root, of the machine or of a user namespace.
    var isRoot: Bool
    /// Whether the user namespace maps every id: the machine's own.
    var isInitialNamespace: Bool
    /// Whether the user namespace maps more than one id.
    var mapsManyIDs: Bool

    /// Reads `/proc/self/uid_map`; where there is none, an ordinary user is assumed.
    static var current: ProcessPrivileges {
        var text = ""
        if let fd = try? FileAt.open(FileAt.workingDirectory, "/proc/self/uid_map", O_RDONLY) {
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = buffer.withUnsafeMutableBytes { (try? FileAt.read(fd, $0)) ?? 0 }
            FileAt.close(fd)
            text = String(decoding: buffer[..<count], as: UTF8.self)
        }
        var mapped: Int64 = 0
        var isWhole = false
        for line in text.split(separator: "\n") {
            let numbers = line.split(separator: " ").compactMap { Int64($0) }
            guard numbers.count == 3 else { continue }
            mapped += numbers[2]
            if numbers == [0, 0, 4_294_967_295] { isWhole = true }
        }
        let isRoot = geteuid() == 0
        return ProcessPrivileges(
            isRoot: isRoot, isInitialNamespace: isWhole, mapsManyIDs: isRoot && mapped > 1)
    }

    /// This process's umask, from `/proc/self/status`: asking for it by `umask(2)` would change it for other threads.
    static var fileModeMask: UInt32 {
        let status = (try? Files.read("/proc/self/status")) ?? []
        for line in String(decoding: status, as: UTF8.self).split(separator: "\n") where line.hasPrefix("Umask:") {
            return UInt32(line.dropFirst(6).filter { !$0.isWhitespace }, radix: 8) ?? 0o7777
        }
        return 0o7777
    }

    var applyOptions: ApplyOptions {
        ApplyOptions(
            whiteouts: .overlay(isRoot && isInitialNamespace ? .trusted : .user),
            ownership: mapsManyIDs ? .set : .record)
    }
}
