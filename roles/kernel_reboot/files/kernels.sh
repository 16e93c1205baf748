#!/bin/sh
# Says, as one JSON object, which kernel runs, which are installed, which one the boot loader will start next and why,
# and what on this host asks for a reboot. It only reads. POSIX sh and awk, so that it runs wherever sshd does.
#
# A boot loader's answer has:
#   kind       grub, systemd-boot or none
#   file       what was read
#   chosen_by  the setting that chooses the entry, and its value
#   entry      the chosen entry, as the boot loader's own default would be written (ids joined with >)
#   title      its title
#   kernel     the version it starts, as `uname -r` will say it; empty where that can't be told
#   problem    why it can't be told, or what is odd about the choice
#   entries    all entries with a kernel: entry, title, kernel
export LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin

json_string() { # stdin, as a JSON string
    awk 'BEGIN { printf "\"" }
        { gsub(/\\/, "\\\\"); gsub(/"/, "\\\""); gsub(/\t/, "\\t"); gsub(/[\001-\037]/, " ")
          printf "%s%s", (NR > 1 ? "\\n" : ""), $0 }
        END { printf "\"" }'
}
json_list() { # stdin, a string a line
    printf '['
    separator=
    while IFS= read -r line; do
        [ -n "$line" ] || continue
        printf '%s' "$separator"
        printf '%s\n' "$line" | json_string
        separator=,
    done
    printf ']'
}
field() { # NAME VALUE
    printf '"%s": ' "$1"
    printf '%s\n' "$2" | json_string
    printf ', '
}

# Kernels with an image and modules: those that a boot loader can start to some purpose.
installed() {
    for image in /boot/vmlinuz-* /boot/vmlinux-* /lib/modules/*/vmlinuz; do
        [ -f "$image" ] || continue
        case $image in
        /lib/modules/*) version=${image#/lib/modules/} version=${version%/vmlinuz} ;;
        *) version=${image##*/} version=${version#vmlinu[xz]-} ;;
        esac
        case $version in *rescue* | *.old | *.bak | *.dpkg-*) continue ;; esac
        echo "$version"
    done | sort -uV
}

# The flavour in a release, as -cloud-amd64 of 6.1.0-42-cloud-amd64; nothing where releases have none.
flavour() {
    echo "$1" | sed -nE 's/^[0-9][^-]*(-[0-9][^-]*)*(-[a-z].*)$/\2/p'
}

# The newest of the installed kernels that is of the same flavour as the running one.
newest() { # RUNNING
    own=$(flavour "$1")
    installed | while IFS= read -r version; do
        [ "$(flavour "$version")" != "$own" ] || echo "$version"
    done | tail -n 1
}

# The value of a variable in GRUB's environment block.
grub_env() { # FILE NAME
    [ -f "$1" ] && sed -n "s/^$2=//p" "$1" | tail -n 1
}

# Of grub.cfg: "default VALUE" for each place that sets the default entry, and
# "entry NUMBERS IDS TITLE IMAGE KIND", tab-separated, for each menu entry; NUMBERS and IDS are paths through submenus.
grub_menu() {
    awk '
    function unquoted(text,   quote, out, c, i) { # the first shell word of text
        out = ""; quote = ""
        for (i = 1; i <= length(text); i++) {
            c = substr(text, i, 1)
            if (quote == "" && (c == " " || c == "\t")) break
            if (quote == "" && (c == "'\''" || c == "\"")) { quote = c; continue }
            if (quote != "" && c == quote) { quote = ""; continue }
            if (c == "\\" && quote != "'\''") { i++; c = substr(text, i, 1) }
            out = out c
        }
        return out
    }
    function id_of(line, title,   at) {
        at = match(line, /(\$menuentry_id_option|\$\{menuentry_id_option\}|--id)[ \t=]+/)
        return at ? unquoted(substr(line, RSTART + RLENGTH)) : title
    }
    /^[ \t]*(menuentry|submenu)[ \t]/ {
        kind = $1
        rest = $0; sub(/^[ \t]*(menuentry|submenu)[ \t]+/, "", rest)
        title = unquoted(rest)
        number = (menus ? numbers[menus] ">" : "") (count[menus] + 0)
        id = (menus ? ids[menus] ">" : "") id_of(rest, title)
        count[menus]++
        depth++
        opened[depth] = kind
        if (kind == "submenu") { menus++; numbers[menus] = number; ids[menus] = id; count[menus] = 0
            printf "entry\t%s\t%s\t%s\t\tsubmenu\n", number, id, title }
        else { here = number "\t" id "\t" title; image = "" }
        next
    }
    /\{[ \t]*$/ { depth++; opened[depth] = "other"; next }
    /^[ \t]*\}/ {
        if (depth > 0) {
            if (opened[depth] == "menuentry") { printf "entry\t%s\t%s\tmenuentry\n", here, image; here = "" }
            if (opened[depth] == "submenu") menus--
            depth--
        }
        next
    }
    here != "" && image == "" && /^[ \t]*linux(16|efi)?[ \t]/ { image = unquoted($2) }
    depth == 0 && /^[ \t]*(set[ \t]+)?default=/ {
        value = $0; sub(/^[^=]*=/, "", value)
        printf "default\t%s\n", unquoted(value)
    }
    depth == 0 && /^[ \t]*blscfg/ { print "blscfg" }
    ' "$1"
}

