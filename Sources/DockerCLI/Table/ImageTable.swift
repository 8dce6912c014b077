extension CommandTable {
    private static let reads = DockerCommand.Needs(store: true)
    private static let changes = DockerCommand.Needs(store: true, identityMap: true)

    static let imageCommands: [CommandSpec] = [
        CommandSpec(
            "image history", aliases: ["history"], "[OPTIONS] IMAGE", "Show the history of an image",
            flags: [
                Flags.listFormat,
                Flag("human", "H", "Print sizes and dates in human readable format", preset: "true"),
                Flags.noTrunc, Flags.platform("Show history for the given platform"),
                Flag("quiet", "q", "Only show image IDs"),
            ], .exactly(1), needs: reads, operands: [.image], action: ImageCommands.history),
        CommandSpec(
            "image import", aliases: ["import"], "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
            "Import the contents from a tarball to create a filesystem image",
            flags: [
                Flag("change", "c", .list, "Apply Dockerfile instruction to the created image"),
                Flag("message", "m", .string, "Set commit message for imported image"), Flags.pullPlatform,
            ], .atLeast(1), needs: changes, operands: [.file, .image], action: ArchiveCommands.importImage),
        CommandSpec(
            "image inspect", "[OPTIONS] IMAGE [IMAGE...]", "Display detailed information on one or more images",
            flags: [
                Flags.inspectFormat,
                Flag(
                    "platform", nil, .string,
                    """
                    Inspect a specific platform of the multi-platform image.
                    If the image or the server is not multi-platform capable, the command will error out if the platform does not match.
                    'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)
                    """),
            ], .atLeast(1), needs: reads, operands: [.image], action: InspectCommands.image),
        CommandSpec(
            "image load", aliases: ["load"], "[OPTIONS]", "Load an image from a tar archive or STDIN",
            flags: [
                Flag("input", "i", .string, "Read from tar archive file, instead of STDIN", names: .file),
                Flags.platform("Load only the given platform variant"),
                Flag("quiet", "q", "Suppress the load output"),
            ], .none, needs: changes, action: ArchiveCommands.load),
        CommandSpec(
            "image ls", aliases: ["image list", "images"], "[OPTIONS] [REPOSITORY[:TAG]]", "List images",
            flags: [
                Flag("all", "a", "Show all images (default hides intermediate images)"),
                Flag("digests", "Show digests"), Flags.filter, Flags.listFormat, Flags.noTrunc,
                Flag("quiet", "q", "Only show image IDs"),
                Flag("tree", "List multi-platform images as a tree (EXPERIMENTAL)"),
            ], .atMost(1), needs: reads, operands: [.image], action: ImageCommands.list),
        CommandSpec(
            "image prune", "[OPTIONS]", "Remove unused images",
            flags: [
                Flag("all", "a", "Remove all unused images, not just dangling ones"),
                Flags.pruneFilter("until=<timestamp>"), Flags.force,
            ], .none, needs: changes, action: ImageCommands.prune),
        CommandSpec(
            "image pull", aliases: ["pull"], "[OPTIONS] NAME[:TAG|@DIGEST]", "Download an image from a registry",
            flags: [
                Flag("all-tags", "a", "Download all tagged images in the repository"),
                Flag("disable-content-trust", "Skip image verification", preset: "true"), Flags.pullPlatform,
                Flag("quiet", "q", "Suppress verbose output"),
            ], .exactly(1), needs: changes, operands: [.image], action: TransferCommands.pull),
        CommandSpec(
            "image push", aliases: ["push"], "[OPTIONS] NAME[:TAG]", "Upload an image to a registry",
            flags: [
                Flag("all-tags", "a", "Push all tags of an image to the repository"),
                Flag("disable-content-trust", "Skip image signing", preset: "true"),
                Flag(
                    "platform", nil, .string,
                    """
                    Push a platform-specific manifest as a single-platform image to the registry.
                    Image index won't be pushed, meaning that other manifests, including attestations won't be preserved.
                    'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)
                    """),
                Flag("quiet", "q", "Suppress verbose output"),
            ], .exactly(1), needs: changes, operands: [.image], action: TransferCommands.push),
        CommandSpec(
            "image rm", aliases: ["image remove", "rmi"], "[OPTIONS] IMAGE [IMAGE...]",
            "Remove one or more images",
            flags: [
                Flag("force", "f", "Force removal of the image"),
                Flag("no-prune", "Do not delete untagged parents"),
                Flag(
                    "platform", nil, .list, type: "strings",
                    "Remove only the given platform variant. Formatted as \"os[/arch[/variant]]\" (e.g., \"linux/amd64\")"
                ),
            ], .atLeast(1), needs: changes, operands: [.image], action: ImageCommands.remove),
        CommandSpec(
            "image save", aliases: ["save"], "[OPTIONS] IMAGE [IMAGE...]",
            "Save one or more images to a tar archive (streamed to STDOUT by default)",
            flags: [
                Flag("output", "o", .string, "Write to a file, instead of STDOUT", names: .file),
                Flags.platform("Save only the given platform variant"),
            ], .atLeast(1), needs: changes, operands: [.image], action: ArchiveCommands.save),
        CommandSpec(
            "image tag", aliases: ["tag"], "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
            "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE", .exactly(2), needs: reads,
            operands: [.image, .image], action: ImageCommands.tag),
    ]
}
