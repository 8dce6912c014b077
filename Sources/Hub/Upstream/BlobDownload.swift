import Diagnostics
import Glibc
import Linux
import NIOCore
import OCI
import RegistryClient
import Synchronization
import SystemPackage

/// A blob on its way from an upstream into the hub. Any number of readers follow it while it grows.
final class BlobDownload: Sendable {
    private struct State {
        var count: Int64 = 0
        var outcome: Result<Void, DrydockError>?
        var waiters: [UInt64: CheckedContinuation<Void, Never>] = [:]
        var next: UInt64 = 0
        var task: Task<Void, Never>?
    }

    let descriptor: Descriptor
    private let state = Mutex(State())
    private let session: UploadSession
    private let file: OwnedDescriptor

    /// Begins. The bytes go to an upload of `uploads`, which becomes a blob when every byte was right.
    init(_ descriptor: Descriptor, uploads: UploadStore) throws(DrydockError) {
        self.descriptor = descriptor
        session = try uploads.begin("upstream", descriptor.digest.algorithm)
        file = try session.openForReading()
    }

    /// - Parameter done: is told how it ended, before any reader is.
    func start(_ stream: BlobStream, done: @escaping @Sendable (DrydockError?) -> Void) {
        let task = Task {
            var failure: DrydockError?
            do throws(DrydockError) {
                try await self.fetch(stream)
            } catch {
                failure = error
                try? await blocking { self.session.cancel() }
            }
            done(failure)
            self.finish(failure.map { .failure($0) } ?? .success(()))
        }
        state.withLock { $0.task = task }
    }

    /// Gives up what was never started.
    func discard() { session.cancel() }

    func cancel() { state.withLock { $0.task }?.cancel() }

    private func fetch(_ stream: BlobStream) async throws(DrydockError) {
        let session = session
        let target = try await blocking { () throws(DrydockError) in try session.open() }
        var iterator = stream.makeAsyncIterator()
        while let piece = try await iterator.next() {
            try await blocking { () throws(DrydockError) in
                let outcome = piece.withUnsafeBytes { bytes -> Result<Void, DrydockError> in
                    do throws(DrydockError) { return .success(try session.write([bytes], to: target)) } catch {
                        return .failure(error)
                    }
                }
                try outcome.get()
            }
            advance(Int64(piece.count))
        }
        let digest = descriptor.digest
        try await blocking { () throws(DrydockError) in try session.commit(as: digest) }
    }

    private func advance(_ count: Int64) {
        let waiting = state.withLock { state in
            state.count += count
            defer { state.waiters = [:] }
            return state.waiters
        }
        for waiter in waiting.values { waiter.resume() }
    }

    private func finish(_ outcome: Result<Void, DrydockError>) {
        let waiting = state.withLock { state in
            state.outcome = outcome
            defer { state.waiters = [:] }
            return state.waiters
        }
        for waiter in waiting.values { waiter.resume() }
    }

    /// Waits until there is more than `offset` bytes, or no more to come.
    /// - Returns: how many bytes there are.
    /// - Throws: why there will be no more although some are missing.
    func wait(beyond offset: Int64) async throws -> Int64 {
        while true {
            let (count, outcome) = state.withLock { ($0.count, $0.outcome) }
            // The last bytes are passed on only when all were right: who gets them all may trust them.
            if case .failure(let error) = outcome { throw error }
            if case .success = outcome { return count }
            let safe = min(count, max(descriptor.size - 1, 0))
            if safe > offset { return safe }
            try Task.checkCancellation()
            let id = state.withLock { state in
                state.next += 1
                return state.next
            }
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    let isLate = state.withLock { state in
                        if state.count != count || state.outcome != nil || Task.isCancelled { return true }
                        state.waiters[id] = continuation
                        return false
                    }
                    if isLate { continuation.resume() }
                }
            } onCancel: {
                state.withLock { $0.waiters.removeValue(forKey: id) }?.resume()
            }
        }
    }

    /// Waits until the blob is there.
    func whole() async throws {
        while state.withLock({ $0.outcome == nil }) { _ = try await wait(beyond: descriptor.size) }
        try state.withLock { try $0.outcome?.get() }
    }

    /// The bytes from `offset` on, as many as there are and fit, once there are some; nil behind the last one.
    func read(from offset: Int64) async throws -> ByteBuffer? {
        let count = try await wait(beyond: offset)
        guard count > offset else { return nil }
        let wanted = Int(min(count - offset, 64 << 10))
        let file = file
        return try await blocking { () throws(DrydockError) in
            var buffer = ByteBuffer()
            let got = buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: wanted) { area in
                max(pread(file.number, area.baseAddress, wanted, off_t(offset)), 0)
            }
            guard got > 0 else { throw DrydockError(.corrupt, "a download became shorter while it was read") }
            return buffer
        }
    }
}
