import Diagnostics
import HTTPTypes
import Hummingbird
import ImageStore
import Linux
import NIOCore
import OCI
import RegistryClient
import SystemPackage

extension HubResponder {
    func blob(
        _ request: Request, _ context: HubContext, _ repository: String, _ digest: Digest
    ) async throws -> Response {
        let registry = registry
        switch request.method {
        case .get, .head:
            try await authorize(request, repository, "pull")
            let isHead = request.method == .head
            let has = try await blocking { () throws(DrydockError) in
                guard try registry.hasBlob(digest, in: repository), registry.blobs.has(digest) else { return false }
                // Who asks whether it is there may rely on it next: cleaning up takes nothing this young.
                if isHead { registry.touch(digest) }
                return true
            }
            if !has {
                switch try await misses.blob(digest, of: repository, request, context) {
                case .passing(let response): return response
                case .unknown: throw HubRefusal.unknownBlob(digest)
                case .here: break
                }
            }
            let headers: HTTPFields = [
                .contentType: "application/octet-stream", .contentDigest: digest.description, .eTag: "\"\(digest)\"",
                .cacheControl: "max-age=31536000",
            ]
            return try await file(request, context, registry.blobs.path(digest), headers: headers)
        case .delete:
            try await authorize(request, repository, "delete")
            let removed = try await blocking { () throws(DrydockError) in
                try registry.unlink(digest, from: repository)
            }
            guard removed else { throw HubRefusal.unknownBlob(digest) }
            return Response(status: .accepted)
        default: throw HubRefusal.unsupported(.get, .head, .delete)
        }
    }

    // MARK: Packages

    func package(_ request: Request, _ context: HubContext, _ path: String) async throws -> Response {
        try onlyReads(request)
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard !parts.contains(where: { $0.isEmpty || $0 == "." || $0 == ".." || $0.utf8.contains(0) }) else {
            throw HubRefusal(.notFound, "UNSUPPORTED", "there is no such package")
        }
        try await misses.providePackages()
        let file = registry.packages.appending(path)
        return try await self.file(request, context, file, headers: [.contentType: "application/octet-stream"])
    }

    // MARK: Files with ranges

    /// Sends a file, or the part of it that a `Range` header asks for (RFC 9110, section 14).
    private func file(
        _ request: Request, _ context: HubContext, _ path: FilePath, headers: HTTPFields
    ) async throws -> Response {
        let opened = try await blocking { () throws(DrydockError) -> (OwnedDescriptor, Int64)? in
            do throws(DrydockError) {
                let file = try OwnedDescriptor.open(path, .readOnly, options: [.noFollow])
                let status: FileStatus
                do throws(Errno) {
                    status = try FileAt.status(file.number)
                } catch {
                    throw DrydockError(.system, "stat \(path): \(error)", errno: error.rawValue)
                }
                return status.isRegular ? (file, status.size) : nil
            } catch {
                if error.errno == Errno.noSuchFileOrDirectory.rawValue || error.errno == Errno.notDirectory.rawValue {
                    return nil
                }
                throw error
            }
        }
        guard let (file, size) = opened else {
            throw HubRefusal(.notFound, "BLOB_UNKNOWN", "there is nothing of that name")
        }
        var headers = headers
        headers[.acceptRanges] = "bytes"
        if let tag = headers[.eTag], request.has(tag) { return Response(status: .notModified, headers: headers) }
        var range: Range<Int64> = 0..<size
        var status = HTTPResponse.Status.ok
        switch WantedRange(request.headers, of: size, tag: headers[.eTag]) {
        case .whole: break
        case .nothing:
            var refusal = HubRefusal(.rangeNotSatisfiable, "RANGE_INVALID", "the range is outside of the blob")
            refusal.headers = [.acceptRanges: "bytes", .contentRange: "bytes */\(size)"]
            throw refusal
        case .part(let wanted):
            range = wanted
            status = .partialContent
            headers[.contentRange] = "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(size)"
        }
        headers[.contentLength] = String(range.upperBound - range.lowerBound)
        if request.method == .head { return Response(status: status, headers: headers) }
        let activity = activity
        let wanted = range
        let isSent = context.canSendFiles(secure: secure)
        return Response(
            status: status, headers: headers,
            body: ResponseBody(contentLength: Int(range.upperBound - range.lowerBound)) { writer in
                activity.begin()
                defer { activity.end() }
                if isSent, !wanted.isEmpty {
                    try await context.send(file, wanted)
                    try await writer.finish(nil)
                    return
                }
                var at = wanted.lowerBound
                while at < wanted.upperBound {
                    let buffer = try await Self.read(file, path, at: at, count: min(1 << 15, wanted.upperBound - at))
                    at += Int64(buffer.readableBytes)
                    try await writer.write(buffer)
                    try await context.settle()
                }
                try await writer.finish(nil)
            })
    }

    private static func read(
        _ file: OwnedDescriptor, _ path: FilePath, at offset: Int64, count: Int64
    ) async throws(DrydockError) -> ByteBuffer {
        try await blocking { () throws(DrydockError) in
            var buffer = ByteBuffer()
            do {
                try buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: Int(count)) { target in
                    try file.descriptor.read(
                        fromAbsoluteOffset: offset,
                        into: UnsafeMutableRawBufferPointer(rebasing: target[..<Int(count)]))
                }
            } catch {
                throw DrydockError(.system, "read \(path): \(error)")
            }
            guard buffer.readableBytes > 0 else {
                throw DrydockError(.corrupt, "\(path) became shorter while it was read")
            }
            return buffer
        }
    }
}
