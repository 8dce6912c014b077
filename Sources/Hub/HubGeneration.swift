import Diagnostics
import Glibc
import Linux
import Synchronization
import SystemPackage

/// A number that changes whenever any process changes the hub's database: a counter in a file that all of them map.
///
/// It only makes caches forget. Where it cannot be had (a full disk) nothing is cached.
final class HubGeneration: Sendable {
    private nonisolated(unsafe) let counter: UnsafeMutablePointer<Atomic<UInt64>>?

    init(_ file: FilePath) {
        counter = Self.map(file)?.bindMemory(to: Atomic<UInt64>.self, capacity: 1)
    }

    deinit {
        if let counter { munmap(UnsafeMutableRawPointer(counter), 8) }
    }

    private static func map(_ file: FilePath) -> UnsafeMutableRawPointer? {
        let number = open(file.string, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard number >= 0 else { return nil }
        defer { close(number) }
        guard let status = try? FileAt.status(number) else { return nil }
        if status.size < 8 {
            // Written, not only made longer: a page without blocks behind it would end the process on a full disk.
            var zero: UInt64 = 0
            guard pwrite(number, &zero, 8, 0) == 8 else { return nil }
        }
        guard let address = mmap(nil, 8, PROT_READ | PROT_WRITE, MAP_SHARED, number, 0), address != MAP_FAILED else {
            return nil
        }
        return address
    }

    /// The present number; nil where nobody may rely on it.
    var value: UInt64? { counter?.pointee.load(ordering: .acquiring) }

    /// Makes everybody forget.
    func bump() { _ = counter?.pointee.add(1, ordering: .acquiringAndReleasing) }
}
