complete -c mpopdstats -s c -d 'Configuration file, whose user_log_dir is the folder of the users\' logs' -r -F
complete -c mpopdstats -l log -d 'Report on all users in this log of mpopd itself (debug_log); - is standard input' -r -F
complete -c mpopdstats -l html -d 'Also write the report as an HTML page with plots' -r -F
complete -c mpopdstats -l all -d 'Report on all users who have their own log, ordered by bytes fetched'
complete -c mpopdstats -l json -d 'Print the report as JSON'
complete -c mpopdstats -s h -l help -d 'Print help'
complete -c mpopdstats -s V -l version -d 'Print version'
