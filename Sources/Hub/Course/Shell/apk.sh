#!/bin/sh
# apk - the package manager of Alpine Linux, as a shell script that can be read.
#
# The real apk is a C program. This one was written for the course images of Drydock; it speaks the same formats:
# the repository (APKINDEX.tar.gz, .apk), the keys in /etc/apk/keys and the database in /lib/apk/db. What a package
# manager does is all here, in the order in which it happens:
#
#   1. fetch the index of every repository, and check its signature           (load_indexes)
#   2. find a set of packages that fulfils /etc/apk/world                     (solve)
#   3. fetch each package, check that it is the one that the index names,
#      unpack it and write down what was put where                            (install_package)
#   4. remove what is no longer needed                                        (purge_package)
#   5. run the scripts that packages bring along                              (run_script, run_triggers)
#
# It uses nothing but busybox.

version=2.6.8
keys=/etc/apk/keys
world=/etc/apk/world
repositories=/etc/apk/repositories
cache=/var/cache/apk
db=/lib/apk/db
tmp=$db/tmp
arch=$(cat /etc/apk/arch 2>/dev/null || uname -m)

# ---------------------------------------------------------------------------------------------------------------
# Messages

say() { [ -n "$quiet" ] || echo "$@"; }
warn() { echo "WARNING: $*" >&2; }
error() { echo "ERROR: $*" >&2; errors=$((errors + 1)); }
die() { error "$@"; exit 1; }

# "OK: 61 MiB in 15 packages": what is installed now.
say_result() {
    summary=$(awk -F: '/^P:/ { count++ } /^I:/ { size += $2 } END { printf "%d MiB in %d packages", size / 1048576, count }' "$db/installed")
    if [ "$errors" -gt 0 ]; then echo "$errors errors; $summary"; exit "$errors"; fi
    say "OK: $summary"
}

# ---------------------------------------------------------------------------------------------------------------
# Reading the databases. The index and the database of what is installed are lists of blank-line separated records
# with one letter for each field: P name, V version, D dependencies, p what it provides, I installed size, T text,
# C the checksum by which a package is known.

# field FILE NAME LETTER: one field of the record of a package.
field() {
    awk -v name="$2" -v letter="$3" '
        function show() { if (P == name && found) { print value; exit } }
        /^$/ { P = ""; found = 0; next }
        substr($0, 1, 2) == "P:" { P = substr($0, 3) }
        substr($0, 1, 2) == letter ":" { value = substr($0, 3); found = 1 }
        { show() }' "$1"
}

is_installed() { grep -qxF "P:$1" "$db/installed"; }

# name_of "nodejs>=6": nodejs
name_of() { echo "${1%%[<>=~@]*}"; }

# ---------------------------------------------------------------------------------------------------------------
# Checksums and signatures

# An .apk and an APKINDEX.tar.gz are gzip streams, one after the other: the signature, the control data, and (in an
# .apk) the files. streams FILE prints the offset at which each of them starts: those places after the first where
# the magic number of gzip stands and a whole stream ends before it.
streams() {
    echo 0
    start=0
    head -c 262144 "$1" | xxd -p | tr -d '\n' | awk '{
        for (at = 0; (found = index(substr($0, at + 1), "1f8b08")) > 0; at += found)
            if ((at + found) % 2 && at + found > 1) print (at + found - 1) / 2 }' |
    while read -r next; do
        part "$1" "$start" $((next - start)) | gunzip -t 2>/dev/null || continue
        echo "$next"
        start=$next
    done
}

# part FILE OFFSET [LENGTH]: some bytes of a file.
part() { if [ -n "$3" ]; then tail -c +$(($2 + 1)) "$1" | head -c "$3"; else tail -c +$(($2 + 1)) "$1"; fi; }

# checksum < DATA: the SHA-1 of some data as apk writes it, Q1 and base 64.
checksum() { echo "Q1$(sha1sum | cut -c 1-40 | xxd -r -p | base64)"; }

# modulus FILE: the big number of an RSA key of 2048 bits, from its place between the other parts of the PEM file.
modulus() {
    grep -v -e '^-----' "$1" | base64 -d | xxd -p | tr -d '\n' |
        sed -n 's/.*0282010100\([0-9a-f]\{512\}\)0203010001$/\1/p' | tr a-f A-F
}

