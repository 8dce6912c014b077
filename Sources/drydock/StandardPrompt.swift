import Diagnostics
import DockerCLI
import Glibc
import Linux
import Terminal

/// Asks the person at this process's terminal, for `docker login` and the like.
struct StandardPrompt: PromptSource {
    func line(_ prompt: String) async -> String? {
        StandardStream.output.write(prompt)
        return Self.text(of: PlainInput(descriptor: STDIN_FILENO).readLine())
    }

    func secret(_ prompt: String) async -> String? { Self.secretLine(prompt) }

    func rest() async -> [UInt8] { (try? Self.readAll()) ?? [] }

    static func secretLine(_ prompt: String) -> String? {
        let console = Console(descriptor: STDOUT_FILENO, environment: Places().environment)
        let input = PlainInput(descriptor: STDIN_FILENO).readSecret(prompt: prompt, on: console)
        // The key is read here, so no signal ends the process as it does everywhere else.
        if input == .cancelled { exit(128 + SIGINT) }
        return text(of: input)
    }

    private static func text(of input: InputLine) -> String? {
        guard case .text(let text) = input else { return nil }
        return text
    }

    static func readAll() throws(DrydockError) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = read(STDIN_FILENO, &buffer, buffer.count)
            if count > 0 {
                bytes += buffer[..<count]
            } else if count == 0 {
                return bytes
            } else if errno != EINTR {
                throw .system("read standard input", errno: errno)
            }
        }
    }
}
