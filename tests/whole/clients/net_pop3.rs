//! Perl's Net::POP3.

use super::{Client, Job, drains_the_daemon, drains_try, lf};
use crate::harness::messages::LONGEST_LINE;

const NET_POP3: Client = Client { needs: "perl", longest_line: LONGEST_LINE, drain, stores: lf };

const SCRIPT: &str = r#"
use strict; use warnings; use Net::POP3;
my ($port, $user, $password, $keep) = @ARGV;
mkdir "stored" or die "stored: $!";
my $pop = Net::POP3->new("127.0.0.1", Port => $port, Timeout => 30) or die "connect: $@";
my $count = $pop->login($user, $password);
defined $count or die "login: " . $pop->message;
my $sizes = $pop->list;
keys %$sizes == $count && keys %{$pop->uidl} == $count or die "LIST, UIDL and STAT differ";
for my $number (1 .. $count) {
    my $lines = $pop->get($number) or die "RETR $number: " . $pop->message;
    open my $out, ">:raw", "stored/$number" or die "stored/$number: $!";
    print $out @$lines;
    close $out or die "stored/$number: $!";
    $keep eq "keep" or $pop->delete($number) or die "DELE $number: " . $pop->message;
}
$pop->quit or die "QUIT: " . $pop->message;
"#;

fn drain(job: &Job) -> Vec<Vec<u8>> {
    let account = job.account;
    let keep = if job.keep { "keep" } else { "delete" };
    job.run("perl", ["-e", SCRIPT, &account.port.to_string(), &account.user, &account.password, keep]);
    job.stored_in("stored")
}

#[test]
fn net_pop3_drains_the_daemon() {
    drains_the_daemon(&NET_POP3);
}

#[test]
fn net_pop3_drains_try() {
    drains_try(&NET_POP3);
}
