import AsyncHTTPClient
import Diagnostics
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import OCI
import Synchronization

/// Keeps the connections: straight ones, and those through proxies.
final class Connections: Sendable {
    private let base: HTTPClient.Configuration
    private let proxies: ProxySettings
    private let certificates: Certificates
    private let clients = Mutex<[Route: HTTPClient]>([:])

    /// How a request gets to where it is answered.
    private enum Route: Hashable {
        case straight
        /// Through a tunnel that the proxy makes (`CONNECT`), or a SOCKS proxy.
        case tunnel(ProxyAddress)
        /// The proxy asks for us: it is given the whole URL. Most proxies refuse tunnels to anything but TLS ports.
        case forwarded(ProxyAddress)
    }

    init(_ settings: RegistrySettings) {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow,
            timeout: .init(connect: TimeAmount(settings.connectTimeout), read: TimeAmount(settings.idleTimeout)))
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 16
        base = configuration
        proxies = settings.configuration.proxies
        certificates = Certificates(directories: settings.certificateDirectories)
    }

    deinit {
        for client in clients.withLock({ $0 }).values { _ = client.shutdown() as EventLoopFuture<Void> }
    }

    func shutdown() async {
        let all = clients.withLock { clients in
            defer { clients = [:] }
            return Array(clients.values)
        }
        for client in all { try? await client.shutdown() }
    }

    /// Sends a request and waits for the head of its answer.
    /// - Parameter verifies: whether a wrong certificate is refused.
    /// - Throws: a `DrydockError` in Docker's words.
    func execute(
        _ request: HTTPClientRequest, verifies: Bool, deadline: NIODeadline
    ) async throws(DrydockError) -> HTTPClientResponse {
        guard let address = WebAddress(request.url) else {
            throw DrydockError(.invalidArgument, "invalid URL \"\(request.url)\"")
        }
        var request = request
        var proxy: ProxyAddress?
        do {
            proxy = try proxies.proxy(for: address)
            if address.scheme == "https" {
                request.tlsConfiguration = try certificates.settings(for: address.authority, verifies: verifies)
            }
            let route = route(proxy, address)
            if case .forwarded(let proxy) = route {
                request.headers.replaceOrAdd(name: "host", value: address.authority)
                request.url = "http://\(proxy.hostAndPort)\(address.target)"
            }
            return try await client(for: route).execute(request, deadline: deadline)
        } catch {
            throw ConnectionFailure.error(
                error, method: request.method.rawValue, url: address.origin + address.target,
                proxy: proxy?.hostAndPort)
        }
    }

    private func route(_ proxy: ProxyAddress?, _ address: WebAddress) -> Route {
        guard let proxy else { return .straight }
        return proxy.kind == .http && address.scheme == "http" ? .forwarded(proxy) : .tunnel(proxy)
    }

    private func client(for route: Route) -> HTTPClient {
        clients.withLock { clients in
            if let known = clients[route] { return known }
            var configuration = base
            switch route {
            case .straight: break
            case .tunnel(let proxy):
                if proxy.kind == .socks {
                    configuration.proxy = .socksServer(host: proxy.host, port: proxy.port)
                } else {
                    let user = proxy.user.map {
                        HTTPClient.Authorization.basic(username: $0.username, password: $0.password)
                    }
                    configuration.proxy = .server(host: proxy.host, port: proxy.port, authorization: user)
                }
            case .forwarded(let proxy):
                let authorization = proxy.user.map(Authorizer.basic)
                configuration.http1_1ConnectionDebugInitializer = { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let pipeline = channel.pipeline.syncOperations
                        let encoder = try pipeline.handler(type: HTTPRequestEncoder.self)
                        try pipeline.addHandler(WholeURLs(authorization: authorization), position: .after(encoder))
                    }
                }
            }
            let made = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
            clients[route] = made
            return made
        }
    }
}

/// Names the whole URL in each request, as a proxy wants it (RFC 9112, section 3.2.2).
private final class WholeURLs: ChannelOutboundHandler {
    typealias OutboundIn = HTTPClientRequestPart
    typealias OutboundOut = HTTPClientRequestPart

    private let authorization: String?

    init(authorization: String?) { self.authorization = authorization }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard case .head(var head) = unwrapOutboundIn(data), let host = head.headers["host"].first else {
            return context.write(data, promise: promise)
        }
        head.uri = "http://\(host)\(head.uri)"
        if let authorization { head.headers.replaceOrAdd(name: "proxy-authorization", value: authorization) }
        context.write(wrapOutboundOut(.head(head)), promise: promise)
    }
}
