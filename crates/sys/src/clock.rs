//! The machine's time zone.

/// The offset of local time from UTC at a moment, in seconds east (localtime_r(3)). The moment is in seconds
/// since 1970. 0 if the time zone is unknown.
pub fn utc_offset(moment: i64) -> i32 {
    // SAFETY: tm is a plain C struct of integers and a pointer, for which all-zero is valid.
    let mut local: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to live values of the right types. `tm_zone` is not used.
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
