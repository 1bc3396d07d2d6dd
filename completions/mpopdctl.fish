# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_mpopdctl_global_optspecs
    string join \n c= f p= e h/help V/version
end

function __fish_mpopdctl_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_mpopdctl_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_mpopdctl_using_subcommand
    set -l cmd (__fish_mpopdctl_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c mpopdctl -n "__fish_mpopdctl_needs_command" -s c -d 'Read this configuration file' -r -F
complete -c mpopdctl -n "__fish_mpopdctl_needs_command" -s p -d 'Listen on this port instead of the one in the file (start, restart)' -r
complete -c mpopdctl -n "__fish_mpopdctl_needs_command" -s f -d 'Remove the pid file that a killed daemon left behind (start, restart)'
complete -c mpopdctl -n "__fish_mpopdctl_needs_command" -s e -d 'Edit the configuration first (config)'
complete -c mpopdctl -n "__fish_mpopdctl_needs_command" -s h -l help -d 'Print help'
complete -c mpopdctl -n "__fish_mpopdctl_needs_command" -s V -l version -d 'Print version'
complete -c mpopdctl -n "__fish_mpopdctl_needs_command" -f -a "start" -d 'Start the daemon, and return when it accepts connections'
complete -c mpopdctl -n "__fish_mpopdctl_needs_command" -f -a "stop" -d 'Stop the daemon, and return when it is gone'
complete -c mpopdctl -n "__fish_mpopdctl_needs_command" -f -a "restart" -d 'Stop the daemon, and start it again on the same port'
complete -c mpopdctl -n "__fish_mpopdctl_needs_command" -f -a "refresh" -d 'Close all sessions, reload the configuration and bind the ports again'
complete -c mpopdctl -n "__fish_mpopdctl_needs_command" -f -a "config" -d 'Reload the configuration for sessions that start later'
complete -c mpopdctl -n "__fish_mpopdctl_needs_command" -f -a "reopen-logs" -d 'Close and reopen the log files'
complete -c mpopdctl -n "__fish_mpopdctl_needs_command" -f -a "status" -d 'Show version, ports, uptime and statistics of the daemon'
complete -c mpopdctl -n "__fish_mpopdctl_needs_command" -f -a "who" -d 'List the connections'
complete -c mpopdctl -n "__fish_mpopdctl_needs_command" -f -a "kick" -d 'End the sessions of a user, or one session, without their deletions'
complete -c mpopdctl -n "__fish_mpopdctl_needs_command" -f -a "upgrade" -d 'Let the installed mpopd take over from the running one. No client is refused, and running sessions continue'
complete -c mpopdctl -n "__fish_mpopdctl_needs_command" -f -a "top" -d 'Watch sessions, rates and failures; q quits'
complete -c mpopdctl -n "__fish_mpopdctl_needs_command" -f -a "check" -d 'Check the configuration and the files that it names'
complete -c mpopdctl -n "__fish_mpopdctl_needs_command" -f -a "check-migration" -d 'Compare the UIDLs of a maildrop from another server with those of mpopd, and count the differences'
complete -c mpopdctl -n "__fish_mpopdctl_needs_command" -f -a "import" -d 'Convert a configuration of mpopd 2.x or Mail::POP3 3.x. Lines that you must check are marked CHECK'
complete -c mpopdctl -n "__fish_mpopdctl_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand start" -s c -d 'Read this configuration file' -r -F
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand start" -s p -d 'Listen on this port instead of the one in the file (start, restart)' -r
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand start" -s f -d 'Remove the pid file that a killed daemon left behind (start, restart)'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand start" -s e -d 'Edit the configuration first (config)'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand start" -s h -l help -d 'Print help'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand stop" -s c -d 'Read this configuration file' -r -F
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand stop" -s p -d 'Listen on this port instead of the one in the file (start, restart)' -r
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand stop" -s f -d 'Remove the pid file that a killed daemon left behind (start, restart)'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand stop" -s e -d 'Edit the configuration first (config)'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand stop" -s h -l help -d 'Print help'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand restart" -s c -d 'Read this configuration file' -r -F
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand restart" -s p -d 'Listen on this port instead of the one in the file (start, restart)' -r
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand restart" -s f -d 'Remove the pid file that a killed daemon left behind (start, restart)'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand restart" -s e -d 'Edit the configuration first (config)'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand restart" -s h -l help -d 'Print help'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand refresh" -s c -d 'Read this configuration file' -r -F
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand refresh" -s p -d 'Listen on this port instead of the one in the file (start, restart)' -r
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand refresh" -s f -d 'Remove the pid file that a killed daemon left behind (start, restart)'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand refresh" -s e -d 'Edit the configuration first (config)'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand refresh" -s h -l help -d 'Print help'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand config" -s c -d 'Read this configuration file' -r -F
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand config" -s p -d 'Listen on this port instead of the one in the file (start, restart)' -r
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand config" -s f -d 'Remove the pid file that a killed daemon left behind (start, restart)'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand config" -s e -d 'Edit the configuration first (config)'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand config" -s h -l help -d 'Print help'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand reopen-logs" -s c -d 'Read this configuration file' -r -F
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand reopen-logs" -s p -d 'Listen on this port instead of the one in the file (start, restart)' -r
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand reopen-logs" -s f -d 'Remove the pid file that a killed daemon left behind (start, restart)'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand reopen-logs" -s e -d 'Edit the configuration first (config)'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand reopen-logs" -s h -l help -d 'Print help'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand status" -s c -d 'Read this configuration file' -r -F
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand status" -s p -d 'Listen on this port instead of the one in the file (start, restart)' -r
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand status" -l json -d 'Print it as JSON'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand status" -s f -d 'Remove the pid file that a killed daemon left behind (start, restart)'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand status" -s e -d 'Edit the configuration first (config)'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand status" -s h -l help -d 'Print help'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand who" -s c -d 'Read this configuration file' -r -F
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand who" -s p -d 'Listen on this port instead of the one in the file (start, restart)' -r
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand who" -l json -d 'Print it as JSON'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand who" -s f -d 'Remove the pid file that a killed daemon left behind (start, restart)'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand who" -s e -d 'Edit the configuration first (config)'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand who" -s h -l help -d 'Print help'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand kick" -s c -d 'Read this configuration file' -r -F
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand kick" -s p -d 'Listen on this port instead of the one in the file (start, restart)' -r
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand kick" -s f -d 'Remove the pid file that a killed daemon left behind (start, restart)'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand kick" -s e -d 'Edit the configuration first (config)'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand kick" -s h -l help -d 'Print help'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand upgrade" -s c -d 'Read this configuration file' -r -F
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand upgrade" -s p -d 'Listen on this port instead of the one in the file (start, restart)' -r
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand upgrade" -s f -d 'Remove the pid file that a killed daemon left behind (start, restart)'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand upgrade" -s e -d 'Edit the configuration first (config)'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand upgrade" -s h -l help -d 'Print help'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand top" -s c -d 'Read this configuration file' -r -F
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand top" -s p -d 'Listen on this port instead of the one in the file (start, restart)' -r
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand top" -s f -d 'Remove the pid file that a killed daemon left behind (start, restart)'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand top" -s e -d 'Edit the configuration first (config)'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand top" -s h -l help -d 'Print help'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand check" -s c -d 'Read this configuration file' -r -F
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand check" -s p -d 'Listen on this port instead of the one in the file (start, restart)' -r
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand check" -s f -d 'Remove the pid file that a killed daemon left behind (start, restart)'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand check" -s e -d 'Edit the configuration first (config)'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand check" -s h -l help -d 'Print help'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand check-migration" -l from -d 'The former server, as in the setting uidl: dovecot, courier, qmail, a template ...' -r
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand check-migration" -l maildrop -d 'The user\'s maildrop, an mbox file or a Maildir; required for users that are not in passwd(5)' -r -F
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand check-migration" -s c -d 'Read this configuration file' -r -F
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand check-migration" -s p -d 'Listen on this port instead of the one in the file (start, restart)' -r
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand check-migration" -s f -d 'Remove the pid file that a killed daemon left behind (start, restart)'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand check-migration" -s e -d 'Edit the configuration first (config)'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand check-migration" -s h -l help -d 'Print help'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand import" -s o -d 'Write to this new file instead of standard output' -r -F
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand import" -s c -d 'Read this configuration file' -r -F
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand import" -s p -d 'Listen on this port instead of the one in the file (start, restart)' -r
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand import" -s f -d 'Remove the pid file that a killed daemon left behind (start, restart)'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand import" -s e -d 'Edit the configuration first (config)'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand import" -s h -l help -d 'Print help'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand help; and not __fish_seen_subcommand_from start stop restart refresh config reopen-logs status who kick upgrade top check check-migration import help" -f -a "start" -d 'Start the daemon, and return when it accepts connections'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand help; and not __fish_seen_subcommand_from start stop restart refresh config reopen-logs status who kick upgrade top check check-migration import help" -f -a "stop" -d 'Stop the daemon, and return when it is gone'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand help; and not __fish_seen_subcommand_from start stop restart refresh config reopen-logs status who kick upgrade top check check-migration import help" -f -a "restart" -d 'Stop the daemon, and start it again on the same port'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand help; and not __fish_seen_subcommand_from start stop restart refresh config reopen-logs status who kick upgrade top check check-migration import help" -f -a "refresh" -d 'Close all sessions, reload the configuration and bind the ports again'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand help; and not __fish_seen_subcommand_from start stop restart refresh config reopen-logs status who kick upgrade top check check-migration import help" -f -a "config" -d 'Reload the configuration for sessions that start later'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand help; and not __fish_seen_subcommand_from start stop restart refresh config reopen-logs status who kick upgrade top check check-migration import help" -f -a "reopen-logs" -d 'Close and reopen the log files'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand help; and not __fish_seen_subcommand_from start stop restart refresh config reopen-logs status who kick upgrade top check check-migration import help" -f -a "status" -d 'Show version, ports, uptime and statistics of the daemon'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand help; and not __fish_seen_subcommand_from start stop restart refresh config reopen-logs status who kick upgrade top check check-migration import help" -f -a "who" -d 'List the connections'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand help; and not __fish_seen_subcommand_from start stop restart refresh config reopen-logs status who kick upgrade top check check-migration import help" -f -a "kick" -d 'End the sessions of a user, or one session, without their deletions'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand help; and not __fish_seen_subcommand_from start stop restart refresh config reopen-logs status who kick upgrade top check check-migration import help" -f -a "upgrade" -d 'Let the installed mpopd take over from the running one. No client is refused, and running sessions continue'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand help; and not __fish_seen_subcommand_from start stop restart refresh config reopen-logs status who kick upgrade top check check-migration import help" -f -a "top" -d 'Watch sessions, rates and failures; q quits'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand help; and not __fish_seen_subcommand_from start stop restart refresh config reopen-logs status who kick upgrade top check check-migration import help" -f -a "check" -d 'Check the configuration and the files that it names'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand help; and not __fish_seen_subcommand_from start stop restart refresh config reopen-logs status who kick upgrade top check check-migration import help" -f -a "check-migration" -d 'Compare the UIDLs of a maildrop from another server with those of mpopd, and count the differences'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand help; and not __fish_seen_subcommand_from start stop restart refresh config reopen-logs status who kick upgrade top check check-migration import help" -f -a "import" -d 'Convert a configuration of mpopd 2.x or Mail::POP3 3.x. Lines that you must check are marked CHECK'
complete -c mpopdctl -n "__fish_mpopdctl_using_subcommand help; and not __fish_seen_subcommand_from start stop restart refresh config reopen-logs status who kick upgrade top check check-migration import help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
