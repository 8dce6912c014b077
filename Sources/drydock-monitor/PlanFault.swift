import CLinux
import Glibc

/// A process that a test wants dead at one operation of a plan, to see that what is left can be found and removed.
///
/// `DRYDOCK_PLAN_FAULT=WHO:N` kills, as `kill -9` does, before operation N (from 0): WHO is `child`, `monitor`, or the
/// number of a process. Where the variable is not set, and that is always outside of tests, nothing happens.
struct PlanFault {
    private let victim: Substring
    private let index: Int

    init?() {
        guard let value = getenv("DRYDOCK_PLAN_FAULT") else { return nil }
        let words = String(cString: value).split(separator: ":")
        guard words.count == 2, let index = Int(words[1]) else { return nil }
        victim = words[0]
        self.index = index
    }

    /// Makes the child ask before each operation.
    static func makeStepwise(_ plan: inout [UInt8]) {
        plan.withUnsafeMutableBytes { $0.baseAddress?.assumingMemoryBound(to: cl_plan.self).pointee.step = 1 }
    }

    /// The child is about to carry out an operation.
    func reach(_ operation: Int, child: Int32) {
        guard operation == index else { return }
        switch victim {
        case "child": kill(child, SIGKILL)
        case "monitor": kill(getpid(), SIGKILL)
        default: if let pid = Int32(victim), pid > 1 { kill(pid, SIGKILL) }
        }
    }
}