# is_signed FILE: whether the first stream is a signature of the rest by a key that is in /etc/apk/keys.
#
# An RSA signature is checked with one line of arithmetic: signature ^ 65537 mod modulus, which dc can do. The result
# has to be the SHA-1 of what was signed, after a fixed text (PKCS #1, version 1.5).
is_signed() {
    local file key n s opened padding wanted
    set -- "$1" $(streams "$1")
    [ $# -ge 3 ] || return 1
    rm -rf "$tmp/signature"
    mkdir "$tmp/signature"
    part "$1" 0 "$3" | gunzip | tar -x -C "$tmp/signature" 2>/dev/null
    for file in "$tmp/signature"/.SIGN.RSA.*; do
        key=$keys/${file##*/.SIGN.RSA.}
        [ -f "$key" ] && [ -f "$file" ] || continue
        n=$(modulus "$key")
        [ -n "$n" ] || continue
        s=$(xxd -p "$file" | tr -d '\n' | tr a-f A-F)
        opened=$(echo "16o16i $s 10001 $n |p" | dc 2>/dev/null | tr -d '\\\n')
        padding=$(printf %436s '' | tr ' ' F)
        wanted=$(part "$1" "$3" | sha1sum | cut -c 1-40 | tr a-f A-F)
        [ "$opened" = "1${padding}003021300906052B0E03021A05000414$wanted" ] && return 0
    done
    return 1
}

# ---------------------------------------------------------------------------------------------------------------
# Repositories

# download URL FILE: with the reason in $why where it does not work.
download() {
    why=$(wget -q -O "$2" "$1" 2>&1) && return 0
    rm -f "$2"
    case $why in
        *"bad address"*) why="DNS lookup error" ;;
        *"404"*) why="No such file or directory" ;;
        *"timed out"*) why="operation timed out" ;;
        *"No space left"*) why="No space left on device" ;;
        *"server returned error"*) why="remote server returned error (try 'apk update')" ;;
        *) why="network error (check Internet connection and firewall)" ;;
    esac
    return 1
}

repository_urls() { { sed 's/#.*//; s/^@[^ ]* *//' "$repositories" 2>/dev/null; printf '%s\n' $more_repositories; } | grep .; }

# The file in /var/cache/apk in which the index of a repository is kept, named by a checksum of its address.
cached_index() { echo "APKINDEX.$(printf %s "$1" | sha1sum | cut -c 1-8).tar.gz"; }

# Puts the records of all repositories into $tmp/index, each with the repository that it came from (field @).
# Fetches the indexes first where $update is set.
load_indexes() {
    : > "$tmp/index"
    : > "$tmp/descriptions"
    for url in $(repository_urls); do
        file=$(cached_index "$url")
        at=$cache
        [ -n "$no_cache" ] && at=$tmp
        if [ -n "$update$no_cache" ]; then
            say "fetch $url/$arch/APKINDEX.tar.gz"
            if download "$url/$arch/APKINDEX.tar.gz" "$tmp/fetched"; then
                if ! is_signed "$tmp/fetched"; then
                    warn "Ignoring $url: UNTRUSTED signature"
                    index_errors=$((index_errors + 1))
                    continue
                fi
                mkdir -p "$at" && mv "$tmp/fetched" "$at/$file"
            else
                warn "Ignoring $url: $why"
                index_errors=$((index_errors + 1))
            fi
        elif [ -f "$at/$file" ] && ! is_signed "$at/$file"; then
            warn "Ignoring $file: UNTRUSTED signature"
            continue
        fi
        if [ ! -f "$at/$file" ]; then
            [ -n "$update$no_cache" ] || warn "Ignoring $file: No such file or directory"
            continue
        fi
        rm -f "$tmp/APKINDEX" "$tmp/DESCRIPTION"
        tar -xzf "$at/$file" -C "$tmp" APKINDEX DESCRIPTION 2>/dev/null
        awk -v url="$url" '{ print } /^P:/ { print "@:" url }  END { print "" }' "$tmp/APKINDEX" >> "$tmp/index"
        echo "$(cat "$tmp/DESCRIPTION") [$url]" >> "$tmp/descriptions"
    done
}

# ---------------------------------------------------------------------------------------------------------------
# The solver

