import Diagnostics
import Linux
import NIOCore
import NIOHTTP1
import NIOPosix
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

    init(
        _ status: HTTPResponseStatus = .ok, headers: HTTPHeaders = [:], body: [UInt8] = [], cutAfter: Int? = nil
    ) {
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

    init(_ script: @escaping Script) async throws {
        let log = Log()
        self.log = log
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
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
    static func run(_ script: @escaping Script, _ body: (ScriptedServer) async throws -> Void) async throws {
        let server = try await ScriptedServer(script)
        do {
            try await body(server)
        } catch {
            await server.stop()
            throw error
        }
        await server.stop()
    }

    /// A client for which this server is docker.io, with short pauses.
    func client(attempts: Int = 4) -> RegistryClient {
        let url = "http://127.0.0.1:\(port)"
        var settings = RegistrySettings(
            credentials: CredentialStore(file: "/nonexistent/config.json"),
            dockerHub: { () throws(DrydockError) in url })
        settings.retry.attempts = attempts
        settings.retry.firstPause = .milliseconds(2)
        return RegistryClient(settings)
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart
        let script: Script
        let log: Log
        var head: HTTPRequestHead?

        init(script: @escaping Script, log: Log) {
            self.script = script
            self.log = log
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head): self.head = head
            case .body: break
            case .end:
                guard let head else { return }
                let request = SeenRequest(method: head.method, uri: head.uri, headers: head.headers)
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
            if head.method != .HEAD {
                let bytes = answer.cutAfter.map { Array(answer.body.prefix($0)) } ?? answer.body
                context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: bytes)))), promise: nil)
            }
            if answer.cutAfter != nil {
                let channel = context.channel
                context.flush()
                channel.close(promise: nil)
                return
            }
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
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
