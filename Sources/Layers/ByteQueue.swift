public import Diagnostics
internal import Glibc

/// A bounded queue of byte chunks between two threads, with backpressure: who writes waits while too much is queued.
///
/// `Mutex` has no condition variable, hence the pthread ones.
final class ByteQueue: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private let capacity: Int
    private var chunks: [[UInt8]] = []
    private var head = 0
    private var queued = 0
    private var closed = false
    private var failure: DrydockError?
    private var waiting: [(chunk: [UInt8], resume: @Sendable (Result<Void, DrydockError>) -> Void)] = []

    init(capacity: Int) {
        self.capacity = capacity
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(changed, nil)
    }

    deinit {
        pthread_cond_destroy(changed)
        pthread_mutex_destroy(mutex)
        changed.deallocate()
        mutex.deallocate()
    }

    /// Adds a chunk; blocks while the queue is full.
    func push(_ chunk: [UInt8]) throws(DrydockError) {
        guard !chunk.isEmpty else { return }
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while failure == nil, queued >= capacity { pthread_cond_wait(changed, mutex) }
        if let failure { throw failure }
        append(chunk)
    }

    /// Adds a chunk and calls back when there was room for it: at once, or on the reading thread.
    func push(_ chunk: [UInt8], then resume: @escaping @Sendable (Result<Void, DrydockError>) -> Void) {
        pthread_mutex_lock(mutex)
        if let failure {
            pthread_mutex_unlock(mutex)
            return resume(.failure(failure))
        }
        if queued >= capacity {
            waiting.append((chunk, resume))
            pthread_mutex_unlock(mutex)
            return
        }
        append(chunk)
        pthread_mutex_unlock(mutex)
        resume(.success(()))
    }

    /// The next chunk; blocks while there is none; nil at the end.
    func pop() throws(DrydockError) -> [UInt8]? {
        pthread_mutex_lock(mutex)
        while failure == nil, head == chunks.count, !closed { pthread_cond_wait(changed, mutex) }
        if let failure {
            pthread_mutex_unlock(mutex)
            throw failure
        }
        guard head < chunks.count else {
            pthread_mutex_unlock(mutex)
            return nil
        }
        let chunk = chunks[head]
        chunks[head] = []
        head += 1
        if head == chunks.count {
            chunks.removeAll(keepingCapacity: true)
            head = 0
        }
        queued -= chunk.count
        var resumed: [@Sendable (Result<Void, DrydockError>) -> Void] = []
        while queued < capacity, !waiting.isEmpty {
            let next = waiting.removeFirst()
            append(next.chunk)
            resumed.append(next.resume)
        }
        pthread_cond_broadcast(changed)
        pthread_mutex_unlock(mutex)
        for resume in resumed { resume(.success(())) }
        return chunk
    }

    /// Says that nothing more comes.
    func close() {
        pthread_mutex_lock(mutex)
        closed = true
        pthread_cond_broadcast(changed)
        pthread_mutex_unlock(mutex)
    }

    /// Makes both sides fail; the first error stays.
    func fail(_ error: DrydockError) {
        pthread_mutex_lock(mutex)
        if failure == nil { failure = error }
        let resumed = waiting
        waiting = []
        pthread_cond_broadcast(changed)
        pthread_mutex_unlock(mutex)
        for item in resumed { item.resume(.failure(error)) }
    }

    /// Reads until the end and forgets what comes.
    func drain() throws(DrydockError) {
        while try pop() != nil {}
    }

    private func append(_ chunk: [UInt8]) {
        chunks.append(chunk)
        queued += chunk.count
        pthread_cond_broadcast(changed)
    }
}

/// A queue through which a caller that must not block gives bytes to a thread that may.
public final class ByteFeeder: Sendable {
    private let queue: ByteQueue

    /// Makes a feeder that lets up to `capacity` bytes wait.
    public init(capacity: Int = 4 << 20) { queue = ByteQueue(capacity: capacity) }

    /// Gives bytes; suspends while too many wait.
    public func send(_ bytes: [UInt8]) async throws(DrydockError) {
        guard !bytes.isEmpty else { return }
        let outcome = await withCheckedContinuation { continuation in
            queue.push(bytes) { continuation.resume(returning: $0) }
        }
        try outcome.get()
    }

    /// Gives bytes; blocks while too many wait.
    public func write(_ bytes: UnsafeRawBufferPointer) throws(DrydockError) { try queue.push(Array(bytes)) }

    /// The next bytes; blocks while there are none; nil at the end.
    public func next() throws(DrydockError) -> [UInt8]? { try queue.pop() }

    /// Says that nothing more comes.
    public func close() { queue.close() }

    /// Makes every later and every waiting call fail.
    public func fail(_ error: DrydockError) { queue.fail(error) }
}
