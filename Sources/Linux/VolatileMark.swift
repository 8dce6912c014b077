import Glibc
public import SystemPackage

/// The mark that an overlay leaves which was mounted without syncing ("volatile" in the kernel's overlayfs.rst): the
/// kernel refuses to mount its directories again, because a crash of the machine may have torn them.
public enum VolatileMark {
    /// Where the mark of an overlay with this work directory is.
    public static func path(work: FilePath) -> FilePath {
        work.appending("work").appending("incompat").appending("volatile")
    }

    /// Removes a mark, for a mount that no crash came after.
    public static func clear(_ mark: FilePath) {
        if rmdir(mark.string) != 0 {
            guard errno == ENOTEMPTY else { return }
            unlink(mark.appending("dirty").string)
            guard rmdir(mark.string) == 0 else { return }
        }
        rmdir(mark.removingLastComponent().string)
    }
}
