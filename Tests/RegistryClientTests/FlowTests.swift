import Diagnostics
import Linux
import NIOCore
import NIOPosix
import Synchronization
import SystemPackage
import Testing

@testable import RegistryClient

@Suite struct FlowTests {
    @Test("What is pushed is read no further ahead than a megabyte while the connections are not looked after")
    func ahead() async throws {
        let path = FilePath("/tmp/drydock-flow-\(UInt64.random(in: 0 ... .max))")
        defer { try? FileAt.unlink(FileAt.workingDirectory, path.string) }
        let size = Int(4 * FileSlice.ahead)
        try AtomicFile.write([UInt8](repeating: 7, count: size), to: path)
        let gate = MultiThreadedEventLoopGroup.singleton.next().makePromise(of: Void.self)
        let read = Mutex(0)
        let slice = FileSlice(
            path: path, offset: 0, length: Int64(size), total: Int64(size), span: .none,
            catchUp: { try await gate.futureResult.get() })
        let reader = Task {
            for try await buffer in slice { read.withLock { $0 += buffer.readableBytes } }
        }
        let deadline = ContinuousClock.now + .seconds(60)
        while read.withLock({ $0 }) < Int(FileSlice.ahead), ContinuousClock.now < deadline { await Task.yield() }
        // Time for it to read on, if it could.
        for _ in 0..<200 { _ = try await NIOThreadPool.singleton.runIfActive { 0 } }
        #expect(read.withLock { $0 } == Int(FileSlice.ahead))
        gate.succeed()
        try await reader.value
        #expect(read.withLock { $0 } == size)
    }
}
