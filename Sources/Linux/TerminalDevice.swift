import CLinux
public import Diagnostics
import Glibc

/// Terminals: raw mode and window sizes.
public enum TerminalDevice {
    /// Whether a descriptor is a terminal.
    public static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }

    /// The size of a terminal's window, nil where it has none.
    public static func size(_ descriptor: Int32) -> (rows: UInt16, columns: UInt16)? {
        var rows: UInt16 = 0
        var columns: UInt16 = 0
        return cl_ioctl_size(descriptor, &rows, &columns) == 0 ? (rows, columns) : nil
    }

    /// Gives a terminal's window a size.
    public static func setSize(_ descriptor: Int32, rows: UInt16, columns: UInt16) {
        _ = cl_ioctl_set_size(descriptor, rows, columns)
    }

    /// A new pseudo terminal: the end that plays the person, and the end that is the program's terminal.
    public static func open() throws(DrydockError) -> (master: OwnedDescriptor, terminal: OwnedDescriptor) {
        var master: Int32 = -1
        var terminal: Int32 = -1
        let result = cl_open_pty(&master, &terminal)
        guard result == 0 else { throw .system("open a pseudo terminal", errno: -result) }
        return (OwnedDescriptor(master), OwnedDescriptor(terminal))
    }
}

/// A terminal that passes every key on as it is, until it is put back.
public final class RawTerminal {
    private let descriptor: Int32
    private var before: termios?

    /// Makes the terminal raw: no echo, no lines, no signals from keys.
    public init(_ descriptor: Int32) throws(DrydockError) {
        self.descriptor = descriptor
        var mode = termios()
        guard tcgetattr(descriptor, &mode) == 0 else { throw .system("tcgetattr", errno: errno) }
        before = mode
        cfmakeraw(&mode)
        guard tcsetattr(descriptor, TCSANOW, &mode) == 0 else { throw .system("tcsetattr", errno: errno) }
    }

    deinit { restore() }

    /// Puts the terminal back as it was. Nothing happens the second time.
    public func restore() {
        guard var mode = before else { return }
        before = nil
        _ = tcsetattr(descriptor, TCSADRAIN, &mode)
    }
}

/// Signals as bytes of a pipe, for as long as it lives. One at a time in a process.
public final class SignalPipe {
    private let writeEnd: OwnedDescriptor
    /// The end from which the numbers of signals are read, one byte each; it does not block.
    public let readEnd: OwnedDescriptor

    /// Catches signals from now on.
    public init(_ signals: [Int32]) throws(DrydockError) {
        var ends: [Int32] = [-1, -1]
        let result = cl_pipe(&ends, 1)
        guard result == 0 else { throw .system("pipe", errno: -result) }
        readEnd = OwnedDescriptor(ends[0])
        writeEnd = OwnedDescriptor(ends[1])
        _ = cl_signals_to_pipe(signals, Int32(signals.count), ends[1])
    }

    deinit { restore() }

    /// Puts back what the signals did before. Nothing happens the second time.
    public func restore() {
        guard writeEnd.number >= 0 else { return }
        cl_signals_restore()
        writeEnd.close()
    }
}
