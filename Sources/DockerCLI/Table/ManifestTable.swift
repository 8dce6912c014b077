extension CommandTable {
    /// `docker manifest …`
    static let manifestCommands: [CommandSpec] = [
        CommandSpec(
            "manifest inspect", "[OPTIONS] [MANIFEST_LIST] MANIFEST", "Display an image manifest, or manifest list",
            description: "Display an image manifest, or manifest list\n\n" + experimental("manifest inspect"),
            flags: [
                Flag("insecure", "Allow communication with an insecure registry"),
                Flag("verbose", "v", "Output additional info including layers and platform"),
            ], .between(1, 2), needs: DockerCommand.Needs(store: true), operands: [.image],
            action: ManifestCommands.inspect)
    ]

    static let manifestDescription = """
        The **docker manifest** command has subcommands for managing image manifests and
        manifest lists. A manifest list allows you to use one name to refer to the same image
        built for multiple architectures.

        To see help for a subcommand, use:

            docker manifest CMD --help

        For full details on using docker manifest lists, see the registry v2 specification.

        """ + "\n" + experimental("manifest")

    private static func experimental(_ name: String) -> String {
        """
        EXPERIMENTAL:
          docker \(name) is an experimental feature.
          Experimental features provide early access to product functionality. These
          features may change between releases without warning, or can be removed from a
          future release. Learn more about experimental features in our documentation:
          https://docs.docker.com/go/experimental/
        """
    }
}
