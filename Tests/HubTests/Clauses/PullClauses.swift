import Diagnostics
import HTTPTypes
import OCI
import Testing

@testable import Hub

/// distribution-spec, "Pull".
@Suite struct PullClauses {
    @Test(
        "Pulling manifests: GET gives the bytes, their type and their digest; HEAD the same without the bytes",
        arguments: Way.allCases)
    func manifests(way: Way) async throws {
        try await ClauseHub.run(way) { hub in
            let image = try await hub.image("ann/x", tag: "1", ["custom.field": ["kept": [1, "two"]]])
            for reference in ["1", image.digest.description] {
                let got = try await hub.send(.get, "/v2/ann/x/manifests/\(reference)", as: nil)
                #expect(got.status == 200)
                #expect(got.body.digest() == image.digest)
                #expect(got[.contentType] == MediaType.ociManifest.rawValue)
                #expect(got[.contentDigest] == image.digest.description)
                let head = try await hub.send(.head, "/v2/ann/x/manifests/\(reference)", as: nil)
                #expect(head.status == 200)
                #expect(head.body.isEmpty)
                #expect(head[.contentLength] == "\(image.size)")
                #expect(head[.contentDigest] == image.digest.description)
                #expect(head[.contentType] == MediaType.ociManifest.rawValue)
            }
        }
    }

    @Test(
        "Pulling manifests: what is not there is 404 with the code that says what is missing", arguments: Way.allCases)
    func unknown(way: Way) async throws {
        try await ClauseHub.run(way) { hub in
            _ = try await hub.image("ann/x", tag: "1")
            let missing = [UInt8]("missing".utf8).digest()
            for (uri, code) in [
                ("/v2/ann/x/manifests/2", "MANIFEST_UNKNOWN"), ("/v2/ann/x/manifests/\(missing)", "MANIFEST_UNKNOWN"),
                ("/v2/ann/none/manifests/1", "NAME_UNKNOWN"), ("/v2/ann/x/blobs/\(missing)", "BLOB_UNKNOWN"),
                ("/v2/ann/none/blobs/\(missing)", "BLOB_UNKNOWN"), ("/v2/ann/none/tags/list", "NAME_UNKNOWN"),
            ] {
                let answer = try await hub.send(.get, uri, as: nil)
                #expect(answer.status == 404, "\(uri)")
                #expect(answer.code == code, "\(uri)")
                let head = try await hub.send(.head, uri, as: nil)
                #expect(head.status == 404 && head.body.isEmpty, "\(uri)")
            }
        }
    }

