import Glibc
import Synchronization

/// Runs asynchronous work on the main thread, which may block: a docker command waits for files and programs, and the
/// cooperative pool must not.
final class MainThreadExecutor: TaskExecutor {
    private struct State {
        var jobs: [UnownedJob] = []
        var result: Int32?
    }

    private let state = Mutex(State())
    private let wakeUp = Semaphore()

    /// Takes a piece of work; called by the runtime from any thread.
    func enqueue(_ job: consuming ExecutorJob) {
        let unowned = UnownedJob(job)
        state.withLock { $0.jobs.append(unowned) }
        wakeUp.signal()
    }

    /// Runs `work` to its end on the calling thread and gives back its result.
    static func run(_ work: @escaping @Sendable () async -> Int32) -> Int32 {
        let executor = MainThreadExecutor()
        Task(executorPreference: executor) {
            let result = await work()
            executor.finish(result)
        }
        return executor.drain()
    }

    private func finish(_ result: Int32) {
        state.withLock { $0.result = result }
        wakeUp.signal()
    }

    private func drain() -> Int32 {
        while true {
            let (job, result) = state.withLock { state in
                (state.jobs.isEmpty ? nil : state.jobs.removeFirst(), state.result)
            }
            if let job {
                job.runSynchronously(on: asUnownedTaskExecutor())
            } else if let result {
                return result
            } else {
                wakeUp.wait()
            }
        }
    }
}

/// A counting semaphore of the C library.
private final class Semaphore: @unchecked Sendable {
    private let pointer = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    init() { sem_init(pointer, 0, 0) }

    deinit {
        sem_destroy(pointer)
        pointer.deallocate()
    }

    func signal() { sem_post(pointer) }

    func wait() { while sem_wait(pointer) != 0, errno == EINTR {} }
}
