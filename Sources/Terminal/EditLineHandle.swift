import CEdit
import Diagnostics
import Glibc

/// One libedit editor with its history; everything that libedit's C interface asks for is in this file.
final class EditLineHandle {
    private let editor: OpaquePointer
    private let events: OpaquePointer
    private let files: [UnsafeMutablePointer<FILE>]
    private let state: EditLineState

    init(
        program: String, input: Int32, output: Int32, complete: @escaping (String) -> Completion
    ) throws(DrydockError) {
        Self.useUTF8()
        var files: [UnsafeMutablePointer<FILE>] = []
        for (descriptor, mode) in [(input, "r"), (output, "w"), (output, "w")] {
            let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
            if copy >= 0, let file = fdopen(copy, mode) { files.append(file) }
        }
        guard files.count == 3, let events = history_init(),
            let editor = el_init_fd(program, files[0], files[1], files[2], input, output, output)
        else {
            let code = errno
            for file in files { fclose(file) }
            throw DrydockError(
                .system, "cannot start the line editor: \(String(cString: strerror(code)))", operation: "el_init",
                errno: code)
        }
        self.files = files
        self.events = events
        self.editor = editor
        state = EditLineState(output: output, complete: complete)
        configure()
    }

    deinit {
        el_end(editor)
        history_end(events)
        for file in files { fclose(file) }
    }

    private func configure() {
        cedit_history_set_size(events, 2000)
        cedit_set_client_data(editor, Unmanaged.passUnretained(state).toOpaque())
        cedit_set_prompt(editor, { EditLineState.of($0)?.prompt }, 1)
        cedit_set_editor(editor, "emacs")
        cedit_use_history(editor, events)
        // Ctrl-C and Ctrl-Z are keys while a line is edited, not signals.
        cedit_set_terminal_mode(editor, "-d", "-isig")
        cedit_set_signal(editor, 1)
        cedit_add_function(editor, "drydock-complete", "Complete the word") { editor, _ in
            EditLineState.of(editor)?.completeWord(editor) ?? UInt8(CC_ERROR)
        }
        cedit_add_function(editor, "drydock-cancel", "Give the line up") { editor, _ in
            EditLineState.of(editor)?.cancelLine(editor) ?? UInt8(CC_ERROR)
        }
        let keys = [
            ("^I", "drydock-complete"), ("^C", "drydock-cancel"), ("^R", "em-inc-search-prev"), ("^Z", "ed-ignore"),
            ("\\e[3~", "ed-delete-next-char"), ("\\e[1~", "ed-move-to-beg"), ("\\e[4~", "ed-move-to-end"),
            ("\\e[H", "ed-move-to-beg"), ("\\e[F", "ed-move-to-end"), ("\\e[1;5C", "em-next-word"),
            ("\\e[1;5D", "ed-prev-word"),
        ]
        for (key, function) in keys { cedit_bind(editor, key, function) }
        el_source(editor, nil)
    }

    func remember(_ line: String) { cedit_history_add(events, line) }

    func readLine(prompt: String) -> InputLine {
        state.begin(prompt: prompt)
        var count: Int32 = 0
        while true {
            errno = 0
            guard let bytes = el_gets(editor, &count), count > 0 else {
                if errno == EINTR { continue }
                writeAll(state.output, [UInt8(ascii: "\n")])
                return .end
            }
            if state.isCancelled { return .cancelled }
            var line = String(cString: bytes)
            while let last = line.unicodeScalars.last, last == "\n" || last == "\r" {
                line.unicodeScalars.removeLast()
            }
            return .text(line)
        }
    }

    /// libedit reads and writes multi-byte characters by the process's locale.
    private static func useUTF8() {
        setlocale(LC_CTYPE, "")
        if String(cString: nl_langinfo(nl_item(CODESET))) != "UTF-8" { setlocale(LC_CTYPE, "C.UTF-8") }
    }
}

/// What the callbacks of one editor work on; libedit hands it back as its client data.
private final class EditLineState {
    let output: Int32
    private let complete: (String) -> Completion
    private(set) var prompt: UnsafeMutablePointer<CChar>?
    private(set) var isCancelled = false

    init(output: Int32, complete: @escaping (String) -> Completion) {
        self.output = output
        self.complete = complete
    }

    deinit { free(prompt) }

    static func of(_ editor: OpaquePointer?) -> EditLineState? {
        guard let data = cedit_client_data(editor) else { return nil }
        return Unmanaged<EditLineState>.fromOpaque(data).takeUnretainedValue()
    }

    /// Takes the prompt of the next line; libedit wants sequences that take no column between marks.
    func begin(prompt text: String) {
        isCancelled = false
        free(prompt)
        var marked = ""
        var filter = EscapeFilter()
        var inside = false
        for scalar in text.unicodeScalars {
            let isText = filter.keeps(scalar)
            if inside == isText {
                marked.unicodeScalars.append("\u{1}")
                inside.toggle()
            }
            marked.unicodeScalars.append(scalar)
        }
        if inside { marked.unicodeScalars.append("\u{1}") }
        prompt = strdup(marked)
    }

    /// Ends the line as if Enter were pressed, with `^C` at its end, and remembers that it was given up.
    func cancelLine(_ editor: OpaquePointer?) -> UInt8 {
        isCancelled = true
        if let line = el_line(editor)?.pointee {
            let rest = UnsafeBufferPointer(start: line.cursor, count: line.lastchar - line.cursor)
            let scalars = rest.count { UInt8(bitPattern: $0) & 0xC0 != 0x80 }
            el_cursor(editor, Int32(scalars))
        }
        el_insertstr(editor, "^C")
        el_push(editor, "\n")
        return UInt8(CC_REFRESH)
    }

    func completeWord(_ editor: OpaquePointer?) -> UInt8 {
        guard let line = el_line(editor)?.pointee, let start = line.buffer else { return UInt8(CC_ERROR) }
        let before = UnsafeBufferPointer(start: start, count: line.cursor - start).map { UInt8(bitPattern: $0) }
        let text = String(decoding: before, as: UTF8.self)
        let completion = complete(text)
        guard !completion.candidates.isEmpty, text.hasSuffix(completion.word) else { return UInt8(CC_REFRESH_BEEP) }
        var replacement = completion.commonPrefix
        let isOnly = completion.candidates.count == 1
        if isOnly, completion.candidates[0].isWhole { replacement += " " }
        if replacement != completion.word, isOnly || replacement.count > completion.word.count {
            el_deletestr(editor, Int32(completion.word.unicodeScalars.count))
            el_insertstr(editor, replacement)
            return UInt8(CC_REFRESH)
        }
        guard !isOnly else { return UInt8(CC_REFRESH_BEEP) }
        let width = Look.detect(descriptor: output, environment: [:]).width
        writeAll(output, Array(("\n" + completion.columns(width: width) + "\n").utf8))
        return UInt8(CC_REDISPLAY)
    }
}
