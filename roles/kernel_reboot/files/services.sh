#!/bin/sh
# Says "running NAME" for each service that runs, and that is enabled (so that it is meant to run after a boot, too) or
# given as an argument; and "failed NAME" for each unit that has failed. Only reads.
export LC_ALL=C
systemctl list-units --type=service --state=running --plain --no-legend --no-pager |
    while read -r unit rest; do
        case " $* " in *" $unit "*) echo "running $unit" && continue ;; esac
        case $(systemctl is-enabled "$unit" 2>/dev/null) in
        enabled | enabled-runtime | generated | linked | alias) echo "running $unit" ;;
        esac
    done
systemctl list-units --state=failed --plain --no-legend --no-pager | while read -r unit rest; do echo "failed $unit"; done
