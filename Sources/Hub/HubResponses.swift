import Diagnostics
import HTTPTypes
import Hummingbird
import NIOCore
import OCI

/// An answer with one of the specification's error codes (distribution-spec, "Error Codes").
struct HubRefusal: Error {
    var status: HTTPResponse.Status
    var code: String
    var message: String
    var detail: String?
    var headers = HTTPFields()
    /// The details of further errors of the same kind.
    var others: [String] = []

    init(_ status: HTTPResponse.Status, _ code: String, _ message: String, detail: String? = nil) {
        self.status = status
        self.code = code
        self.message = message
        self.detail = detail
    }

    static func unknownBlob(_ digest: Digest) -> HubRefusal {
        HubRefusal(.notFound, "BLOB_UNKNOWN", "blob unknown to registry", detail: digest.description)
    }

    static func unknownManifest(_ reference: String, detail: String? = nil) -> HubRefusal {
        HubRefusal(
            .notFound, "MANIFEST_UNKNOWN", "manifest unknown", detail: detail ?? "unknown tag or digest \(reference)")
    }

    static func unknownName(_ repository: String, detail: String? = nil) -> HubRefusal {
        HubRefusal(
            .notFound, "NAME_UNKNOWN", "repository name not known to registry",
            detail: detail ?? "there is no repository \(repository)")
    }

    static func unknownUpload() -> HubRefusal {
        HubRefusal(.notFound, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
    }

    /// - Parameter allowed: the methods that the address knows (RFC 9110, section 15.5.6).
    static func unsupported(_ allowed: HTTPRequest.Method...) -> HubRefusal {
        var refusal = HubRefusal(.methodNotAllowed, "UNSUPPORTED", "the operation is unsupported")
        refusal.headers[.allow] = allowed.map(\.rawValue).joined(separator: ", ")
        return refusal
    }

    /// What a manifest names and the repository does not have.
    static func missing(_ needs: [ManifestContent.Need]) -> HubRefusal {
        let what = if case .blob = needs[0] { "blob unknown to registry" } else { "manifest unknown to registry" }
        var refusal = HubRefusal(.notFound, "MANIFEST_BLOB_UNKNOWN", what, detail: needs[0].description)
        refusal.others = needs.dropFirst().prefix(20).map(\.description)
        return refusal
    }

    static let badRequest = HubRefusal(.badRequest, "UNSUPPORTED", "the operation is unsupported")

    /// What a failure of the hub's own rooms looks like from outside.
    init(_ error: DrydockError) {
        switch error.code {
        case .notFound: self.init(.notFound, "BLOB_UNKNOWN", error.message, detail: error.reason)
        case .corrupt: self.init(.badRequest, "DIGEST_INVALID", "provided digest did not match uploaded content")
        case .invalidArgument: self.init(.badRequest, "MANIFEST_INVALID", error.message, detail: error.reason)
        case .exhausted: self.init(.init(code: 507), "UNKNOWN", "the hub's disk is full", detail: error.message)
        case .tooManyRequests: self.init(.tooManyRequests, "TOOMANYREQUESTS", error.message, detail: error.reason)
        case .unavailable: self.init(.serviceUnavailable, "UNAVAILABLE", error.message, detail: error.reason)
        default: self.init(.internalServerError, "UNKNOWN", "unknown error", detail: error.description)
        }
    }

    var response: Response {
        let errors = ([detail] + others).map { detail -> JSONValue in
            var fields: [(key: String, value: JSONValue)] = [("code", .string(code)), ("message", .string(message))]
            if let detail { fields.append(("detail", .string(detail))) }
            return .object(fields)
        }
        var response = Response.json(.object([("errors", .array(errors))]), status: status)
        for field in headers { response.headers.append(field) }
        return response
    }
}

extension Response {
    static func json(_ value: JSONValue, status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]) -> Response {
        var headers = headers
        headers[.contentType] = headers[.contentType] ?? "application/json"
        return Response(
            status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(string: value.compact)))
    }

    static func bytes(_ bytes: [UInt8], headers: HTTPFields) -> Response {
        Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}

extension HTTPField.Name {
    static let contentDigest = HTTPField.Name.named("Docker-Content-Digest")
    static let apiVersion = HTTPField.Name.named("Docker-Distribution-API-Version")
    static let uploadID = HTTPField.Name.named("Docker-Upload-UUID")
    static let ociSubject = HTTPField.Name.named("OCI-Subject")
    static let ociFilters = HTTPField.Name.named("OCI-Filters-Applied")
    static let ociTag = HTTPField.Name.named("OCI-Tag")
    static let ociChunkMinimum = HTTPField.Name.named("OCI-Chunk-Min-Length")
    static let forwardedProtocol = HTTPField.Name.named("X-Forwarded-Proto")
    static let link = HTTPField.Name.named("Link")

    private static func named(_ text: String) -> HTTPField.Name { HTTPField.Name(text) ?? .via }
}