# solve WORLD: prints what has to be done so that exactly WORLD and what it needs is installed:
#   install NAME VERSION | upgrade NAME NEW OLD | purge NAME VERSION | kept NAME BY | problem TEXT
#
# It walks from each wish to a package that provides it and on to what that package depends on; a package comes
# after its dependencies. Of several that would do, it prefers one that was already chosen, one that is installed, one
# whose name it is, and the newest.
solve() {
    awk -v wishes="$(tr '\n' ' ' < "$1")" -v upgrade="$upgrade" -v leaving=" $leaving " '
        # Versions: numbers with dots, perhaps a letter, then -r and the release.
        function compare(a, b,   i, x, y, m, n, ra, rb) {
            if (a == b) return 0
            ra = rb = 0
            if (match(a, /-r[0-9]+$/)) { ra = substr(a, RSTART + 2) + 0; a = substr(a, 1, RSTART - 1) }
            if (match(b, /-r[0-9]+$/)) { rb = substr(b, RSTART + 2) + 0; b = substr(b, 1, RSTART - 1) }
            m = split(a, x, /[._]/)
            n = split(b, y, /[._]/)
            for (i = 1; i <= m || i <= n; i++) {
                if (x[i] + 0 != y[i] + 0) return x[i] + 0 < y[i] + 0 ? -1 : 1
                if (x[i] "" != y[i] "") return x[i] "" < y[i] "" ? -1 : 1
            }
            return ra < rb ? -1 : ra > rb
        }
        function fulfils(have, op, want) {
            if (op == "") return 1
            if (op == "~" || op == "=~" || op == "~=") return index(have ".", want ".") == 1 || index(have, want "-") == 1
            return index(op, compare(have, want) < 0 ? "<" : compare(have, want) > 0 ? ">" : "=") > 0
        }
        # Takes "so:libz.so.1=1.2.13" apart: the name, the comparison and the version.
        function parse(text) {
            sub(/@.*/, "", text)
            if (match(text, /[<>=~]+/)) {
                name = substr(text, 1, RSTART - 1)
                op = substr(text, RSTART, RLENGTH)
                want = substr(text, RSTART + RLENGTH)
            } else { name = text; op = want = "" }
        }
        function provide(id, text, have) {
            parse(text)
            providers[name] = providers[name] " " id
            provided[name, id] = want == "" ? have : want
        }
        function choose(text,   ids, n, i, id, best, points, most) {
            parse(text)
            n = split(providers[name], ids, " ")
            most = -1
            for (i = 1; i <= n; i++) {
                id = ids[i]
                if (!fulfils(provided[name, id], op, want)) continue
                if ((N[id] in taken) && taken[N[id]] != id) continue
                points = (N[id] == name) * 2 + (id in chosen) * 8 + (upgrade ? 0 : (id in here) * 4)
                if (points > most || points == most && compare(V[id], V[best]) > 0) { most = points; best = id }
            }
            return best
        }
        function visit(text, by,   id, needs, i, n) {
            if (substr(text, 1, 1) == "!") return
            id = choose(text)
            if (id == "") {
                parse(text)
                if (providers[name] == "") problem[name " (missing)"] = problem[name " (missing)"] " " by "[" text "]"
                else {
                    split(providers[name], needs, " ")
                    broken[needs[1]] = broken[needs[1]] " " by "[" text "]"
                }
                return
            }
            why[id] = why[id] " " by
            if (id in chosen) return
            chosen[id] = 1
            taken[N[id]] = id
            n = split(D[id], needs, " ")
            for (i = 1; i <= n; i++) visit(needs[i], N[id] "-" V[id])
            order[++count] = id
        }
        function finish_record(   id, i, n, list) {
            if (P == "") return
            id = P "-" version
            if (!(id in N)) {
                N[id] = P; V[id] = version; D[id] = depends
                provide(id, P "=" version, version)
                n = split(provides, list, " ")
                for (i = 1; i <= n; i++) provide(id, list[i], version)
            }
            if (reading_installed) { here[id] = 1; old[P] = version; installed[++installed_count] = id }
            P = version = depends = provides = ""
        }
        FNR == 1 { finish_record(); reading_installed = NR == 1 }
        /^$/ { finish_record() }
        /^P:/ { P = substr($0, 3) }
        /^V:/ { version = substr($0, 3) }
        /^D:/ { depends = substr($0, 3) }
        /^p:/ { provides = substr($0, 3) }
        END {
            finish_record()
            n = split(wishes, wish, " ")
            for (i = 1; i <= n; i++) visit(wish[i], "world")
            for (text in problem) { print "problem   " text ":"; print "problem     required by:" problem[text]; bad = 1 }
            for (id in broken) { print "problem   " id ":"; print "problem     breaks:" broken[id]; bad = 1 }
            if (bad) exit
            for (i = 1; i <= installed_count; i++) {
                id = installed[i]
                if (!(N[id] in taken)) purge[++purges] = id
                else if (index(leaving, " " N[id] " ")) print "kept " N[id] why[id]
            }
            for (i = purges; i >= 1; i--) print "purge " N[purge[i]] " " V[purge[i]]
            for (i = 1; i <= count; i++) {
                id = order[i]
                if (id in here) continue
                if (N[id] in old) print "upgrade " N[id] " " V[id] " " old[N[id]]
                else print "install " N[id] " " V[id]
            }
        }' "$db/installed" "$tmp/index"
}

