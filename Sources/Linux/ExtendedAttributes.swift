private import CLinux
public import SystemPackage

/// Extended attributes of open files and of paths (a final symbolic link is never followed). See xattr(7).
public enum ExtendedAttributes {
    /// The names of all attributes of an open file; empty where the file system has none.
    public static func names(_ fd: Int32) throws(Errno) -> [String] {
        try list { cl_xattr_list_fd(fd, $0, $1) }
    }

    /// The names of all attributes of a path; empty where the file system has none.
    public static func names(path: String) throws(Errno) -> [String] {
        try list { cl_xattr_list(path, $0, $1) }
    }

    /// The value of an attribute of an open file, or nil where it has none of that name.
    public static func get(_ fd: Int32, _ name: String) throws(Errno) -> [UInt8]? {
        try value { cl_xattr_get_fd(fd, name, $0, $1) }
    }

    /// The value of an attribute of a path, or nil where it has none of that name.
    public static func get(path: String, _ name: String) throws(Errno) -> [UInt8]? {
        try value { cl_xattr_get(path, name, $0, $1) }
    }

    /// Sets an attribute of an open file.
    public static func set(_ fd: Int32, _ name: String, _ value: [UInt8]) throws(Errno) {
        _ = try FileAt.check(cl_xattr_set_fd(fd, name, value, value.count))
    }

    /// Sets an attribute of a path.
    public static func set(path: String, _ name: String, _ value: [UInt8]) throws(Errno) {
        _ = try FileAt.check(cl_xattr_set(path, name, value, value.count))
    }

    /// Removes an attribute of a path; nothing happens where there is none.
    public static func remove(path: String, _ name: String) throws(Errno) {
        let outcome = cl_xattr_remove(path, name)
        if outcome < 0, outcome != -Errno.noData.rawValue { throw Errno(rawValue: -outcome) }
    }

    /// A path that names what is `name` in an open directory, for the calls that have no `…at` form.
    public static func path(_ directory: Int32, _ name: String) -> String { "/proc/self/fd/\(directory)/\(name)" }

    private static func list(
        _ call: (UnsafeMutablePointer<CChar>?, Int) -> Int64
    ) throws(Errno) -> [String] {
        let bytes: [UInt8]? = try value { buffer, size in
            call(buffer?.assumingMemoryBound(to: CChar.self), size)
        }
        return (bytes ?? []).split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    }

    private static func value(_ call: (UnsafeMutableRawPointer?, Int) -> Int64) throws(Errno) -> [UInt8]? {
        var size = call(nil, 0)
        while size > 0 {
            var buffer = [UInt8](repeating: 0, count: Int(size))
            let count = buffer.withUnsafeMutableBytes { call($0.baseAddress, $0.count) }
            if count == -Int64(Errno.outOfRange.rawValue) {
                size = call(nil, 0)
                continue
            }
            if count < 0 {
                size = count
                break
            }
            buffer.removeLast(buffer.count - Int(count))
            return buffer
        }
        if size == 0 { return [] }
        let error = Errno(rawValue: Int32(-size))
        if error == .noData || error == .notSupported { return nil }
        throw error
    }
}
