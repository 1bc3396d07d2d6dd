//! What can be checked of a body without knowing what it should be.

use memchr::memchr_iter;

use crate::numbers::wide;

/// Counts a body's octets and finds line ends other than CRLF.
#[derive(Debug, Default)]
pub(crate) struct WireCheck {
    /// Octets of content so far, without stuffed dots and the terminator: what LIST counts.
    pub(crate) octets: u64,
    /// The position of the first LF without a CR, from 0.
    pub(crate) bare_lf: Option<u64>,
    last: u8,
}

impl WireCheck {
    /// Takes the next run of content.
    pub(crate) fn take(&mut self, run: &[u8]) {
        let Some(&last) = run.last() else { return };
        if self.bare_lf.is_none() {
            self.bare_lf = memchr_iter(b'\n', run)
                .find(|&at| at.checked_sub(1).map_or(self.last, |before| run[before]) != b'\r')
                .map(|at| self.octets + wide(at));
        }
        self.octets += wide(run.len());
        self.last = last;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(runs: &[&[u8]]) -> WireCheck {
        let mut wire = WireCheck::default();
        for run in runs {
            wire.take(run);
        }
        wire
    }

    #[test]
    fn octets_are_counted_over_runs() {
        assert_eq!(wire(&[b"ab\r\n", b"", b"c\r\n"]).octets, 7);
    }

    #[test]
    fn a_bare_lf_is_found_and_a_crlf_in_two_runs_is_none() {
        assert_eq!(wire(&[b"ab\r", b"\nc\r\n"]).bare_lf, None);
        assert_eq!(wire(&[b"ab\r\n", b"c\nd\n"]).bare_lf, Some(5));
        assert_eq!(wire(&[b"ab", b"\n"]).bare_lf, Some(2));
        assert_eq!(wire(&[b"\n"]).bare_lf, Some(0));
    }
}
