complete -c mpopd_test -s h -l host -d 'Host name or address of the server' -r
complete -c mpopd_test -s n -l port -d 'Port of the server (default: 110, or 995 with --tls pop3s)' -r
complete -c mpopd_test -s u -l user -d 'Log in as this user' -r
complete -c mpopd_test -s p -l password -d 'Password for all users without one of their own' -r
complete -c mpopd_test -s i -l interval -d 'Pause between two sessions of a connection (default: 1, or 0 in a load test)' -r
complete -c mpopd_test -l connections -d 'Number of concurrent connections (default: 1, or at most 1000 with --rate)' -r
complete -c mpopd_test -l rate -d 'Begin this many sessions per second, however fast the server is; times count from when a session was due' -r
complete -c mpopd_test -l duration -d 'Begin sessions for this long (default: 10 without --count; in drain mode, until each user has had a session)' -r
complete -c mpopd_test -l count -d 'Number of sessions to begin' -r
complete -c mpopd_test -l mode -d 'What each session does' -r -f -a "login\t'Nothing more: USER, PASS, STAT, QUIT'
list\t'LIST and UIDL'
retr\t'LIST, UIDL and RETR of each message'
drain\t'The same and DELE of each message; accounts for every message once over the whole run'"
complete -c mpopd_test -l users -d 'Log in as many users: a pattern like \'u%d:0-99\', or a file with one `user` or `user:password` per line' -r
complete -c mpopd_test -l messages -d 'Maximum number of messages to download per session; with --fill, the number to write (default: 50)' -r
complete -c mpopd_test -l tls -d 'Use TLS, either after STLS or from the start' -r -f -a "none\t'No TLS'
stls\t'TLS after STLS (RFC 2595, section 4)'
pop3s\t'TLS from the start (RFC 8314, section 3.3)'"
complete -c mpopd_test -l threads -d 'Number of threads; one keeps up with most servers' -r
complete -c mpopd_test -l timeout -d 'How long the server may stay silent' -r
complete -c mpopd_test -l verify -d 'Compare each message with this mbox or Maildir; %u stands for the user\'s name' -r
complete -c mpopd_test -l pid -d 'Report CPU and memory of a local server: this process and its descendants' -r
complete -c mpopd_test -l html -d 'Write an HTML page with plots' -r -F
complete -c mpopd_test -l fill -d 'Only make a mailbox, or with --users one per user below DIR; FORMAT is mbox or maildir' -r
complete -c mpopd_test -l seed -d 'Seed: the same number always makes the same mailboxes' -r
complete -c mpopd_test -l size -d 'Median message size in octets' -r
complete -c mpopd_test -l pipeline -d 'Send up to 32 commands at once'
complete -c mpopd_test -l no-check -d 'Do not check octet counts and line ends, and send no LIST before RETR'
complete -c mpopd_test -l json -d 'Print the summary as JSON'
complete -c mpopd_test -l help -d 'Print help'
complete -c mpopd_test -s V -l version -d 'Print version'
