import Diagnostics
import Glibc
import Linux
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import OCI
import RegistryClient
import Synchronization
import SystemPackage

/// What a scripted server does with a request.
struct ScriptedAnswer: Sendable {
    var status: HTTPResponseStatus = .ok
    var headers: HTTPHeaders = [:]
    var body: [UInt8] = []
    /// Closes the connection after so many bytes of the body, though the headers promised all.
    var cutAfter: Int?
    /// Whether the cut is a reset rather than an end.
    var resets = false
    /// Sends the body in so many pieces, a moment after each other.
    var pieces = 1
    /// Sends the first bytes, then nothing more, and keeps the connection open.
    var stallAfter: Int?

    init(
        _ status: HTTPResponseStatus = .ok, headers: HTTPHeaders = [:], body: [UInt8] = [], cutAfter: Int? = nil,
        resets: Bool = false, pieces: Int = 1, stallAfter: Int? = nil
    ) {
        self.resets = resets
        self.pieces = pieces
        self.stallAfter = stallAfter
        self.status = status
        self.headers = headers
        self.body = body
        self.cutAfter = cutAfter
    }
}

/// A request as a scripted server saw it.
struct SeenRequest: Sendable {
    var method: HTTPMethod
    var uri: String
    var headers: HTTPHeaders
    var body: [UInt8] = []

    /// Where the bytes that are asked for begin.
    var from: Int { headers["range"].first.flatMap { Int($0.dropFirst(6).dropLast()) } ?? 0 }
}

/// An HTTP server whose answers a test decides, for faults that a real registry does not have.
final class ScriptedServer: Sendable {
    typealias Script = @Sendable (SeenRequest, _ number: Int) -> ScriptedAnswer

    let port: Int
    private let channel: any Channel
    private let log: Log

    final class Log: Sendable {
        let requests = Mutex<[SeenRequest]>([])
        func add(_ request: SeenRequest) -> Int {
            requests.withLock {
                $0.append(request)
                return $0.count
            }
        }
    }

    init(tls: TLSConfiguration? = nil, _ script: @escaping Script) async throws {
        let log = Log()
        let context = try tls.map { try NIOSSLContext(configuration: $0) }
        self.log = log
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let context {
                        try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
                    }
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Handler(script: script, log: log))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = channel.localAddress?.port ?? 0
    }

    var requests: [SeenRequest] { log.requests.withLock { $0 } }

    func stop() async { try? await channel.close() }

    /// Runs a server while `body` runs.
    static func run(
        tls: TLSConfiguration? = nil, _ script: @escaping Script, _ body: (ScriptedServer) async throws -> Void
    ) async throws {
        let server = try await ScriptedServer(tls: tls, script)
        do {
            try await body(server)
        } catch {
            await server.stop()
            throw error
        }
        await server.stop()
    }

    /// A client for which this server is docker.io, with short pauses.
    func client(attempts: Int = 4, _ change: (inout RegistrySettings) -> Void = { _ in }) -> RegistryClient {
        let url = "http://127.0.0.1:\(port)"
        var settings = RegistrySettings(
            credentials: CredentialStore(file: "/nonexistent/config.json"),
            dockerHub: { () throws(DrydockError) in url })
        settings.retry.attempts = attempts
        settings.retry.firstPause = .milliseconds(2)
        settings.configuration.proxies = ProxySettings()
        change(&settings)
        return RegistryClient(settings)
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart
        let script: Script
        let log: Log
        var head: HTTPRequestHead?
        var received: [UInt8] = []

        init(script: @escaping Script, log: Log) {
            self.script = script
            self.log = log
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head):
                self.head = head
                received = []
            case .body(let bytes): received += Array(bytes.readableBytesView)
            case .end:
                guard let head else { return }
                let request = SeenRequest(method: head.method, uri: head.uri, headers: head.headers, body: received)
                answer(script(request, log.add(request)), head, context)
            }
        }

        private func answer(_ answer: ScriptedAnswer, _ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
            var headers = answer.headers
            if !headers.contains(name: "content-length") {
                headers.add(name: "content-length", value: "\(answer.body.count)")
            }
            let start = HTTPResponseHead(version: head.version, status: answer.status, headers: headers)
            context.write(wrapOutboundOut(.head(start)), promise: nil)
            guard head.method != .HEAD else {
                context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
                return
            }
            if answer.pieces > 1 {
                send(answer.body[...], of: max(1, answer.body.count / answer.pieces), context)
                return
            }
            let kept = answer.cutAfter ?? answer.stallAfter
            let bytes = kept.map { Array(answer.body.prefix($0)) } ?? answer.body
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: bytes)))), promise: nil)
            if answer.stallAfter != nil {
                context.flush()
                return
            }
            if answer.cutAfter != nil {
                let channel = context.channel
                context.flush()
                if answer.resets {
                    let now = linger(l_onoff: 1, l_linger: 0)
                    _ = (channel as? any SocketOptionProvider)?.setSoLinger(now)
                    channel.close(promise: nil)
                } else {
                    channel.close(promise: nil)
                }
                return
            }
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }

        private func send(_ bytes: ArraySlice<UInt8>, of size: Int, _ context: ChannelHandlerContext) {
            guard !bytes.isEmpty else {
                context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
                return
            }
            context.writeAndFlush(
                wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: bytes.prefix(size))))), promise: nil)
            context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(1)) {
                self.send(bytes.dropFirst(size), of: size, context)
            }
        }
    }
}

/// The error that some work throws.
func failure(_ work: () async throws -> Void) async -> DrydockError? {
    do {
        try await work()
        return nil
    } catch {
        return error as? DrydockError
    }
}
