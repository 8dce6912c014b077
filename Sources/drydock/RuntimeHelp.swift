extension RuntimeMain {
    /// What `drydock runtime --help` prints.
    static let help = """
        NAME:
           drydock runtime - an OCI runtime: containers from bundles

        A bundle is a directory with a config.json (OCI runtime specification) and a root file system. Callers such as
        podman use this command line; for images and names see 'drydock docker'.

        USAGE:
           drydock runtime [global options] command [command options] [arguments...]

        COMMANDS:
           create    create a container: all is done but its program       -b DIR, --pid-file FILE, --console-socket SOCKET,
                                                                           --preserve-fds N
           start     let the program of a created container begin
           run       create, start, wait for the end and delete            as create, -d, --keep
           state     print the state of a container as JSON
           kill      send a signal (TERM) to a container                   -a for all of its processes
           delete    remove a container that has stopped                   -f to kill it first
           exec      start one more program in a container                 -p FILE, -e VAR=VALUE, --cwd DIR, -u UID[:GID],
                                                                           -g GID, -c CAPABILITY, -t, -d, --no-new-privs,
                                                                           --ignore-paused, as create
           ps        list the processes of a container                     -f table|json
           pause     freeze all processes of a container
           resume    let them go on
           update    change limits                                         -r FILE, --memory, --cpu-quota, --pids-limit, …
           list      list containers                                       -q, -f table|json
           spec      write a config.json to begin with                     -b DIR, --rootless
           features  print what this runtime can do as JSON
           plan      print what would be done to start a bundle            -b DIR

        GLOBAL OPTIONS:
           --root DIR           where the state of containers is kept
           --log FILE           where errors are written, too
           --log-format FORMAT  text or json
           --version, -v        print the version
           --help, -h           print this
        """
}
