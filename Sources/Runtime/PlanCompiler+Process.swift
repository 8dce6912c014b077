import Linux

extension PlanCompiler {
    /// What a program of the container and one started by `exec` have in common.
    struct ProcessShape {
        var arguments: [String]
        var environment: [String]
        var directory: String
        var user: ProcessUser
        var privileged: Bool
        var isContainer: Bool
        var initProcess = false
        /// Whether it goes on when the monitor is killed. What somebody waits for at the other end of a pipe does not.
        var outlives = true
        /// What the session keyring is called.
        var keyring = ""
    }

    func processOperations(_ shape: ProcessShape) -> [LaunchOperation] {
        var shape = shape
        shape.initProcess = spec.initProcess
        shape.keyring = "_ses." + spec.id
        return Self.processOperations(shape, Restrictions(spec), isRoot: isRoot)
    }

    static func processOperations(
        _ shape: ProcessShape, _ spec: Restrictions, isRoot: Bool
    ) -> [LaunchOperation] {
        let bounding = shape.privileged ? CapabilitySet.all : spec.capabilities
        // Only root has capabilities; another user could only get them from a file, up to the bounding set.
        let effective = shape.user.uid == 0 ? bounding : CapabilitySet.none
        var operations: [LaunchOperation] = [.session, .keyring(shape.keyring), .standardStreams, .umask(0o022)]
        operations += spec.limits.map { .limit($0) }
        operations += [.closeDescriptors, .workingDirectory(shape.directory, create: shape.isContainer)]
        if shape.isContainer && spec.readOnlyRoot { operations.append(.readOnlyRoot) }
        operations.append(.boundingSet(bounding))
        // Without no_new_privs only who has CAP_SYS_ADMIN may load a filter, so it comes before the rights go.
        if !spec.seccompFilter.isEmpty && !spec.noNewPrivileges { operations.append(.seccomp(spec.seccompFilter)) }
        operations += [
            .identity(shape.user, groupsOptional: !isRoot),
            .capabilities(effective: effective, inheritable: .none, ambient: .none),
        ]
        operations += [.defaultSignals, .deathSignal(shape.outlives ? 0 : 9)]
        if spec.noNewPrivileges { operations.append(.noNewPrivileges) }
        // Last, so that a filter needs to allow nothing but execve; with an init, which it holds too, before that.
        let filter: [LaunchOperation] =
            spec.noNewPrivileges && !spec.seccompFilter.isEmpty ? [.seccomp(spec.seccompFilter)] : []
        operations += shape.initProcess ? filter + [.initProcess] : filter
        operations.append(.execute(arguments: shape.arguments, environment: shape.environment))
        return operations
    }

    /// The plan of a program that is started in a running container.
    static func exec(
        _ exec: ExecSpec, in facts: LaunchFacts
    ) -> LaunchPlan {
        var joined = ([.mount, .pid, .uts, .ipc, .cgroup, .network] as [Namespace]).filter {
            !facts.shared.contains($0)
        }
        if !facts.isRoot { joined.insert(.user, at: 0) }
        var operations: [LaunchOperation] = [.cgroup(CgroupPlan(path: "")), .await, .join(joined), .fork]
        if exec.terminal { operations.append(.console(path: "")) }
        operations += processOperations(
            ProcessShape(
                arguments: exec.arguments, environment: exec.environment, directory: exec.workingDirectory,
                user: exec.user, privileged: exec.privileged || facts.restrictions.privileged, isContainer: false,
                outlives: exec.detached, keyring: "_ses.exec"),
            facts.restrictions, isRoot: facts.isRoot)
        return LaunchPlan(namespaces: [], operations: operations)
    }
}
