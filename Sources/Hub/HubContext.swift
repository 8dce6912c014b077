import Hummingbird
import Linux
import NIOCore
import NIOHTTP1
import NIOHTTPTypesHTTP1

/// What belongs to one request beside its bytes: the connection that it came by.
struct HubContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }

    /// The address of whoever asks, without a port.
    var peer: String { channel.remoteAddress?.ipAddress ?? "" }
}

extension HubContext {
    /// Tells a client that waits for it (`Expect: 100-continue`, RFC 9110, section 10.1.1) to send its body.
    func goOn(_ request: Request) async {
        guard request.headers[.expect]?.lowercased() == "100-continue" else { return }
        let channel = channel
        try? await channel.eventLoop.submit {
            guard let context = try? channel.pipeline.syncOperations.context(handlerType: HTTP1ToHTTPServerCodec.self)
            else { return }
            let head = HTTPResponseHead(version: .http1_1, status: .continue)
            context.writeAndFlush(NIOAny(HTTPServerResponsePart.head(head)), promise: nil)
        }.get()
    }

    /// Waits until the connection has been given what was written to it. Only then a writer knows whether the connection
    /// takes more: on a busy machine, and with encryption, it would be handed whole blobs first.
    func settle() async throws { try await channel.eventLoop.submit {}.get() }

    /// Whether files can be given to the kernel to send (sendfile(2)): there is a socket, and nobody encrypts.
    func canSendFiles(secure: Bool) -> Bool { !secure && channel is any SocketOptionProvider }

    /// Sends a part of a file as the body of the answer whose head has been written, without its bytes passing through
    /// this process. Ends early, and with an error, where the connection closes or the task is cancelled.
    func send(_ file: OwnedDescriptor, _ range: Range<Int64>) async throws {
        let channel = channel
        let handle = NIOFileHandle(_deprecatedTakingOwnershipOfDescriptor: file.release())
        defer { try? handle.close() }
        let region = FileRegion(
            fileHandle: handle, readerIndex: Int(range.lowerBound), endIndex: Int(range.upperBound))
        try await withTaskCancellationHandler {
            try await channel.eventLoop.flatSubmit {
                let sent = channel.eventLoop.makePromise(of: Void.self)
                do {
                    // Behind the codec of HTTP types, which knows bytes only; the encoder behind it knows files.
                    let context = try channel.pipeline.syncOperations.context(handlerType: HTTP1ToHTTPServerCodec.self)
                    context.writeAndFlush(
                        NIOAny(HTTPServerResponsePart.body(.fileRegion(region))), promise: sent)
                } catch {
                    sent.fail(error)
                }
                return sent.futureResult
            }.get()
        } onCancel: {
            channel.close(mode: .all, promise: nil)
        }
    }
}

/// Prepares each connection.
final class ConnectionTuning: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    /// TCP_CONGESTION of Linux's `tcp.h`.
    private static let congestion = NIOBSDSocket.Option(rawValue: 13)
    /// TCP_USER_TIMEOUT of the same: after so many milliseconds without an acknowledgement a peer counts as dead.
    private static let userTimeout = NIOBSDSocket.Option(rawValue: 18)
    private static let patience: Int32 = 300_000

    func channelActive(context: ChannelHandlerContext) {
        tune(context)
        context.fireChannelActive()
    }

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { tune(context) }
    }

    /// Some congestion controls (BBR) pace what they send, on the loopback interface too, where there is nothing to be
    /// careful with: it costs half of the speed.
    private func tune(_ context: ChannelHandlerContext) {
        guard let options = context.channel as? any SocketOptionProvider else { return }
        options.unsafeSetSocketOption(level: .tcp, name: Self.userTimeout, value: Self.patience).whenComplete { _ in }
        guard let address = context.channel.remoteAddress?.ipAddress, address.hasPrefix("127.") || address == "::1"
        else { return }
        let reno: (UInt8, UInt8, UInt8, UInt8) = (0x72, 0x65, 0x6e, 0x6f)
        options.unsafeSetSocketOption(level: .tcp, name: Self.congestion, value: reno).whenComplete { _ in }
    }
}
