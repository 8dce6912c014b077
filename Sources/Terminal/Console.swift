import Glibc

/// Where text for a person goes, together with how it may look there.
public final class Console: Sendable {
    private let sink: @Sendable (String) -> Void
    private let detect: @Sendable () -> Look

    /// Makes a console from a place to write to and a way to find out how it looks now.
    public init(look: @escaping @Sendable () -> Look, write: @escaping @Sendable (String) -> Void) {
        self.detect = look
        self.sink = write
    }

    /// A console on a file descriptor, which stays open. What cannot be written (a closed pipe) is dropped.
    public convenience init(descriptor: Int32, environment: [String: String]) {
        self.init(
            look: { Look.detect(descriptor: descriptor, environment: environment) },
            write: { writeAll(descriptor, Array($0.utf8)) })
    }

    /// How text looks now; asked anew each time, because a window can change.
    public var look: Look { detect() }

    /// Writes text as it is.
    public func write(_ text: String) { sink(text) }

    /// Writes a line.
    public func line(_ text: String = "") { sink(text + "\n") }

    /// Writes a paragraph, wrapped.
    /// - Parameters:
    ///   - indent: what every line begins with.
    ///   - first: what the first line begins with instead; as wide as `indent`.
    public func paragraph(_ text: String, indent: String = "", first: String? = nil) {
        line(TextLayout.wrap(text, width: look.textWidth, indent: indent, first: first))
    }
}

/// Writes all bytes, however many calls it takes; gives up silently on an error.
func writeAll(_ descriptor: Int32, _ bytes: [UInt8]) {
    var offset = 0
    while offset < bytes.count {
        let written = bytes[offset...].withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        if written > 0 {
            offset += written
        } else if errno == EAGAIN {
            var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            poll(&wait, 1, -1)
        } else if errno != EINTR {
            return
        }
    }
}
