import CLinux
import Glibc

/// An operation of a flattened plan.
struct PlanOperation {
    let code: UInt32
    let flags: UInt32
    let numbers: (Int64, Int64, Int64, Int64)
    private let plan: [UInt8]
    private let offsets: (UInt32, UInt32, UInt32, UInt32)

    init(_ index: Int, of plan: [UInt8]) {
        let operation = plan.withUnsafeBytes { area in
            let table = Int(area.load(as: cl_plan.self).operations)
            return area.loadUnaligned(fromByteOffset: table + index * MemoryLayout<cl_op>.stride, as: cl_op.self)
        }
        code = operation.code
        flags = operation.flags
        numbers = operation.n
        offsets = operation.s
        self.plan = plan
    }

    /// The first operation of a kind.
    static func first(_ code: UInt32, of plan: [UInt8]) -> PlanOperation? {
        let count = plan.withUnsafeBytes { Int($0.load(as: cl_plan.self).count) }
        return (0..<count).lazy.map { PlanOperation($0, of: plan) }.first { $0.code == code }
    }

    /// Those that do not depend on the container, in order.
    static func ahead(in plan: [UInt8]) -> [PlanOperation] {
        let count = plan.withUnsafeBytes { Int($0.load(as: cl_plan.self).count) }
        return (0..<count).map { PlanOperation($0, of: plan) }.filter { $0.flags & UInt32(CL_F_AHEAD) != 0 }
    }

    /// Whether another one asks for the same.
    func isSame(as other: PlanOperation) -> Bool {
        guard code == other.code, flags == other.flags, numbers == other.numbers else { return false }
        return plan.withUnsafeBytes { own in
            other.plan.withUnsafeBytes { theirs in
                func same(_ left: UInt32, _ right: UInt32) -> Bool {
                    if left == 0 || right == 0 { return left == right }
                    guard let left = own.baseAddress?.advanced(by: Int(left)),
                        let right = theirs.baseAddress?.advanced(by: Int(right))
                    else { return false }
                    return strcmp(left, right) == 0
                }
                return same(offsets.0, other.offsets.0) && same(offsets.1, other.offsets.1)
                    && same(offsets.2, other.offsets.2) && same(offsets.3, other.offsets.3)
            }
        }
    }

    /// One of its texts.
    func text(_ index: Int) -> String {
        let offset = Int(index == 0 ? offsets.0 : index == 1 ? offsets.1 : index == 2 ? offsets.2 : offsets.3)
        guard offset > 0, offset < plan.count else { return "" }
        return String(decoding: plan[offset...].prefix { $0 != 0 }, as: UTF8.self)
    }
}
