/// Works out how to go back to the start of a step.
enum ResetPlan {
    /// What undoes some steps, the last one first; containers before the images that they hold.
    /// - Parameter whole: whether these are all steps of the exercise, so that nothing needs to be brought back.
    static func actions(_ steps: [Step], whole: Bool) -> [ResetAction] {
        var actions: [ResetAction] = []
        for step in steps.reversed() {
            let own = step.reset.isEmpty ? derived(from: step.check) : step.reset
            for action in own where !actions.contains(action) {
                if whole, case .docker = action { continue }
                actions.append(action)
            }
        }
        return actions.enumerated().sorted { ($0.element.rank, $0.offset) < ($1.element.rank, $1.offset) }.map(
            \.element)
    }

    /// What a check sees is what solving it made.
    private static func derived(from check: Check) -> [ResetAction] {
        check.facts.compactMap { fact in
            switch fact.subject {
            case .container("*", let conditions):
                for condition in conditions {
                    if case .image(let image) = condition.matcher { return .removeContainersOf(image: image) }
                }
                return nil
            case .container(let name, _): return .removeContainer(name)
            case .changed(let name, _, _): return name == "*" ? nil : .removeContainer(name)
            case .image(let name, _): return name == "*" ? nil : .removeImage(name)
            case .file(let image, _, _): return .removeImage(image)
            case .registry(let repository, let tag, _): return .removeFromRegistry("\(repository):\(tag)")
            case .login(_, let registry): return .logOut(registry: registry)
            case .no, .command: return nil
            }
        }
    }
}

extension ResetAction {
    fileprivate var rank: Int {
        switch self {
        case .removeContainer: 0
        case .removeContainersOf: 1
        case .removeFromRegistry: 2
        case .removeImage: 3
        case .logOut: 4
        case .docker: 5
        }
    }
}
