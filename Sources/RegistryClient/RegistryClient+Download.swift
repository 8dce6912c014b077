import AsyncHTTPClient
public import Diagnostics
import NIOCore
import NIOHTTP1

extension RegistryClient {
    /// Fetches what is behind an address that is no registry's (`docker import URL`), following redirects.
    /// - Parameter take: gets the bytes as they come.
    /// - Throws: code `.invalidArgument` for an address that is not `http:` or `https:`, `.unavailable` where the server
    ///   cannot be reached or answers with an error; what `take` throws.
    public func download(
        _ address: String, _ take: ([UInt8]) async throws(DrydockError) -> Void
    ) async throws(DrydockError) {
        var url = address
        for _ in 0..<10 {
            guard url.hasPrefix("http://") || url.hasPrefix("https://") else {
                throw DrydockError(.invalidArgument, "invalid address \"\(url)\"")
            }
            var request = HTTPClientRequest(url: url)
            request.headers.add(name: "user-agent", value: settings.userAgent)
            let response = try await transport.connections.execute(
                request, verifies: true, deadline: .now() + .hours(24))
            if (300...399).contains(response.status.code), let next = response.headers["location"].first {
                url = WebAddress(url)?.resolving(next) ?? next
                continue
            }
            guard response.status.code == 200 else {
                let body = (try? await response.body.collect(upTo: 64 << 10)).map { String(buffer: $0) } ?? ""
                throw DrydockError(
                    response.status.code == 404 ? .notFound : .unavailable,
                    "failed to GET \(address) with status \(response.status.code) "
                        + response.status.reasonPhrase + ": "
                        + body.split(whereSeparator: \.isNewline).joined(separator: " "))
            }
            do {
                for try await part in response.body { try await take(Array(part.readableBytesView)) }
            } catch let error as DrydockError {
                throw error
            } catch {
                throw ConnectionFailure.error(error, method: "GET", url: url)
            }
            return
        }
        throw DrydockError(.unavailable, "Get \"\(address)\": stopped after 10 redirects")
    }
}
