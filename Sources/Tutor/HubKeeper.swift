import Diagnostics
import Dispatch
import Engine
import Synchronization

/// Starts the practice hub while the prompt is already there, and keeps it from ending as long as the session lives.
final class HubKeeper: Sendable {
    private struct State {
        var isDone = false
        var trouble: DrydockError?
        var lease: (any Sendable)?
    }

    private let hub: any PracticeHub
    private let state = Mutex(State())
    private let done = DispatchGroup()

    init(_ hub: any PracticeHub) { self.hub = hub }

    /// Starts the hub on a thread of its own.
    func start() {
        done.enter()
        DispatchQueue.global().async { [self] in
            var trouble: DrydockError?
            var lease: (any Sendable)?
            do throws(DrydockError) {
                lease = try hub.lease()
                _ = try hub.ensureRunning()
            } catch {
                trouble = error
            }
            state.withLock { $0 = State(isDone: true, trouble: trouble, lease: lease) }
            done.leave()
        }
    }

    /// Waits until the hub runs. - Throws: why it does not.
    func wait() throws(DrydockError) {
        done.wait()
        if let trouble = state.withLock({ $0.trouble }) { throw trouble }
    }

    /// What went wrong, told once; nil where nothing has so far.
    func takeTrouble() -> DrydockError? {
        state.withLock { state in
            defer { state.trouble = nil }
            return state.isDone ? state.trouble : nil
        }
    }
}

/// Waits on this thread, which must not be one of the cooperative pool, for work that is done there.
func waiting<Value: Sendable>(for work: @escaping @Sendable () async throws(DrydockError) -> Value)
    throws(DrydockError) -> Value
{
    let box = ResultBox<Value>()
    let semaphore = DispatchSemaphore(value: 0)
    Task.detached {
        let result: Result<Value, DrydockError>
        do throws(DrydockError) {
            result = .success(try await work())
        } catch {
            result = .failure(error)
        }
        box.value.withLock { $0 = result }
        semaphore.signal()
    }
    semaphore.wait()
    guard let result = box.value.withLock({ $0 }) else { throw DrydockError(.internal, "no result") }
    return try result.get()
}

private final class ResultBox<Value: Sendable>: Sendable {
    let value = Mutex<Result<Value, DrydockError>?>(nil)
}
