import Diagnostics
import Testing

@testable import DockerCLI

@Suite("What Drydock adds below Docker's words, in French")
struct AdviceTests {
    @Test("The prompt's language comes before the locale, and what the catalogue lacks stays as it is")
    func language() {
        let phrase = "Try again."
        #expect(Advice(environment: [:]).translated(phrase) == phrase)
        #expect(Advice(environment: ["LANG": "fr_FR.UTF-8"]).translated(phrase) == "Réessayez.")
        #expect(Advice(environment: ["LANG": "fr_FR.UTF-8", "DRYDOCK_LANG": "en"]).translated(phrase) == phrase)
        let french = Advice(environment: ["DRYDOCK_LANG": "fr"])
        #expect(french.translated("Never said.") == "Never said.")
        #expect(
            french.translated("docker container rm ada, or choose another --name.")
                == "docker container rm ada, ou choisissez un autre --name.")
        #expect(french.translated("reg.example has no repository a/b") == "reg.example n’a pas de dépôt a/b")
    }

    @Test("Every phrase is found by its own text, and keeps its gaps in French")
    func catalogue() {
        for entry in Advice.french {
            let gaps = Advice.pieces(of: entry.english).count - 1
            #expect(Advice.pieces(of: entry.french).count - 1 == gaps, "\(entry.english)")
            var text = ""
            for (index, piece) in Advice.pieces(of: entry.english).enumerated() {
                text += piece + (index < gaps ? "<\(index)>" : "")
            }
            let first = Advice.french.first { Advice.gaps(of: text, in: $0.english) != nil }
            #expect(first?.english == entry.english)
            #expect(entry.french == entry.english || !entry.french.contains("'") || entry.english.contains("'"))
        }
    }

    @Test("Every reason and remedy that a learner can meet has its French")
    func complete() throws {
        let phrases = try AdvicePhrases.all()
        #expect(phrases.count > 150)
        for phrase in phrases {
            // What is filled in alone, or only marks and names around it, is the same in both.
            let words = phrase.text.replacing("{}", with: "").split { !$0.isLetter }
            guard !words.isEmpty, !phrase.text.hasPrefix("/"),
                !phrase.text.hasPrefix("docker ") || phrase.text.contains(",")
            else { continue }
            let known = Advice.french.contains { Advice.gaps(of: phrase.text, in: $0.english) != nil }
            #expect(known, "\(phrase.place): \(phrase.text)")
        }
    }

    @Test("An error keeps Docker's line and says in French what to do")
    func errors() {
        let error = DrydockError(
            .notFound, "No such container: x", remedy: "docker container ls -a shows all containers.")
        let text = ErrorText(usesColour: false, advice: Advice(environment: ["DRYDOCK_LANG": "fr"])).text(
            .daemon(error))
        #expect(
            text
                == "Error response from daemon: No such container: x\n  → docker container ls -a montre tous les conteneurs.\n"
        )
    }

    @Test("On a terminal, what is added to an error is broken between words; elsewhere it is one line")
    func wrapped() {
        let words = "none of the directories in the container's PATH has a program of that name, nor has the image"
        let error = DrydockError(.notFound, "No such container: x", reason: words, remedy: words)
        let whole = ErrorText(usesColour: false).additions(error)
        #expect(whole == "  \(words)\n  → \(words)\n")
        let lines = ErrorText(usesColour: false, columns: 40).additions(error).split(separator: "\n")
        #expect(lines.count == 6)
        #expect(lines.allSatisfy { $0.count <= 40 && $0.hasPrefix("  ") })
        #expect(lines.map { $0.drop { " →".contains($0) } }.joined(separator: " ") == words + " " + words)
    }
}
