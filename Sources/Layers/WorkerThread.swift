public import Diagnostics
internal import Glibc
internal import Synchronization

/// A thread for work that blocks; such work must stay off the cooperative pool.
public final class WorkerThread: Sendable {
    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    private let handle = Mutex<pthread_t?>(nil)

    /// Starts the thread.
    /// - Throws: code `.exhausted` where no more threads can be made.
    public init(_ body: @escaping @Sendable () -> Void) throws(DrydockError) {
        var thread = pthread_t()
        let boxed = Unmanaged.passRetained(Body(body))
        let outcome = pthread_create(
            &thread, nil,
            { argument in
                if let argument { Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run() }
                return nil
            }, boxed.toOpaque())
        guard outcome == 0 else {
            boxed.release()
            throw DrydockError(.exhausted, "cannot start a thread", errno: outcome)
        }
        handle.withLock { $0 = thread }
    }

    deinit {
        if let thread = handle.withLock({ $0 }) { pthread_detach(thread) }
    }

    /// Waits until the thread has ended; later calls return at once.
    public func join() {
        let thread = handle.withLock { handle in
            defer { handle = nil }
            return handle
        }
        if let thread { pthread_join(thread, nil) }
    }

    /// Does work that blocks on a thread of its own, and suspends until it is done.
    public static func run<Value: Sendable>(
        _ work: @escaping @Sendable () throws(DrydockError) -> Value
    ) async throws(DrydockError) -> Value {
        let outcome: Result<Value, DrydockError> = await withCheckedContinuation { continuation in
            let perform: @Sendable () -> Void = {
                do throws(DrydockError) {
                    continuation.resume(returning: .success(try work()))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
            do throws(DrydockError) {
                _ = try WorkerThread(perform)
            } catch {
                continuation.resume(returning: .failure(error))
            }
        }
        return try outcome.get()
    }
}
