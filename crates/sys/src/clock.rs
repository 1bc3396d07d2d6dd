//! The machine's time zone.

/// How far local time was ahead of UTC at a moment, in seconds east; the moment in seconds since 1970 (localtime_r(3)).
/// 0 where the time zone does not say.
pub fn utc_offset(moment: i64) -> i32 {
    // SAFETY: tm is a plain C struct of integers and a pointer, for which all-zero is valid.
    let mut local: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to live values of the right types. What `tm_zone` points to is not used.
    let done = unsafe { libc::localtime_r(&raw const moment, &raw mut local) };
    if done.is_null() { 0 } else { i32::try_from(local.tm_gmtoff).unwrap_or(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_those_of_some_place_on_earth() {
        for moment in [0, 1_700_000_000, -1_000_000_000, i64::MAX] {
            assert!((-86_400..=86_400).contains(&utc_offset(moment)), "{moment}");
        }
    }
}
