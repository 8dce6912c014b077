internal import Diagnostics
internal import Glibc
internal import Linux
internal import Synchronization
internal import SystemPackage

/// Decompresses by a program that reads its standard input and writes its standard output.
final class ChildFilter: ByteSource {
    private static let blockSize = 256 << 10

    private let child: ChildProcess
    private let name: String
    private let output: OwnedDescriptor
    private let feeding: WorkerThread
    private let state: State
    private var isFinished = false

    /// What the feeding thread says.
    private final class State: Sendable {
        let failure = Mutex<DrydockError?>(nil)
    }

    /// A source is used by the feeding thread alone once it has been given away.
    private struct Given: @unchecked Sendable {
        let source: any ByteSource
    }

    /// - Throws: where the program cannot be started; the source is then untouched.
    init(_ command: [String], _ source: any ByteSource) throws(DrydockError) {
        name = command.first ?? ""
        let (input, feed) = try Pipe.make(capacity: 1 << 20)
        let (output, result) = try Pipe.make(capacity: 1 << 20)
        child = try ChildProcess.spawn(name, command, descriptors: [0: input.number, 1: result.number])
        input.close()
        result.close()
        self.output = output
        let state = State()
        self.state = state
        let given = Given(source: source)
        do throws(DrydockError) {
            feeding = try WorkerThread { Self.feed(given.source, to: feed, state) }
        } catch {
            feed.close()
            output.close()
            _ = try? child.wait()
            throw error
        }
    }

    deinit {
        guard !isFinished else { return }
        output.close()
        kill(child.pid, SIGKILL)
        _ = try? child.wait()
        // The thread ends when the source does: whoever gives up fails the queue that it waits for.
    }

    func next() throws(DrydockError) -> [UInt8]? {
        if isFinished { return nil }
        let file = output.number
        var failure: Errno?
        let block = [UInt8](unsafeUninitializedCapacity: Self.blockSize) { buffer, count in
            count = 0
            while count < buffer.count {
                do throws(Errno) {
                    let rest = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[count...])
                    let read = try FileAt.read(file, rest)
                    if read == 0 { return }
                    count += read
                } catch {
                    failure = error
                    return
                }
            }
        }
        if let failure { throw systemFailure(failure, "read from \(name)") }
        if !block.isEmpty { return block }
        isFinished = true
        output.close()
        feeding.join()
        let status = try child.wait()
        if let failure = state.failure.withLock({ $0 }) { throw failure }
        guard status == 0 else {
            throw archiveFailure("cannot decompress layer: the gzip stream is damaged or incomplete")
        }
        return nil
    }

    /// Gives the program everything; what follows its stream is passed over, because it counts for the blob's digest.
    private static func feed(_ source: any ByteSource, to pipe: OwnedDescriptor, _ state: State) {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        var isOpen = true
        do throws(DrydockError) {
            while let chunk = try source.next() {
                guard isOpen else { continue }
                isOpen = chunk.withUnsafeBytes { (try? FileAt.writeAll(pipe.number, $0)) != nil }
                if !isOpen { pipe.close() }
            }
        } catch {
            state.failure.withLock { $0 = error }
        }
        pipe.close()
    }
}
