import CLinux
public import SystemPackage

/// A program as it can be executed but never written, whoever finds it in `/proc/<pid>/exe` afterwards: a read-only
/// mount of its file that is in no mount table.
public struct SealedView: Sendable {
    private let view: OwnedDescriptor?
    private let program: FilePath

    /// A view of a program; of the program itself where this process may not mount.
    public init(of program: FilePath) {
        self.program = program
        let number = cl_sealed_view(program.string)
        view = number >= 0 ? OwnedDescriptor(number) : nil
    }

    /// The path under which it is executed, as long as this value lives.
    public var path: String { view.map { "/proc/self/fd/\($0.number)" } ?? program.string }

    /// Whether it is really sealed.
    public var isSealed: Bool { view != nil }
}