# commit WORLD: does what the solver says, and makes WORLD the new /etc/apk/world.
commit() {
    solve "$1" > "$tmp/plan"
    if grep -q ^problem "$tmp/plan"; then
        error "unsatisfiable constraints:"
        sed -n 's/^problem //p' "$tmp/plan" >&2
        exit 1
    fi
    total=$(grep -c -e ^install -e ^upgrade -e ^purge "$tmp/plan")
    if grep -q ^kept "$tmp/plan"; then
        say "World updated, but the following packages are not removed due to:"
        sed -n 's/^kept \([^ ]*\) /  \1: /p' "$tmp/plan"
        say
    fi
    : > "$tmp/touched"
    number=0
    while read -r action name new old <&3; do
        [ "$action" = kept ] && continue
        number=$((number + 1))
        case $action in
            install) say "($number/$total) Installing $name ($new)" ;;
            upgrade) say "($number/$total) Upgrading $name ($old -> $new)" ;;
            purge) say "($number/$total) Purging $name ($new)" ;;
        esac
        [ -n "$simulate" ] && continue
        if [ "$action" = purge ]; then purge_package "$name" "$new"; else install_package "$name" "$new" "$old"; fi
    done 3< "$tmp/plan"
    [ -n "$simulate" ] && { say_result; exit; }
    if [ "$errors" -eq 0 ]; then cp "$1" "$world.new" && mv "$world.new" "$world"; fi
    run_triggers
    say_result
}

# ---------------------------------------------------------------------------------------------------------------
# Installing and removing

# install_package NAME VERSION [OLD]
install_package() {
    id=$1-$2
    control=$tmp/control
    rm -rf "$control"
    mkdir "$control"
    awk -v RS= -v name="$1" -v version="$2" '("\n" $0 "\n") ~ "\nP:" { if (index("\n" $0 "\n", "\nP:" name "\n") && index("\n" $0 "\n", "\nV:" version "\n")) { print; exit } }' \
        "$tmp/index" > "$control/record"
    if grep -q '^virtual:' "$control/record"; then
        { grep -v -e '^virtual:' -e '^@:' "$control/record"; echo; } >> "$db/installed"
        return
    fi
    url=$(sed -n 's/^@://p' "$control/record")
    if ! download "$url/$arch/$id.apk" "$tmp/package"; then
        error "$id: $why"
        return
    fi

    # Three streams: signature, control, files. The index, whose signature was checked, names the checksum of the
    # second; and the second names the checksum of the third. So what is unpacked is what was signed.
    set -- "$1" "$2" "$3" $(streams "$tmp/package")
    part "$tmp/package" "$5" $(($6 - $5)) > "$control/stream"
    part "$tmp/package" "$6" > "$tmp/data"
    rm -f "$tmp/package"
    wanted=$(sed -n 's/^C://p' "$control/record")
    if [ "$(checksum < "$control/stream")" != "$wanted" ]; then
        error "$id: BAD signature"
        return
    fi
    gunzip < "$control/stream" | tar -x -C "$control"
    wanted=$(sed -n 's/^datahash = //p' "$control/.PKGINFO")
    if [ "$(sha256sum < "$tmp/data" | cut -c 1-64)" != "$wanted" ]; then
        error "$id: BAD archive"
        return
    fi

    if [ -n "$3" ]; then before=upgrade; else before=install; fi
    run_script "$control/.pre-$before" "$id.pre-$before" "$2" "$3"
    tar -xzv -C / -f "$tmp/data" > "$tmp/files" || { error "$id: IO ERROR"; return; }
    rm -f "$tmp/data"

    if [ -n "$3" ]; then
        record_files_of "$1" > "$tmp/old-files"
        forget "$1"
        sed 's,^\./,,' "$tmp/files" | grep -vxF -f - "$tmp/old-files" | while read -r file; do rm -f "/$file"; done
    fi
    { grep -v '^@:' "$control/record"; file_records; echo; } > "$tmp/record"
    cat "$db/installed" "$tmp/record" > "$db/installed.new" && mv "$db/installed.new" "$db/installed"
    sed -n 's/^F:/\//p' "$tmp/record" >> "$tmp/touched"
    keep_scripts "$id"
    run_script "$control/.post-$before" "$id.post-$before" "$2" "$3"
}