# Entries by the Boot Loader Specification, which GRUB shows newest first, in the form of grub_menu.
bls_menu() {
    number=0
    for entry in $(ls /boot/loader/entries/*.conf 2>/dev/null | sort -rV); do
        id=${entry##*/} id=${id%.conf}
        title=$(sed -n 's/^title[[:space:]]*//p' "$entry" | head -n 1)
        image=$(sed -n 's/^linux[[:space:]]*//p' "$entry" | head -n 1)
        printf 'entry\t%s\t%s\t%s\t%s\tmenuentry\n' "$number" "$id" "$title" "$image"
        number=$((number + 1))
    done
}

# The version of a kernel image, by its name; a link such as /vmlinuz is followed.
version_of() {
    [ -n "$1" ] || return 0
    image=$1
    for there in "$1" "/boot$1"; do
        if [ -L "$there" ]; then image=$(readlink -f "$there") && break; fi
    done
    case ${image##*/} in
    vmlinuz-* | vmlinux-* | kernel-* | bzImage-*) image=${image##*/} && echo "${image#*-}" ;;
    linux) image=${image%/*} && echo "${image##*/}" ;; # MACHINE-ID/VERSION/linux
    esac
}

grub() { # CONFIGURATION
    config=$1
    environment=${config%/*}/grubenv
    menu=$(grub_menu "$config")
    case $menu in *blscfg*) menu=$menu$(echo && bls_menu) ;; esac
    problem='' chosen_by='' wanted=''

    next=$(grub_env "$environment" next_entry)
    default=$(printf '%s\n' "$menu" | awk -F '\t' '$1 == "default" && $2 !~ /next_entry/ { last = $2 } END { print last }')
    once=$(printf '%s\n' "$menu" | awk -F '\t' '$1 == "default" && $2 ~ /next_entry/ { print "yes"; exit }')
    if [ -n "$next" ] && [ -n "$once" ]; then
        wanted=$next chosen_by="next_entry=$next in $environment (for the next boot only)"
    else
        case $default in
        '') wanted=0 chosen_by="no default in $config, so the first entry" ;;
        '${saved_entry}' | '$saved_entry')
            wanted=$(grub_env "$environment" saved_entry)
            chosen_by="saved_entry=$wanted in $environment"
            [ -n "$wanted" ] || { wanted=0 chosen_by="no saved_entry in $environment, so the first entry"; }
            ;;
        *'$'*) problem="$config computes the default entry ($default), which can't be followed" ;;
        *) wanted=$default chosen_by="default=\"$default\" in $config" ;;
        esac
    fi
    for file in "${config%/*}/custom.cfg"; do
        if [ -f "$file" ] && grep -Eq '^[[:space:]]*(set[[:space:]]+)?(default|saved_entry)=' "$file"; then
            problem="$file sets the default entry, too, which can't be followed" wanted=''
        fi
    done

    # An entry is named by its number, id or title, a path through submenus with >; an entry that is not there means the
    # first one, and a submenu means the first of its entries.
    found=''
    if [ -n "$wanted" ]; then
        found=$(printf '%s\n' "$menu" | awk -F '\t' -v wanted="$wanted" '
            $1 == "entry" { total++; number[total] = $2; id[total] = $3; title[total] = $4; image[total] = $5; kind[total] = $6
                of[$2] = total }
            function matches(at, segment,   own) {
                own = id[at]; sub(/^.*>/, "", own)
                return segment == own || segment == title[at]
            }
            function find(path,   segments, s, i, prefix, hit, n) {
                for (i = 1; i <= total; i++) if (id[i] == path && number[i] !~ />/) return i
                n = split(path, segments, ">"); prefix = ""; hit = 0
                for (s = 1; s <= n; s++) {
                    hit = 0
                    for (i = 1; i <= total && !hit; i++) {
                        rest = number[i]
                        if (prefix != "") { if (index(rest, prefix ">") != 1) continue; rest = substr(rest, length(prefix) + 2) }
                        if (rest ~ />/) continue
                        if (segments[s] ~ /^[0-9]+$/ ? rest == segments[s] : matches(i, segments[s])) hit = i
                    }
                    if (!hit) return 0
                    prefix = number[hit]
                }
                return hit
            }
            END {
                at = find(wanted); how = ""
                if (!at) { how = "missing"; at = of["0"] }
                while (at && kind[at] == "submenu") at = of[number[at] ">0"]
                if (at) printf "%s\t%s\t%s\t%s\n", id[at], title[at], image[at], how
            }')
        [ -n "$found" ] || problem="$config has no menu entry that would be started"
    fi
    tab=$(printf '\t')
    rest=$found
    entry=${rest%%"$tab"*} rest=${rest#*"$tab"}
    title=${rest%%"$tab"*} rest=${rest#*"$tab"}
    image=${rest%%"$tab"*} how=${rest#*"$tab"}
    kernel=$(version_of "$image")
    if [ -n "$found" ]; then
        [ "$how" != missing ] || problem="there is no entry '$wanted' in $config, so that the first one is started"
        [ -n "$kernel" ] || problem="the entry '$title' starts ${image:-no Linux kernel}, whose version can't be told"
    fi
    printf '{'
    field kind grub
    field file "$config"
    field chosen_by "$chosen_by"
    field entry "$entry"
    field title "$title"
    field kernel "$kernel"
    field problem "$problem"
    printf '"entries": ['
    printf '%s\n' "$menu" | grep '^entry' | grep 'menuentry$' | { separator=
        while IFS= read -r line; do
            id=$(printf '%s' "$line" | cut -f 3) title=$(printf '%s' "$line" | cut -f 4)
            kernel=$(version_of "$(printf '%s' "$line" | cut -f 5)")
            [ -n "$kernel" ] || continue
            printf '%s{' "$separator"
            separator=', '
            field entry "$id"
            field title "$title"
            printf '"kernel": '
            printf '%s\n' "$kernel" | json_string
            printf '}'
        done; }
    printf ']}'
}

# systemd-boot itself is asked: bootctl knows the firmware's variables, and what its entries are sorted by.
systemd_boot() {
    entries=$(bootctl list --json=short --no-pager 2>/dev/null)
    case $entries in '['*) ;; *) entries= ;; esac
    printf '{'
    field kind systemd-boot
    field file "$1"
    printf '"bootctl": %s, ' "${entries:-[]}"
    problem=
    [ -n "$entries" ] || problem="bootctl list tells no entries"
    printf '"problem": '
    printf '%s\n' "$problem" | json_string
    printf '}'
}

loader() {
    for variable in /sys/firmware/efi/efivars/LoaderInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f; do
        if [ -f "$variable" ] && tr -d '\000' <"$variable" 2>/dev/null | grep -q systemd-boot; then
            systemd_boot "the firmware's variable LoaderInfo"
            return
        fi
    done
    for config in /boot/grub/grub.cfg /boot/grub2/grub.cfg /boot/efi/EFI/*/grub.cfg; do
        [ -f "$config" ] && grep -Eq '^[[:space:]]*(menuentry|submenu|blscfg)' "$config" || continue
        grub "$config"
        return
    done
    for config in /efi/loader/loader.conf /boot/efi/loader/loader.conf /boot/loader/loader.conf; do
        [ -f "$config" ] && command -v bootctl >/dev/null || continue
        systemd_boot "$config"
        return
    done
    printf '{'
    field kind none
    printf '"problem": "neither a grub.cfg with a menu below /boot nor a loader.conf of systemd-boot"}'
}

running=$(uname -r)
package=linux-image-$running
packaged=
if command -v dpkg-query >/dev/null; then
    packaged=$(dpkg-query -W -f '${db:Status-Abbrev} ${Version}\n' "$package" 2>/dev/null | sed -n 's/^.i. *//p')
fi
required=
for file in /run/reboot-required /var/run/reboot-required; do
    [ -e "$file" ] && required=$file && break
done
restarting=
if command -v needs-restarting >/dev/null; then
    needs-restarting -r >/dev/null 2>&1
    [ $? != 1 ] || restarting="needs-restarting -r"
fi

printf '{'
printf '"root": %s, ' "$([ "$(id -u)" = 0 ] && echo true || echo false)"
field boot_id "$(cat /proc/sys/kernel/random/boot_id 2>/dev/null)"
field running "$running"
# Debian says in `uname -v` which build of the package it is: a new build may keep the release.
field running_build "$(uname -v | sed -n 's/^.*Debian \([^ ]*\) .*$/\1/p')"
field package "$package"
field package_version "$packaged"
field container "$(systemd-detect-virt --container 2>/dev/null | grep -v '^none$')"
field init "$(cat /proc/1/comm 2>/dev/null)"
field reboot_required "$required"
printf '"reboot_required_packages": '
cat "$required.pkgs" 2>/dev/null | sort -u | json_list
printf ', '
field needs_restarting "$restarting"
field newest "$(newest "$running")"
printf '"dpkg": %s, ' "$(command -v dpkg-query >/dev/null && echo true || echo false)"
printf '"installed": '
installed | json_list
printf ', "loader": '
loader
printf '}\n'
