import Lessons
import Terminal
import Testing

@testable import Tutor

struct ParsingTests {
    @Test("A line is the tutor's, the session's, docker's or the shell's")
    func lines() {
        #expect(TutorCommand("  hint ")?.name == .hint)
        #expect(TutorCommand("exit")?.name == .quit)
        #expect(TutorCommand("explain layers alpine:3.5")?.arguments == ["layers", "alpine:3.5"])
        for line in ["reset -c", "check | cat", "$(help)", "hello", ""] { #expect(TutorCommand(line) == nil) }
        #expect(
            ShellLine("docker run -it --name x alpine:3.5") == .docker(["run", "-it", "--name", "x", "alpine:3.5"]))
        #expect(ShellLine("docker ps -aq | wc") == .shell("docker ps -aq | wc"))
        #expect(ShellLine("docker run alpine echo 'a b' \"\"") == .docker(["run", "alpine", "echo", "a b", ""]))
        #expect(ShellLine("docker run x sh -c 'echo $A'\"'\"") == .docker(["run", "x", "sh", "-c", "echo $A'"]))
        for line in [#"docker run x "$A""#, "docker run x 'a", #"docker ps "a\"b""#, "docker images {a,b}"] {
            #expect(ShellLine(line) == .shell(line))
        }
        #expect(ShellLine("cd ~/x") == .changeDirectory("~/x"))
        #expect(ShellLine("cd a && ls") == .shell("cd a && ls"))
        #expect(ShellLine("export A=b=c") == .export(name: "A", value: "b=c"))
        #expect(ShellLine("fg") == .foreground)
    }

    @Test(
        "Names of accounts follow the rule, and every login name leads to one", arguments: ["Ana.B", "é", "", "root"])
    func accounts(_ login: String) {
        #expect(AccountRules.allows(AccountRules.name(from: login)))
        #expect(!AccountRules.allows("A") && !AccountRules.allows("-a") && !AccountRules.allows("a b"))
        #expect(AccountRules.makePassword().count == 14)
    }

    @Test("How far words are apart")
    func distances() {
        #expect(editDistance("docker", "docker") == 0 && editDistance("dokcer", "docker") == 1)
        #expect(editDistance("", "abc") == 3 && editDistance("abc", "") == 3)
    }

    @Test("A prompt is text that ends in a mark and a space; output is not")
    func prompts() {
        for (text, isPrompt) in [("/ # ", true), ("a\r\nPassword: ", true), ("done\n", false), ("50% of", false)] {
            var watch = ScreenWatch(raw: false)
            _ = watch.take(Array(text.utf8))
            #expect(watch.showsPrompt == isPrompt)
        }
        var watch = ScreenWatch(raw: false)
        #expect(watch.take(Array("\u{1B}[6n/ # ".utf8) + [0xC3]) == "/ # ")
        #expect(watch.take([0xA9]) == "é")
    }

    @Test("Only options like -it ask for a terminal")
    func terminals() {
        #expect(ScriptedRunner.asksForTerminal(["x", "docker", "run", "-it", "a"]))
        #expect(ScriptedRunner.asksForTerminal(["sh", "-c", "docker run -dti a"]))
        #expect(!ScriptedRunner.asksForTerminal(["docker", "ps", "-a", "--format", "-d"]))
    }

    @Test("Every command has a help text in both languages", arguments: TutorCommand.Name.allCases)
    func helpTexts(_ name: TutorCommand.Name) {
        let text = Phrases.help(name)
        #expect(!text[.en].isEmpty && !text[.fr].isEmpty && text[.en] != text[.fr])
    }

    @Test("A tree is drawn with branches, and with mere indents in words")
    func tree() {
        let document = "- a\n- b\n\n1. x"
        #expect(DocumentRenderer(.plain).markdown(document) == "- a\n- b\n\n1. x")
    }
}