# Describes the files of $tmp/files as the database does: F a directory, R a file in it, a its owner and mode where
# they are not the usual ones, Z the checksum of its contents (of a link: of its target).
file_records() {
    (
        cd / || exit
        grep -v '/$' "$tmp/files" | sed 's,^\./,,' | sort > "$tmp/names"
        tr '\n' '\0' < "$tmp/names" | xargs -0 -r stat -c '%a:%u:%g:%n'
        while read -r file; do
            if [ -L "$file" ]; then
                echo "sum $(readlink -n "$file" | sha1sum | cut -c 1-40) $file"
            else
                echo "$file" >&4
            fi
        done < "$tmp/names" 4> "$tmp/plain"
        tr '\n' '\0' < "$tmp/plain" | xargs -0 -r sha1sum | sed 's/^/sum /; s/  / /'
    ) | awk '
        BEGIN { digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/" }
        function base64(hex,   i, bits, text) {
            hex = hex "00"    # 20 bytes are two thirds of a group short of 21
            for (i = 1; i <= 42; i += 6) {
                bits = 0
                for (k = 0; k < 6; k++) bits = bits * 16 + index("0123456789abcdef", substr(hex, i + k, 1)) - 1
                text = text substr(digits, int(bits / 262144) + 1, 1) substr(digits, int(bits / 4096) % 64 + 1, 1) \
                    substr(digits, int(bits / 64) % 64 + 1, 1) substr(digits, bits % 64 + 1, 1)
            }
            return substr(text, 1, 27) "="
        }
        /^sum / { sum[substr($0, 46)] = base64(substr($0, 5, 40)); next }
        {
            split($0, part, ":")
            path = substr($0, length(part[1] part[2] part[3]) + 4)
            paths[++count] = path
            access[path] = part[2] ":" part[3] ":" part[1]
        }
        END {
            for (i = 1; i <= count; i++) {
                directory = paths[i]
                if (!sub(/\/[^\/]*$/, "", directory)) directory = ""
                file = substr(paths[i], directory == "" ? 1 : length(directory) + 2)
                if (directory != last || i == 1) print "F:" directory
                last = directory
                print "R:" file
                if (access[paths[i]] != "0:0:644") print "a:" access[paths[i]]
                print "Z:Q1" sum[paths[i]]
            }
        }'
}

# record_files_of NAME: the files of an installed package, without a leading slash.
record_files_of() {
    awk -v name="$1" '
        /^$/ { P = "" }
        /^P:/ { P = substr($0, 3) }
        P == name && /^F:/ { directory = substr($0, 3) }
        P == name && /^R:/ { print (directory == "" ? "" : directory "/") substr($0, 3) }' "$db/installed"
}

# forget NAME: takes the record out of the database.
forget() {
    awk -v RS= -v ORS='\n\n' -v name="$1" '!index("\n" $0 "\n", "\nP:" name "\n")' "$db/installed" > "$db/installed.new"
    mv "$db/installed.new" "$db/installed"
}

# purge_package NAME VERSION
purge_package() {
    id=$1-$2
    rm -rf "$tmp/control"
    mkdir "$tmp/control"
    script_of "$id" pre-deinstall && run_script "$tmp/control/.pre-deinstall" "$id.pre-deinstall" "$2"
    script_of "$id" post-deinstall
    record_files_of "$1" > "$tmp/old-files"
    awk -v name="$1" '/^$/ { P = "" } /^P:/ { P = substr($0, 3) } P == name && /^F:/ { print "/" substr($0, 3) }' \
        "$db/installed" | sort -r > "$tmp/directories"
    sed 's,^,/,' "$tmp/old-files" | tr '\n' '\0' | xargs -0 -r rm -f
    forget "$1"
    while read -r directory; do
        while [ "$directory" != / ] && [ -n "$directory" ] && rmdir "$directory" 2>/dev/null; do
            directory=${directory%/*}
        done
    done < "$tmp/directories"
    cat "$tmp/directories" >> "$tmp/touched"
    run_script "$tmp/control/.post-deinstall" "$id.post-deinstall" "$2"
    forget_scripts "$id"
}

# ---------------------------------------------------------------------------------------------------------------
# Scripts of packages. They are kept in scripts.tar, named NAME-VERSION.X1<checksum>.<when>; `triggers` says which
# directories a package wants to hear about.

run_script() {
    [ -f "$1" ] || return 0
    say "Executing $2"
    chmod 755 "$1"
    versions="$3 $4"
    # shellcheck disable=SC2086
    (cd / && exec "$1" $versions) || warn "$2: script exited with error $?"
}

# keep_scripts ID: puts the scripts of the package in $tmp/control into the database.
keep_scripts() {
    ls -A "$tmp/control" | grep -q -E '^\.(pre|post|trigger)' || return 0
    mkdir -p "$tmp/scripts"
    tar -xf "$db/scripts.tar" -C "$tmp/scripts" 2>/dev/null
    sum=$(sha1sum < "$tmp/control/stream" | cut -c 1-40)
    for script in "$tmp/control"/.pre-* "$tmp/control"/.post-* "$tmp/control"/.trigger; do
        [ -f "$script" ] && cp "$script" "$tmp/scripts/$1.X1$sum${script##*/control/}"
    done
    pack_scripts
    on=$(sed -n 's/^triggers = //p' "$tmp/control/.PKGINFO")
    if [ -n "$on" ]; then echo "$(sed -n 's/^C://p' "$tmp/control/record") $on" >> "$db/triggers"; fi
}

pack_scripts() {
    # shellcheck disable=SC2046
    (cd "$tmp/scripts" && tar -cf "$db/scripts.tar.new" $(ls -A)) && mv "$db/scripts.tar.new" "$db/scripts.tar"
    rm -rf "$tmp/scripts"
}

# script_of ID WHEN: puts a kept script back into $tmp/control.
script_of() {
    entry=$(tar -tf "$db/scripts.tar" 2>/dev/null | grep -F -- "$1.X1" | grep -e "\.$2\$") || return 1
    tar -xOf "$db/scripts.tar" "$entry" > "$tmp/control/.$2"
}

forget_scripts() {
    tar -tf "$db/scripts.tar" 2>/dev/null | grep -qF -- "$1.X1" || return 0
    mkdir -p "$tmp/scripts"
    tar -xf "$db/scripts.tar" -C "$tmp/scripts"
    rm -f "$tmp/scripts/$1.X1"*
    pack_scripts
}

# Runs the trigger of every package that watches a directory in which something changed.
run_triggers() {
    sort -u "$tmp/touched" > "$tmp/changed"
    [ -s "$tmp/changed" ] && [ -f "$db/triggers" ] || return 0
    mkdir -p "$tmp/control"
    while read -r sum directories <&3; do
        hits=
        for directory in $directories; do
            grep -qxF "$directory" "$tmp/changed" && hits="$hits $directory"
        done
        [ -n "$hits" ] || continue
        id=$(awk -F: -v sum="$sum" '$1 == "C" { hit = substr($0, 3) == sum } $1 == "P" { P = $2 } $1 == "V" && hit { print P "-" substr($0, 3) }' "$db/installed")
        [ -n "$id" ] && script_of "$id" trigger || continue
        say "Executing $id.trigger"
        chmod 755 "$tmp/control/.trigger"
        # shellcheck disable=SC2086
        (cd / && exec "$tmp/control/.trigger" $hits) || warn "$id.trigger: script exited with error $?"
    done 3< "$db/triggers"
}

# ---------------------------------------------------------------------------------------------------------------
# The commands

command_add() {
    load_indexes
    cp "$world" "$tmp/world"
    wishes="$*"
    if [ -n "$virtual" ]; then
        printf 'P:%s\nV:%s\nA:noarch\nS:0\nI:0\nT:virtual meta package\nU:\nL:\nD:%s\nvirtual:yes\n\n' \
            "$virtual" 0 "$*" >> "$tmp/index"
        wishes=$virtual
    fi
    for wish in $wishes; do
        awk -v name="$(name_of "$wish")" '{ n = $0; sub(/[<>=~@].*/, "", n) } n != name' "$tmp/world" > "$tmp/world.new"
        mv "$tmp/world.new" "$tmp/world"
        echo "$wish" >> "$tmp/world"
    done
    sort -o "$tmp/world" "$tmp/world"
    commit "$tmp/world"
}

command_del() {
    : > "$tmp/index"
    cp "$world" "$tmp/world"
    for wish in "$@"; do
        name=$(name_of "$wish")
        awk -v name="$name" '{ n = $0; sub(/[<>=~@].*/, "", n) } n != name' "$tmp/world" > "$tmp/world.new"
        mv "$tmp/world.new" "$tmp/world"
        leaving="$leaving $name"
    done
    commit "$tmp/world"
}

command_update() {
    update=yes
    index_errors=0
    load_indexes
    [ -n "$quiet" ] || cat "$tmp/descriptions"
    available=$(sed -n 's/^P://p' "$tmp/index" | sort -u | wc -l)
    if [ "$index_errors" -gt 0 ]; then
        say "$index_errors errors; $available distinct packages available"
        exit "$index_errors"
    fi
    say "OK: $available distinct packages available"
}

command_upgrade() {
    upgrade=yes
    load_indexes
    cp "$world" "$tmp/world"
    commit "$tmp/world"
}

command_info() {
    if [ $# -eq 0 ]; then
        case $verbose in
            "") sed -n 's/^P://p' "$db/installed" ;;
            v) awk -F: '/^P:/ { P = $2 } /^V:/ { print P "-" substr($0, 3) }' "$db/installed" ;;
            *) awk -F: '/^P:/ { P = $2 } /^V:/ { V = substr($0, 3) } /^T:/ { print P "-" V " - " substr($0, 3) }' "$db/installed" ;;
        esac
        return
    fi
    status=0
    for name in "$@"; do
        if [ -n "$who_owns" ]; then
            owner=$(owner_of "$name")
            if [ -n "$owner" ]; then echo "$name is owned by $owner"; else error "$name: Could not find owner package"; status=1; fi
            continue
        fi
        source=$db/installed
        if ! is_installed "$name"; then
            [ -n "$exists" ] && { status=1; continue; }
            [ -f "$tmp/index" ] || load_indexes
            source=$tmp/index
            if ! grep -qxF "P:$name" "$source"; then status=1; continue; fi
        fi
        if [ -n "$exists" ]; then echo "$name"; continue; fi
        id=$name-$(field "$source" "$name" V)
        case ${show:-dws} in *d*) printf '%s\n%s\n\n' "$id description:" "$(field "$source" "$name" T)" ;; esac
        case ${show:-dws} in *w*) printf '%s\n%s\n\n' "$id webpage:" "$(field "$source" "$name" U)" ;; esac
        case ${show:-dws} in *s*) printf '%s\n%s\n\n' "$id installed size:" "$(field "$source" "$name" I)" ;; esac
        case $show in *R*) printf '%s\n' "$id depends on:"; field "$source" "$name" D | tr ' ' '\n'; echo ;; esac
        case $show in *P*) printf '%s\n' "$id provides:"; field "$source" "$name" p | tr ' ' '\n'; echo ;; esac
        case $show in *L*) printf '%s\n' "$id contains:"; record_files_of "$name"; echo ;; esac
        case $show in *r*) printf '%s\n' "$id is required by:"; required_by "$name"; echo ;; esac
    done
    exit "$status"
}

