# SPDX-License-Identifier: GPL-2.0-or-later
# Completion of vfioctl for bash. vfioctl itself knows all candidates.

_vfioctl() {
    local line=${COMP_LINE:0:COMP_POINT} words candidates kept
    read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    local current=${words[-1]}

    mapfile -t candidates < <(vfioctl complete "${words[@]:1}" 2>/dev/null | cut -f 1)
    case ${candidates[0]-} in
        :files) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        :commands) mapfile -t COMPREPLY < <(compgen -c -- "$current"); return ;;
    esac
    # bash replaces only what is behind the last ':' or '='.
    kept=
    [[ $current == *[$COMP_WORDBREAKS]* ]] && kept=${current%"${current##*[$COMP_WORDBREAKS]}"}
    COMPREPLY=("${candidates[@]#"$kept"}")
    [[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace 2>/dev/null
    return 0
}

complete -F _vfioctl vfioctl
