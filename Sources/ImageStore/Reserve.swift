import Diagnostics
internal import Linux
internal import SystemPackage

/// A little room that is kept for removals: on a full disk a removal first needs some, to write down what it does.
extension ImageStore {
    private var reserve: FilePath { root.appending("reserve") }

    /// Enough for the transactions of a removal.
    private static let reserveSize = 512 << 10

    /// Does work that frees room. Where there is none left for it, the reserve is given up.
    func freeing<Value>(_ work: () throws(DrydockError) -> Value) throws(DrydockError) -> Value {
        do throws(DrydockError) { return try work() } catch {
            guard error.code == .exhausted else { throw error }
            do throws(Errno) { try FileAt.unlink(FileAt.workingDirectory, reserve.string) } catch _ { throw error }
        }
        return try work()
    }

    /// Makes the reserve where there is none. A full disk is no failure of what is done now.
    func keepReserve() {
        guard !Files.exists(reserve),
            let file = try? OwnedDescriptor.open(
                reserve, .writeOnly, options: [.create, .exclusiveCreate], permissions: .ownerReadWrite)
        else { return }
        try? Files.write([UInt8](repeating: 0, count: Self.reserveSize), to: file.number)
    }
}
