internal import Glibc

/// Finds long runs of zeros in the content of files: archives of most programs write out the holes of a file, and a layer
/// that is made of one shall not take their room.
enum ZeroRuns {
    /// What a file system gives away at once, in bytes.
    private static let block = 4096

    /// Shorter runs are written: a hole for each of them would only split the file.
    static let shortest = 64 << 10

    /// The end of the data that begins at an index: where a long run of zeros begins, or the end of the bytes.
    /// - Parameter offset: where in the file the bytes lie; runs begin at whole blocks of it.
    static func endOfData(_ bytes: UnsafeRawBufferPointer, from start: Int, at offset: Int64) -> Int {
        var run: Int?
        var index = start + (block - Int((offset + Int64(start)) % Int64(block))) % block
        while index + block <= bytes.count {
            if isZero(bytes, index) {
                let begin = run ?? index
                if index + block - begin >= shortest { return begin }
                run = begin
            } else {
                run = nil
            }
            index += block
        }
        return bytes.count
    }

    /// The end of the run of zeros that begins at an index.
    static func endOfZeros(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        var index = start
        while index + block <= bytes.count, isZero(bytes, index) { index += block }
        return index
    }

    private static func isZero(_ bytes: UnsafeRawBufferPointer, _ index: Int) -> Bool {
        guard bytes[index] == 0, let start = bytes.baseAddress?.advanced(by: index) else { return false }
        return memcmp(start, start + 1, block - 1) == 0
    }
}