# owner_of PATH: the package that a file came with.
owner_of() {
    awk -v path="${1#/}" '
        /^P:/ { P = substr($0, 3) }
        /^V:/ { V = substr($0, 3) }
        /^F:/ { directory = substr($0, 3) }
        /^R:/ && (directory == "" ? "" : directory "/") substr($0, 3) == path { print P "-" V; exit }' "$db/installed"
}

# required_by NAME: the installed packages that need something that it provides.
required_by() {
    awk -v names="$1 $(field "$db/installed" "$1" p)" '
        BEGIN { n = split(names, list, " "); for (i = 1; i <= n; i++) { sub(/=.*/, "", list[i]); offers[list[i]] = 1 } }
        /^P:/ { P = substr($0, 3) }
        /^V:/ { V = substr($0, 3) }
        /^D:/ { n = split(substr($0, 3), needs, " ")
            for (i = 1; i <= n; i++) { sub(/[<>=~].*/, "", needs[i]); if (needs[i] in offers) { print P "-" V; next } } }' "$db/installed"
}

command_search() {
    load_indexes
    awk -v patterns="$*" -v exact="$exists" -v described="$show" -v verbose="$verbose" '
        function hit(   i) {
            if (n == 0) return 1
            for (i = 1; i <= n; i++) {
                plain = pattern[i]
                gsub(/[*]/, "", plain)
                if (exact ? P == plain : index(P, plain)) return 1
                if (described ~ /d/ && index(tolower(T), tolower(plain))) return 1
            }
            return 0
        }
        BEGIN { n = split(patterns, pattern, " ") }
        /^P:/ { P = substr($0, 3) }
        /^V:/ { V = substr($0, 3) }
        /^T:/ { T = substr($0, 3); if (hit()) print P "-" V (verbose != "" || described ~ /d/ ? " - " T : "") }' "$tmp/index" | sort -u
}

