import Diagnostics
import Glibc
import ImageStore
import Linux
import OCI
import SystemPackage
import Testing

@testable import Hub

@Suite struct UploadStoreTests {
    @Test("An upload goes on after the process that began it, with what it had")
    func resume() throws {
        let directory = TemporaryDirectory()
        defer { directory.remove() }
        let blobs = try BlobStore(root: directory.path)
        let bytes = RandomImage.random(100_000)
        func write(_ part: ArraySlice<UInt8>, _ session: UploadSession) throws {
            let file = try session.open()
            try Array(part).withUnsafeBytes { try session.write([$0], to: file) }
        }
        let first = try UploadStore(data: directory.path, blobs: blobs).begin("ann/x", .sha512)
        try write(bytes[..<60_000], first)
        let store = try UploadStore(data: directory.path, blobs: blobs)
        #expect(try store.session(first.id, of: "ann/y") == nil)
        let again = try #require(try store.session(first.id, of: "ann/x"))
        #expect(again.count == 60_000)
        try write(bytes[60_000...], again)
        let digest = bytes.digest(.sha512)
        try again.commit(as: digest)
        try blobs.verify(digest)
        let gone = try UploadStore(data: directory.path, blobs: blobs).session(first.id, of: "ann/x")
        #expect(gone == nil)
    }

    @Test("An upload that nobody continues for a day is removed")
    func expiry() throws {
        let directory = TemporaryDirectory()
        defer { directory.remove() }
        let store = try UploadStore(data: directory.path, blobs: try BlobStore(root: directory.path))
        let old = try store.begin("ann/x", .sha256)
        let young = try store.begin("ann/x", .sha256)
        let file = directory.path.appending("uploads").appending(old.id)
        try FileAt.setTime(
            FileAt.workingDirectory, file.string, seconds: Int64(time(nil)) - UploadStore.lifetime - 60, nanoseconds: 0)
        store.expire()
        #expect(try store.session(old.id, of: "ann/x") == nil)
        #expect(try store.session(young.id, of: "ann/x") != nil)
    }
}
