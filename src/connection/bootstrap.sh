{
# Finds the agent of exactly this version on a managed host, or takes it from standard input, and becomes it.
# Fed to `sh` as its standard input: the braces make the shell read all of it before anything runs, so that what comes
# behind is left for the programs. Only POSIX sh and what busybox has.
T=@TOKEN1@; T=${T}@TOKEN2@
echo "$T in"
nl='
'

fail() { echo "$T fail $*"; exit 1; }

case $(uname -m) in
@MACHINES@
*) fail machine "$(uname -m)" ;;
esac

# Whether a directory is ours, and nobody else may write there.
ours() {
    [ -d "$1" ] && [ -O "$1" ] && [ ! -h "$1" ] || return 1
    case $(ls -ldn "$1") in d????-??-*) return 0 ;; esac
    return 1
}

# Calls $1 with each directory that may hold the agent, best first, until it is content.
each() {
    for d in @DIRECTORY@ ${HOME:+"${HOME%/}/.cache/refit" "${HOME%/}/.refit"}; do
        "$1" && return 0
    done
    uid=${uid:-$(id -u)}
    for d in /var/tmp/refit-"$uid" /tmp/refit-"$uid" /run/user/"$uid"/refit /dev/shm/refit-"$uid" /run/refit-"$uid"; do
        "$1" && return 0
    done
    return 1
}

# Becomes the agent in $d, where it is whole, ours, and nobody else may write it.
start() {
    f=$d/agent-$hash
    [ -f "$f" ] && [ -x "$f" ] && [ -O "$f" ] && [ ! -h "$f" ] && [ -O "$d" ] && [ ! -h "$d" ] || return 1
    l=$(ls -ldn "$d" "$f") || return 1
    case $l in d????-??-*"$nl"-????-??-*) ;; *) return 1 ;; esac
    set -- ${l#*"$nl"}
    [ "$5" = "$size" ] || return 1
    echo "$T run $f"
    exec "$f"
}

# Whether $d can take the agent: ours, with room, and programs may run there. Says why not in $why.
usable() {
    why="$why, $d: "
    made=$( (umask 077; mkdir -p "$d") 2>&1) || { why="$why${made##*: }"; return 1; }
    ours "$d" || { why="${why}others may write there"; return 1; }
    p=$d/.probe-$T
    made=$( (umask 077; printf '#!/bin/sh\nexit 0\n' >"$p"; chmod 700 "$p") 2>&1) || {
        why="$why${made##*: }"
        rm -f "$p"
        return 1
    }
    "$p" </dev/null >/dev/null 2>&1
    made=$?
    rm -f "$p"
    [ "$made" = 0 ] || { why="${why}programs may not run there (noexec)"; return 1; }
    set -- $(df -Pk "$d" 2>/dev/null | tail -n 1)
    case ${4:-x} in
    *[!0-9]*) ;;
    *) [ "$4" -gt "$((size / 1024 + 64))" ] || { why="$why$4 KiB free, $((size / 1024 + 64)) needed"; return 1; } ;;
    esac
}

# The next $1 bytes of standard input and no more.
take() {
    if [ "$(echo ab | head -c 1 2>/dev/null)" = a ]; then head -c "$1"; else dd bs=1 count="$1" 2>/dev/null; fi
}

[ @FRESH@ = 1 ] || each start
why=
each usable || fail nowhere "${why#, }"
if command -v gzip >/dev/null 2>&1; then packing=gzip; else packing=none; fi
echo "$T need $machine $packing"
t=$d/.agent-$T
if [ $packing = gzip ]; then
    said=$( (umask 077; take "$packed" | gzip -dc >"$t") 2>&1)
else
    said=$( (umask 077; take "$size" >"$t") 2>&1)
fi || { rm -f "$t"; fail write "$d: ${said:-it could not be written}"; }
[ "$(($(wc -c <"$t")))" = "$size" ] || { rm -f "$t"; fail write "$d: it came incomplete, or the disk is full"; }
if command -v sha256sum >/dev/null 2>&1; then
    case $(sha256sum <"$t") in "$hash"*) ;; *) rm -f "$t"; fail write "$d: its SHA-256 is wrong" ;; esac
fi
said=$( (chmod 700 "$t" && mv -f "$t" "$d/agent-$hash") 2>&1) || { rm -f "$t"; fail write "$d: $said"; }
# What other versions left, and uploads that were cut.
find "$d" -name 'agent-*' -type f -atime +30 -exec rm -f {} \; 2>/dev/null
find "$d" -name '.agent-*' -type f -mtime +1 -exec rm -f {} \; 2>/dev/null
start || fail write "$d: the agent was written and is not to be found"
}