    @Test("Pulling blobs: whole, in ranges (206), and 416 where there is nothing of the range", arguments: Way.allCases)
    func ranges(way: Way) async throws {
        try await ClauseHub.run(way) { hub in
            let bytes = RandomImage.random(2048)
            let digest = try await hub.push(bytes, to: "ann/x")
            let uri = "/v2/ann/x/blobs/\(digest)"
            let whole = try await hub.send(.get, uri, as: nil)
            #expect(whole.status == 200 && whole.body == bytes)
            #expect(whole[.contentDigest] == digest.description && whole[.acceptRanges] == "bytes")
            let head = try await hub.send(.head, uri, as: nil)
            #expect(head.status == 200 && head[.contentLength] == "2048" && head[.contentDigest] == digest.description)
            for (text, range) in [
                ("500-1499", 500..<1500), ("500-", 500..<2048), ("-500", 1548..<2048), ("2000-5000", 2000..<2048),
                ("0-0", 0..<1), ("-5000", 0..<2048), (" 7-8\t", 7..<9), ("1-99999999999999999999", 1..<2048),
                ("4000-, 3-4", 3..<5),
            ] {
                let part = try await hub.send(.get, uri, as: nil, [.range: "bytes=\(text)"])
                #expect(part.status == 206 && part.body == Array(bytes[range]), "\(text)")
                #expect(part[.contentRange] == "bytes \(range.lowerBound)-\(range.upperBound - 1)/2048", "\(text)")
                #expect(part[.contentLength] == "\(range.count)", "\(text)")
            }
            for text in ["500-0", "5000-10000", "2048-", "-0", "+1-5", "1-2-3", "a-b", "--5", "", "5000-,2048-"] {
                let none = try await hub.send(.get, uri, as: nil, [.range: "bytes=\(text)"])
                #expect(none.status == 416 && none.code == "RANGE_INVALID", "\(text)")
                #expect(none[.contentType] == "application/json" && none[.eTag] == nil, "\(text)")
                #expect(none[.contentRange] == "bytes */2048", "\(text)")
            }
            let other = try await hub.send(.get, uri, as: nil, [.range: "lines=1-2"])
            #expect(other.status == 200 && other.body == bytes)
            #expect(try await hub.send(.get, uri, as: nil, [.range: "Bytes=0-0"]).status == 206)
            // Several parts at once may be answered with the whole (RFC 9110, section 14.2).
            #expect(try await hub.send(.get, uri, as: nil, [.range: "bytes=0-1,5-6"]).body == bytes)
            let tag = try #require(head[.eTag])
            for (condition, status) in [(tag, 206), ("\"other\"", 200), ("Fri, 27 Nov 2026 08:00:00 GMT", 200)] {
                let part = try await hub.send(
                    .get, uri, as: nil, [.range: "bytes=0-9", .ifRange: condition])
                #expect(part.status == status, "If-Range: \(condition)")
            }
            for known in [tag, "\"x\", W/\(tag)", "*", digest.description] {
                let same = try await hub.send(.get, uri, as: nil, [.ifNoneMatch: known])
                #expect(same.status == 304 && same.body.isEmpty, "If-None-Match: \(known)")
            }
        }
    }

    @Test(
        "Pulling blobs: a blob without bytes, one of sha512, and one that only another repository has",
        arguments: Way.allCases)
    func special(way: Way) async throws {
        try await ClauseHub.run(way) { hub in
            let empty = try await hub.push([], to: "ann/x")
            let got = try await hub.send(.get, "/v2/ann/x/blobs/\(empty)", as: nil)
            #expect(got.status == 200 && got.body.isEmpty && got[.contentLength] == "0")
            let none = try await hub.send(.get, "/v2/ann/x/blobs/\(empty)", as: nil, [.range: "bytes=0-"])
            #expect(none.status == 200 && none.body.isEmpty)
            let long = try await hub.push([1, 2, 3], to: "ann/x", .sha512)
            #expect(try await hub.send(.get, "/v2/ann/x/blobs/\(long)", as: nil).body == [1, 2, 3])
            #expect(try await hub.send(.get, "/v2/ann/y/blobs/\(long)", as: nil).status == 404)
        }
    }

    @Test("Digests that are none are 400 DIGEST_INVALID, names that are none 400 NAME_INVALID", arguments: Way.allCases)
    func malformed(way: Way) async throws {
        try await ClauseHub.run(way) { hub in
            for (uri, code) in [
                ("/v2/ann/x/blobs/sha256:baddigeststring", "DIGEST_INVALID"),
                ("/v2/ann/x/manifests/sha256:baddigeststring", "DIGEST_INVALID"),
                ("/v2/ann/x/blobs/md5:d41d8cd98f00b204e9800998ecf8427e", "DIGEST_INVALID"),
                ("/v2/ann/x/referrers/sha256:1", "DIGEST_INVALID"), ("/v2/ANN/x/manifests/1", "NAME_INVALID"),
                ("/v2/ann/-x/tags/list", "NAME_INVALID"), ("/v2/ann/x..y/manifests/1", "NAME_INVALID"),
                ("/v2/\(String(repeating: "a", count: 256))/manifests/1", "NAME_INVALID"),
            ] {
                let answer = try await hub.send(.get, uri, as: nil)
                #expect(answer.status == 400 && answer.code == code, "\(uri): \(answer.status)")
            }
        }
    }
}
