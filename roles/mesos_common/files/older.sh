# older.sh PID... -- FILE...: prints the processes that were started before the newest of the files, or the link by which it is
# named, was put where it is. All times are of this host's own clock, and finer than a second: a process is often started
# within the second in which its files were installed.
pids=
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    pids="$pids $1"
    shift
done
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || exit 0
newest=$({ stat -c %.3Z -- "$@"; stat -L -c %.3Z -- "$@"; } 2>/dev/null | sort -n | tail -n 1)
[ -n "$newest" ] || exit 0
ticks=$(getconf CLK_TCK)
for pid in $pids; do
    # What comes after the name, which may have spaces and parentheses: the twentieth of that is the start, in ticks since boot.
    start=$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | cut -d ' ' -f 20)
    [ -n "$start" ] || continue
    now=$(date +%s.%N)
    awk -v now="$now" -v start="$start" -v ticks="$ticks" -v newest="$newest" -v pid="$pid" \
        '{ if (now - $1 + start / ticks < newest) print pid }' /proc/uptime
done
