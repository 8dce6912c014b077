#!/bin/sh
# cowsay - says something, as a cow. A small one for the course images, in shell.
#
# usage: cowsay [WORDS...]        without words it reads them from its input

if [ $# -gt 0 ]; then echo "$*"; else cat; fi | fold -s -w 40 | sed 's/ *$//' | awk '
    { line[NR] = $0; if (length($0) > width) width = length($0) }
    function repeated(text, count,   result) { while (count-- > 0) result = result text; return result }
    END {
        print " " repeated("_", width + 2)
        for (i = 1; i <= NR; i++) {
            left = NR == 1 ? "<" : i == 1 ? "/" : i == NR ? "\\" : "|"
            right = NR == 1 ? ">" : i == 1 ? "\\" : i == NR ? "/" : "|"
            printf "%s %-" width "s %s\n", left, line[i], right
        }
        print " " repeated("-", width + 2)
        print "     \\"
        print "      \\   n,   ,n"
        print "          ( o.o )______"
        print "           (._.)       )~*"
        print "             | |---| |"
        print "             \" \"   \" \""
    }'
