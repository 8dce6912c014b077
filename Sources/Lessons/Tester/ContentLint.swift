public import Diagnostics
import FoundationEssentials
public import SystemPackage

/// What can be said of the content without playing it: every language has every text, what is named exists, nothing
/// is unused.
public enum ContentLint {
    /// Everything that is wrong below a directory with `Lessons` and `Exercises`.
    public static func problems(root: FilePath) -> [ContentProblem] {
        var (library, problems) = ContentLibrary.read(root: root)
        guard let library else {
            return [ContentProblem(SourcePlace(file: root.string, line: 0), "there are no Lessons and Exercises")]
        }
        for (id, lesson) in library.lessons.sorted(by: { $0.key < $1.key }) {
            let folder = "Lessons/\(id)"
            problems += outdated(lesson.localizedTexts, folder, root)
            for (language, text) in lesson.texts.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
                for passage in text.passages {
                    let place = SourcePlace(file: "\(folder)/\(language.rawValue).md", line: passage.line)
                    for link in links(in: passage.body)
                    where !link.contains("://")
                        && ContentFiles.text(of: root.appending(folder).appending(link)) == nil
                    {
                        problems.append(ContentProblem(place, "the file \(link) does not exist"))
                    }
                }
            }
        }
        for exercise in library.exercises {
            problems += outdated(exercise.localizedTexts, "Exercises/\(exercise.id)", root)
            problems += placeholders(exercise)
        }
        for id in library.lessons.keys.sorted() where !library.exercises.contains(where: { $0.lesson == id }) {
            problems.append(ContentProblem(SourcePlace(file: "Lessons/\(id)", line: 0), "no exercise uses this lesson"))
        }
        return problems
    }

    /// Confirms that the texts say the same in every language as they are now: writes `translations.json` beside them.
    public static func acceptTranslations(root: FilePath) throws(DrydockError) {
        let library = try ContentLibrary(root: root)
        var records = library.lessons.map { ("Lessons/\($0.key)", TranslationRecord(of: $0.value.localizedTexts)) }
        records += library.exercises.map { ("Exercises/\($0.id)", TranslationRecord(of: $0.localizedTexts)) }
        for (folder, record) in records {
            let path = root.appending(folder).appending(TranslationRecord.fileName)
            do {
                try Data(record.text.utf8).write(to: URL(filePath: path.string), options: .atomic)
            } catch {
                throw DrydockError(.system, "cannot write \(path)", reason: "\(error)")
            }
        }
    }

    /// The rows of a report: one for each exercise and each lesson.
    public static func report(root: FilePath) -> TestReport {
        let problems = problems(root: root)
        let library = ContentLibrary.read(root: root).library
        let folders =
            (library?.exercises.map { "Exercises/\($0.id)" } ?? [])
            + (library?.lessons.keys.sorted().map { "Lessons/\($0)" } ?? [])
        var report = TestReport()
        var rest = problems
        for folder in folders {
            let own = rest.filter { $0.place.file == folder || $0.place.file.hasPrefix(folder + "/") }
            rest.removeAll { own.contains($0) }
            report.rows.append(row(folder, own))
        }
        if !rest.isEmpty { report.rows.append(row("content", rest)) }
        return report
    }

    private static func row(_ name: String, _ problems: [ContentProblem]) -> TestReport.Row {
        TestReport.Row(
            exercise: name, step: "", name: "languages and files",
            failure: problems.isEmpty ? nil : problems.map(\.description).joined(separator: "\n"), seconds: 0)
    }

    private static func outdated(
        _ texts: [String: LocalizedText], _ folder: String, _ root: FilePath
    ) -> [ContentProblem] {
        let file = "\(folder)/\(TranslationRecord.fileName)"
        guard let text = ContentFiles.text(of: root.appending(file)) else {
            return [
                ContentProblem(
                    SourcePlace(file: file, line: 0),
                    "the file is missing: nobody has confirmed that the languages say the same")
            ]
        }
        guard let record = try? TranslationRecord(parsing: text) else {
            return [ContentProblem(SourcePlace(file: file, line: 0), "not a record of translations")]
        }
        return record.outdated(texts).map { item in
            let changed = item.changed.map(\.rawValue).joined(separator: ", ")
            let old = item.outdated.map(\.rawValue).joined(separator: ", ")
            return ContentProblem(
                SourcePlace(file: folder, line: 0), path: item.key,
                "\(changed) has changed, so \(old) may be out of date: correct it, or confirm the translations")
        }
    }

    /// Texts that use other variables in one language than in another.
    private static func placeholders(_ exercise: Exercise) -> [ContentProblem] {
        exercise.localizedTexts.sorted { $0.key < $1.key }.compactMap { key, text in
            let sets = Set(text.texts.values.map { Set($0.placeholders) })
            guard sets.count > 1 else { return nil }
            return ContentProblem(
                SourcePlace(file: "Exercises/\(exercise.id)/exercise.yaml", line: 0), path: key,
                "the languages use different variables")
        }
    }

    private static func links(in markdown: String) -> [String] {
        markdown.split(separator: "](").dropFirst().compactMap { part in
            part.firstIndex(of: ")").map { String(part[..<$0].prefix { $0 != "#" }) }
        }.filter { !$0.isEmpty }
    }
}
