complete -c mpopdstats -s c -d 'Read this configuration file; its user_log_dir says where the users\' logs are' -r -F
complete -c mpopdstats -l log -d 'Read mpopd\'s own log (debug_log) and tell of all users in it; - is standard input' -r -F
complete -c mpopdstats -l html -d 'Write a page with plots to this file' -r -F
complete -c mpopdstats -l all -d 'Tell of all users who have a log of their own, whoever fetched most first'
complete -c mpopdstats -l json -d 'Print the figures as JSON'
complete -c mpopdstats -s h -l help -d 'Print help'
complete -c mpopdstats -s V -l version -d 'Print version'
