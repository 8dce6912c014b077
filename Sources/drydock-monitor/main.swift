import Glibc

exit(MonitorProgram.run())
