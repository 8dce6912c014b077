public import SystemPackage

/// What a client that attaches wants, and where its own streams are.
public struct AttachOptions: Sendable {
    /// Whether the client's input is sent to the container.
    public var input = false
    /// Whether the container's output is shown.
    public var output = true
    /// Whether its standard error is shown.
    public var error = true
    /// Whether signals that the client gets are passed on when there is no terminal.
    public var signalProxy = true
    /// The keys that leave a terminal without ending the container: Ctrl-P Ctrl-Q.
    public var detachKeys: [UInt8] = [0x10, 0x11]
    /// The client's input.
    public var inputDescriptor = FileDescriptor.standardInput
    /// The client's output.
    public var outputDescriptor = FileDescriptor.standardOutput
    /// The client's standard error.
    public var errorDescriptor = FileDescriptor.standardError

    /// Output and errors, no input.
    public init() {}
}

/// How an attachment ended.
public enum AttachEnd: Sendable, Equatable {
    /// The program ended with this status.
    case exited(Int32)
    /// The client left with the detach keys; the program goes on.
    case detached
    /// The client was asked three times to end, by signals that it passed on, and left; the program goes on.
    case gaveUp
    /// The monitor was killed: how the program ends cannot be seen from here.
    case lost
}
