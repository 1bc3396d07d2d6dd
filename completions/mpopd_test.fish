complete -c mpopd_test -s h -l host -d 'The server\'s name or address' -r
complete -c mpopd_test -s n -l port -d 'Its port; without it 110, or 995 with --tls pop3s' -r
complete -c mpopd_test -s u -l user -d 'Log in as this user' -r
complete -c mpopd_test -s p -l password -d 'The password, of all users that have no other' -r
complete -c mpopd_test -s i -l interval -d 'Rest between two sessions of a connection; without it 1, or 0 in a load test' -r
complete -c mpopd_test -l connections -d 'So many connections at a time' -r
complete -c mpopd_test -l rate -d 'Begin so many sessions a second, whatever the server does; times count from when a session was due' -r
complete -c mpopd_test -l duration -d 'Begin sessions for so many seconds; without it and --count 10, in drain mode until all users had a session' -r
complete -c mpopd_test -l count -d 'Begin so many sessions' -r
complete -c mpopd_test -l mode -d 'What a session does' -r -f -a "login\t'Nothing more: USER, PASS, STAT, QUIT'
list\t'LIST and UIDL'
retr\t'LIST, UIDL and RETR of each message'
drain\t'The same and DELE of each message; accounts for every message once over the whole run'"
complete -c mpopd_test -l users -d 'Many users: a pattern like \'u%d:0-99\', or a file with a line `user` or `user:password` each' -r
complete -c mpopd_test -l messages -d 'Download at most so many messages a session; with --fill, write so many' -r
complete -c mpopd_test -l tls -d 'Speak TLS: after STLS, or from the start' -r -f -a "none\t''
stls\t''
pop3s\t''"
complete -c mpopd_test -l threads -d 'Threads; one keeps up with most servers' -r
complete -c mpopd_test -l timeout -d 'How long the server may be silent' -r
complete -c mpopd_test -l verify -d 'Compare each message with this mbox or Maildir; %u stands for the user\'s name' -r
complete -c mpopd_test -l pid -d 'Tell the CPU and memory of a local server: this process and its descendants' -r
complete -c mpopd_test -l html -d 'Write a page with plots' -r -F
complete -c mpopd_test -l fill -d 'Make a mailbox, or with --users one for each user below DIR, and end; FORMAT is mbox or maildir' -r
complete -c mpopd_test -l seed -d 'The same number makes the same mailboxes' -r
complete -c mpopd_test -l size -d 'Half of the messages are smaller than this, in octets' -r
complete -c mpopd_test -l pipeline -d 'Send up to 32 commands at a time'
complete -c mpopd_test -l no-check -d 'Take messages as they come: no octet counts, no line ends, no LIST before RETR'
complete -c mpopd_test -l json -d 'Print the summary as JSON'
complete -c mpopd_test -l help -d 'Print help'
complete -c mpopd_test -s V -l version -d 'Print version'
