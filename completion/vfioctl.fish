# SPDX-License-Identifier: GPL-2.0-or-later
# Completion of vfioctl for fish. vfioctl itself knows all candidates.

function __vfioctl_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l lines (vfioctl complete $words[2..-1] 2>/dev/null)
    switch "$lines[1]"
        case ':files'
            __fish_complete_path (commandline -ct)
        case ':commands'
            __fish_complete_command
        case '*'
            printf '%s\n' $lines
    end
end

complete -c vfioctl -f -a '(__vfioctl_complete)'
