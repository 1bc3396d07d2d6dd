# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_mpopd_global_optspecs
    string join \n c= F t print-config inetd h/help V/version
end

function __fish_mpopd_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_mpopd_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_mpopd_using_subcommand
    set -l cmd (__fish_mpopd_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c mpopd -n "__fish_mpopd_needs_command" -s c -d 'Read this configuration file' -r -F
complete -c mpopd -n "__fish_mpopd_needs_command" -s F -d 'Stay in the foreground and log to standard error'
complete -c mpopd -n "__fish_mpopd_needs_command" -s t -d 'Check the configuration and the files it names, then exit'
complete -c mpopd -n "__fish_mpopd_needs_command" -l print-config -d 'Print the settings in force, then exit'
complete -c mpopd -n "__fish_mpopd_needs_command" -l inetd -d 'Serve one client on descriptor 0, as inetd(8) starts servers'
complete -c mpopd -n "__fish_mpopd_needs_command" -s h -l help -d 'Print help'
complete -c mpopd -n "__fish_mpopd_needs_command" -s V -l version -d 'Print version'
complete -c mpopd -n "__fish_mpopd_needs_command" -a "try" -d 'Serve one mailbox for one user, without a configuration and without root'
complete -c mpopd -n "__fish_mpopd_needs_command" -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mpopd -n "__fish_mpopd_using_subcommand try" -l listen -d 'Listen on this address; port 0 takes any free port' -r
complete -c mpopd -n "__fish_mpopd_using_subcommand try" -l user -d 'The user\'s name' -r
complete -c mpopd -n "__fish_mpopd_using_subcommand try" -l password -d 'The user\'s password; a random one without this option' -r
complete -c mpopd -n "__fish_mpopd_using_subcommand try" -l tls -d 'Offer STLS, and TLS from the start on port 8995, with a certificate made for this run'
complete -c mpopd -n "__fish_mpopd_using_subcommand try" -s h -l help -d 'Print help'
complete -c mpopd -n "__fish_mpopd_using_subcommand help; and not __fish_seen_subcommand_from try help" -f -a "try" -d 'Serve one mailbox for one user, without a configuration and without root'
complete -c mpopd -n "__fish_mpopd_using_subcommand help; and not __fish_seen_subcommand_from try help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
