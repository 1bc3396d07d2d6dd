//! Numbers of one type as those of another.

/// A count of things in memory as a 64-bit number, which holds it on every machine that there is.
pub(crate) fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// A count as a floating-point number, for rates and plots.
#[expect(clippy::cast_precision_loss, reason = "no report shows more than 15 digits")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}
