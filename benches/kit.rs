//! What the micro-benchmarks share: each case is timed, and callgrind counts its instructions.
//!
//! A benchmark is a program (`harness = false`) whose `main` is one call of [`run`]. Without arguments, or
//! with those of `cargo bench`, it prints a line for each case:
//! `name<TAB>figure<TAB>unit<TAB>instructions<TAB>per what`. The time is that of the best of several rounds.
//! The count of instructions does not depend on what else the machine does; where valgrind is missing it is
//! `-`.

use std::process::Command;
use std::time::{Duration, Instant};

/// The least duration of a round, so that the resolution of the clock does not matter.
const ROUND: Duration = Duration::from_millis(50);
const ROUNDS: u32 = 7;

/// What one pass of a case works on.
#[allow(dead_code, reason = "a benchmark may have only one kind of work")]
pub(crate) enum Work {
    /// This number of octets; the figure is GB/s.
    Octets(usize),
    /// This number of operations; the figure is microseconds for one.
    Operations(usize),
}

/// One case: its name, and what makes its work and a pass over it. Each run makes them anew.
pub(crate) type Case = (&'static str, fn() -> (Work, Box<dyn FnMut()>));

/// Runs the cases of a benchmark.
pub(crate) fn run(cases: &[Case]) {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, flag, name, passes] = &arguments[..]
        && flag == "--passes-of"
    {
        let (_, make) = cases.iter().find(|(case, _)| case == name).expect("a case of this name");
        let (_, mut pass) = make();
        (0..passes.parse::<u32>().expect("a number of passes")).for_each(|_| pass());
        return;
    }
    for (name, make) in cases {
        let (work, mut pass) = make();
        let seconds = best(&mut pass);
        let (figure, unit, amount, per) = match work {
            Work::Octets(octets) => (float(octets) / seconds / 1e9, "GB/s", octets, "octet"),
            Work::Operations(count) => (seconds * 1e6 / float(count), "µs", count, "operation"),
        };
        let instructions =
            instructions(name).map_or("-".to_owned(), |count| format!("{:.3}", count / float(amount)));
        println!("{name}\t{figure:.3}\t{unit}\t{instructions}\t{per}");
    }
}

fn float(count: usize) -> f64 {
    f64::from(u32::try_from(count).expect("less than 4 GB of work"))
}

/// Seconds for one pass, in the fastest round.
fn best(pass: &mut dyn FnMut()) -> f64 {
    let mut passes = 1;
    loop {
        let taken = timed(pass, passes);
        if taken >= ROUND {
            break;
        }
        passes *= if taken < ROUND / 20 { 10 } else { 2 };
    }
    let rounds = (0..ROUNDS).map(|_| timed(pass, passes).as_secs_f64() / f64::from(passes));
    rounds.fold(f64::INFINITY, f64::min)
}

fn timed(pass: &mut dyn FnMut(), passes: u32) -> Duration {
    let began = Instant::now();
    (0..passes).for_each(|_| pass());
    began.elapsed()
}

/// Instructions of one pass: half the difference between three passes and one, so that making the case does
/// not count.
fn instructions(name: &str) -> Option<f64> {
    let count = |passes: &str| {
        let program = std::env::current_exe().ok()?;
        let valgrind = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(program)
            .args(["--passes-of", name, passes])
            .output()
            .ok()?;
        let printed = String::from_utf8_lossy(&valgrind.stderr).into_owned();
        let collected = printed.lines().find_map(|line| line.split_once("Collected : "))?.1;
        collected.trim().parse::<f64>().ok()
    };
    Some((count("3")? - count("1")?) / 2.0)
}
