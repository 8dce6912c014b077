import NIOCore
import NIOPosix
import Synchronization

/// A line to a registry that breaks: each of the first connections is cut after so many bytes from the client.
final class FaultyLine: Sendable {
    let port: Int
    private let channel: any Channel
    private let count: Counter

    private final class Counter: Sendable {
        let left: Mutex<Int>
        let cuts = Mutex(0)
        init(_ left: Int) { self.left = Mutex(left) }
    }

    /// How often the line broke.
    var cuts: Int { count.cuts.withLock { $0 } }

    private init(to target: Int, cutAfter: Int, connections: Int) async throws {
        let count = Counter(connections)
        self.count = count
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { client in
                ClientBootstrap(group: client.eventLoop)
                    .connect(host: "127.0.0.1", port: target)
                    .flatMapThrowing { server in
                        try server.pipeline.syncOperations.addHandler(Relay(to: client, count: nil, limit: 0))
                        try client.pipeline.syncOperations.addHandler(
                            Relay(to: server, count: count, limit: cutAfter))
                    }
                    .flatMap { client.setOption(.autoRead, value: true) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = channel.localAddress?.port ?? 0
    }

    static func run(
        to target: Int, cutAfter: Int, connections: Int, _ body: (FaultyLine) async throws -> Void
    ) async throws {
        let line = try await FaultyLine(to: target, cutAfter: cutAfter, connections: connections)
        do {
            try await body(line)
        } catch {
            try? await line.channel.close()
            throw error
        }
        try? await line.channel.close()
    }

    /// Passes bytes on to the other side.
    private final class Relay: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let other: any Channel
        private let count: Counter?
        private let limit: Int
        private var passed = 0

        init(to other: any Channel, count: Counter?, limit: Int) {
            self.other = other
            self.count = count
            self.limit = limit
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = unwrapInboundIn(data)
            passed += bytes.readableBytes
            if let count, passed > limit,
                count.left.withLock({ left in
                    left -= 1
                    return left >= 0
                })
            {
                count.cuts.withLock { $0 += 1 }
                other.close(promise: nil)
                context.close(promise: nil)
                return
            }
            other.writeAndFlush(bytes, promise: nil)
        }

        func channelInactive(context: ChannelHandlerContext) { other.close(promise: nil) }
    }
}
