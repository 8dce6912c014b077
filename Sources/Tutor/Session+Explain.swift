import Diagnostics
import Engine
import Explain
import Lessons
import Terminal

extension Session {
    private var explainLanguage: ExplainLanguage { ExplainLanguage(rawValue: language.rawValue) ?? .en }

    /// `explain` with its words.
    func explain(_ words: [String]) throws(DrydockError) {
        switch words.first {
        case nil: try explainHere()
        case "last" where words.count == 1: explainLast()
        case "plan" where words.count == 1: explainPlan()
        case "topics" where words.count == 1: showTopics()
        case "layers" where words.count == 2: show(try pictures.layers(of: words[1]))
        default: try explainTopic(words.joined(separator: " "))
        }
    }

    /// What is shown once a step is solved: words, pictures, and the passage of the lesson.
    func show(_ explanation: Explanation) {
        if let text = explanation.say, let exercise { paragraph(exercise.fill(text)) }
        for picture in explanation.pictures {
            do throws(DrydockError) {
                let document = try draw(picture)
                console.line()
                show(document)
            } catch {
                // What the picture would show may be gone again (--rm); the words still hold.
                if error.code != .notFound { report(error) }
            }
        }
        guard let name = explanation.passage else { return }
        guard let passage = currentLesson?.passage(name, language) else { return }
        console.line()
        show(passage)
    }

    private var pictures: LivePictures { LivePictures(engine: configuration.engine, language: explainLanguage) }

    private var currentLesson: Lesson? {
        guard let exercise else { return nil }
        return library?.lesson(of: exercise.exercise)
    }

    private func draw(_ picture: Explanation.Picture) throws(DrydockError) -> Document {
        let name = exercise?.fill(LocalizedText(en: picture.object, fr: picture.object))[language] ?? picture.object
        return switch picture.kind {
        case .layers: try pictures.layers(of: name)
        case .changes: try pictures.changes(of: name)
        case .names: try pictures.names(of: name)
        case .container: try pictures.life(of: name)
        }
    }

    private func show(_ document: Document) {
        Pager(console, more: Phrases.more[language]).show(DocumentRenderer(console.look).text(document))
    }

    private func show(_ passage: Passage) {
        let text = LocalizedText(en: passage.body, fr: passage.body)
        let body = exercise?.fill(text)[language] ?? passage.body
        show(Document([.heading(level: 2, Markdown.inlines(passage.heading))]) + Markdown.parse(body))
    }

    /// What belongs to the step that was solved last, else the topics.
    private func explainHere() throws(DrydockError) {
        if let explanation = lastSolved?.explain { show(explanation) } else { showTopics() }
    }

    private func explainLast() {
        guard let trace = TraceFile.newest(in: configuration.home.traces) else { return say(Phrases.noTrace) }
        show(TraceExplanation(trace, language: explainLanguage).document)
    }

    private func explainPlan() {
        guard let trace = TraceFile.newest(in: configuration.home.traces) else { return say(Phrases.noTrace) }
        guard let plan = TraceExplanation(trace, language: explainLanguage).plan else { return say(Phrases.noPlan) }
        show(plan)
    }

    private func showTopics() {
        let look = console.look
        console.line(look.paint(Phrases.topics[language], .heading))
        for lesson in lessonsInOrder {
            guard let text = lesson.text(language) else { continue }
            console.line(look.paint(text.title, .strong) + "  " + look.paint("explain \(lesson.id)", .code))
            for passage in text.passages {
                console.line("  \(look.mark(.bullet)) \(passage.heading)  " + look.paint(passage.id, .code))
            }
        }
        console.line()
        say(Phrases.topicsHint)
    }

    /// The lessons: that of the open exercise first, then in the order of the exercises.
    private var lessonsInOrder: [Lesson] {
        guard let library else { return [] }
        var names: [String] = currentLesson.map { [$0.id] } ?? []
        names += library.exercises.map(\.lesson) + library.lessons.keys.sorted()
        var seen: Set<String> = []
        return names.filter { seen.insert($0).inserted }.compactMap { library.lessons[$0] }
    }

    private func explainTopic(_ name: String) throws(DrydockError) {
        for lesson in lessonsInOrder {
            if let passage = lesson.passage(name, language) { return show(passage) }
            guard lesson.id == name.lowercased(), let text = lesson.text(language) else { continue }
            var document = Document([.heading(level: 1, [.text(text.title)]), .paragraph([.text(text.summary)])])
            for passage in text.passages {
                let body = exercise?.fill(LocalizedText(en: passage.body, fr: passage.body))[language] ?? passage.body
                document =
                    document + Document([.heading(level: 2, Markdown.inlines(passage.heading))])
                    + Markdown.parse(body)
            }
            return show(document)
        }
        do throws(DrydockError) {
            if let slash = name.firstRange(of: ":/") {
                let path = "/" + name[slash.upperBound...]
                return show(try pictures.versions(of: path, in: String(name[..<slash.lowerBound])))
            }
            show(try pictures.layers(of: name))
        } catch {
            guard error.code == .notFound || error.code == .invalidArgument else { throw error }
            say(Phrases.unknownTopic(name))
            showTopics()
        }
    }
}