command_list() {
    load_indexes
    awk -v patterns="$*" -v only="$only_installed" '
        function show(   i, id, hit) {
            if (P == "") return
            id = P "-" V
            for (i = 1; i <= n; i++) if (index(P, pattern[i])) hit = 1
            if (reading_installed) state[id] = " [installed]"
            if (!(id in text) && (n == 0 || hit)) { order[++count] = id; text[id] = id " " A " {" (o == "" ? P : o) "} (" L ")" }
            P = o = ""
        }
        BEGIN { n = split(patterns, pattern, " ") }
        FNR == 1 { show(); reading_installed = NR == 1 }
        /^$/ { show() }
        /^P:/ { P = substr($0, 3) }
        /^V:/ { V = substr($0, 3) }
        /^A:/ { A = substr($0, 3) }
        /^L:/ { L = substr($0, 3) }
        /^o:/ { o = substr($0, 3) }
        END { show(); for (i = 1; i <= count; i++) if (!only || order[i] in state) print text[order[i]] state[order[i]] }' \
        "$db/installed" "$tmp/index" | sort
}

command_policy() {
    load_indexes
    for name in "$@"; do
        echo "$name policy:"
        { awk -F: -v name="$name" '/^P:/ { P = $2 } /^V:/ && P == name { print substr($0, 3) " lib/apk/db/installed" }' "$db/installed"
          awk -v name="$name" '/^P:/ { P = substr($0, 3) } /^@:/ { url = substr($0, 3) } /^V:/ && P == name { print substr($0, 3) " " url }' "$tmp/index"
        } | awk '{ if (!($1 in places)) order[++n] = $1; places[$1] = places[$1] "    " $2 "\n" }
            END { for (i = 1; i <= n; i++) printf "  %s:\n%s", order[i], places[order[i]] }'
    done
}

command_fetch() {
    load_indexes
    for name in "$@"; do
        file=$name-$(field "$tmp/index" "$name" V).apk
        url=$(field "$tmp/index" "$name" @)
        if [ -z "$url" ]; then error "$name: unable to select package (or it's dependencies)"; continue; fi
        say "Downloading ${file%.apk}"
        download "$url/$arch/$file" "$file" || error "$file: $why"
    done
    exit "$errors"
}

