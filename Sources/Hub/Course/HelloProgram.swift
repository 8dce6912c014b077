import SystemPackage

/// The program of the `hello-world` image: a static ELF file of two system calls, written here byte by byte.
enum HelloProgram {
    /// What it prints.
    static let greeting = """

        Hello from Drydock!
        If you can read this, your first container has run.

        What just happened, step by step:
         1. The docker command looked for the image "hello-world" among the images on this machine.
         2. It was not there, so it was pulled from the registry (here: the practice hub on your own machine).
         3. A container was made from the image: a process with its own view of files, processes and network.
         4. Its only program wrote these lines and ended. The container still exists, stopped: docker ps -a

        Next, look around inside a whole system:
         $ docker run -it alpine sh

        Ask "explain last" to see everything that was done for this command.


        """

    /// The file for the processor of this machine.
    static var elf: [UInt8] {
        #if arch(arm64)
            build(machine: 183, code: arm64Code)
        #else
            build(machine: 62, code: x86Code)
        #endif
    }

    private static let address: UInt64 = 0x400000
    private static let headerSize = 64 + 56

    private static func little(_ value: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }

    /// write(1, text, count); exit(0)
    private static func x86Code(textAt: UInt64, count: Int) -> [UInt8] {
        [0xb8] + little(UInt32(1)) + [0xbf] + little(UInt32(1)) + [0xbe] + little(UInt32(textAt)) + [0xba]
            + little(UInt32(count)) + [0x0f, 0x05, 0xb8] + little(UInt32(60)) + [0x31, 0xff, 0x0f, 0x05]
    }

    /// The same for arm64: eight instructions; the text follows them.
    private static func arm64Code(textAt: UInt64, count: Int) -> [UInt8] {
        let distance = UInt32(7 * 4)  // from the second instruction to the text
        let words: [UInt32] = [
            0xd280_0020, 0x1000_0001 | (distance & 3) << 29 | (distance >> 2) << 5, 0xd280_0002 | UInt32(count) << 5,
            0xd280_0808, 0xd400_0001, 0xd280_0000, 0xd280_0ba8, 0xd400_0001,
        ]
        return words.flatMap { little($0) }
    }

    /// One loadable, executable segment that is the whole file (elf(5)).
    static func build(machine: UInt16, code: (_ textAt: UInt64, _ count: Int) -> [UInt8]) -> [UInt8] {
        let text = Array(greeting.utf8)
        let size = code(0, text.count).count
        let body = code(address + UInt64(headerSize + size), text.count) + text
        let total = UInt64(headerSize + body.count)
        var file: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1] + [UInt8](repeating: 0, count: 9)
        file += little(UInt16(2)) + little(machine) + little(UInt32(1)) + little(address + UInt64(headerSize))
        file += little(UInt64(64)) + little(UInt64(0)) + little(UInt32(0))
        for value: UInt16 in [64, 56, 1, 0, 0, 0] { file += little(value) }
        file += little(UInt32(1)) + little(UInt32(5)) + little(UInt64(0)) + little(address) + little(address)
        file += little(total) + little(total) + little(UInt64(0x1000))
        return file + body
    }
}