command_cache() {
    case $1 in
        clean | purge) rm -f "$cache"/APKINDEX.* "$cache"/*.apk ;;
        *) die "apk cache: clean is what this client can do" ;;
    esac
}

command_version() {
    load_indexes
    echo "Installed:                                Available:"
    awk '
        /^P:/ { P = substr($0, 3) }
        /^V:/ && NR == FNR { have[P] = substr($0, 3); next }
        /^V:/ && (P in have) && have[P] != substr($0, 3) { printf "%-42s< %s\n", P "-" have[P], substr($0, 3) }' "$db/installed" "$tmp/index"
}

show_help() {
    cat <<HELP
apk-tools $version, compiled for $arch. (Drydock's client: a shell script, /sbin/apk; read it.)

usage: apk COMMAND [-h|--help] [-q|--quiet] [-v|--verbose] [-U|--update-cache] [-X|--repository REPO]
           [--no-cache] [ARGS]...

The following commands are available:
  add       Add PACKAGEs to 'world' and install (or upgrade) them, while ensuring that all dependencies are met
              -u|--upgrade, -t|--virtual NAME, -s|--simulate
  del       Remove PACKAGEs from 'world' and uninstall them
  update    Update repository indexes from all remote repositories
  upgrade   Upgrade currently installed packages to match repositories
  info      Give detailed information about PACKAGEs or repositories
              -e (is it installed), -L (contents), -R (depends), -r (required by), -W FILE (owner), -P, -d, -w, -s, -a
  search    Search package by PATTERNs or by indexed dependencies
              -e (exact), -d (descriptions too), -v
  list      List packages by PATTERN and other criteria
              -I|--installed
  version   Compare package versions (in installed database vs. available)
  policy    Show repository policy for packages
  fetch     Download PACKAGEs from global repositories to a local directory
  cache     Download missing PACKAGEs to cache and/or delete unneeded files from cache
              clean
HELP
}

# ---------------------------------------------------------------------------------------------------------------
# Where it starts

# One apk at a time may change the database. The file holds the number of the process that does.
lock() {
    [ -w "$db" ] || { error "Unable to lock database: Permission denied"; die "Failed to open apk database: Permission denied"; }
    holder=$(cat "$db/lock" 2>/dev/null)
    if [ -n "$holder" ] && tr '\0' ' ' < "/proc/$holder/cmdline" 2>/dev/null | grep -q apk; then
        error "Unable to lock database: Resource temporarily unavailable"
        die "Failed to open apk database: Resource temporarily unavailable"
    fi
    echo $$ > "$db/lock"
    trap 'rm -rf "$tmp"; : > "$db/lock"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    rm -rf "$tmp"
    mkdir -p "$tmp"
}

unset quiet verbose update no_cache upgrade simulate virtual exists who_owns show only_installed more_repositories
unset leaving command
errors=0
arguments=
while [ $# -gt 0 ]; do
    case $1 in
        -h | --help) show_help; exit ;;
        -V | --version) echo "apk-tools $version, compiled for $arch."; exit ;;
        -q | --quiet) quiet=yes ;;
        -v | --verbose) verbose=v$verbose ;;
        -vv) verbose=vv ;;
        -U | --update | --update-cache) update=yes ;;
        --no-cache) no_cache=yes ;;
        -u | --upgrade) upgrade=yes ;;
        -l | --latest | -a | -f | --force | -i | --interactive | --no-progress | --progress | --purge | --wait | --no-network) 
            [ "$1" = -a ] && [ "$command" = info ] && show=dwsRPLr ;;
        -s | --simulate) if [ "$command" = info ]; then show=${show}s; else simulate=yes; fi ;;
        -t | --virtual) virtual=$2; shift ;;
        --virtual=*) virtual=${1#*=} ;;
        -X | --repository) more_repositories="$more_repositories $2"; shift ;;
        --repository=*) more_repositories="$more_repositories ${1#*=}" ;;
        -e | --installed | -x | --exact)
            exists=yes
            [ "$command$1" = list--installed ] && only_installed=yes ;;
        -I) only_installed=yes ;;
        -W | --who-owns) who_owns=yes ;;
        -L | --contents) show=${show}L ;;
        -R | --depends) show=${show}R ;;
        -r | --rdepends) show=${show}r ;;
        -P | --provides) show=${show}P ;;
        -d | --description) show=${show}d ;;
        -w | --webpage) show=${show}w ;;
        --size) show=${show}s ;;
        --) ;;
        -*)
            echo "apk: unrecognized option '$1'" >&2
            show_help >&2
            exit 1 ;;
        *)
            if [ -z "$command" ]; then command=$1; else arguments="$arguments $1"; fi ;;
    esac
    shift
done
# The names of packages have no spaces in them, so a list of words will do.
# shellcheck disable=SC2086
set -- $arguments

case $command in
    "") show_help; exit 1 ;;
    add | del | update | upgrade | info | search | list | version | policy | fetch | cache)
        lock
        "command_$command" "$@" ;;
    *)
        echo "ERROR: '$command' is not an apk command. See 'apk --help'." >&2
        exit 1 ;;
esac
