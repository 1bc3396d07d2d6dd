//! Networks in CIDR form.

use ipnet::IpNet;

/// Parses `ADDRESS/BITS` (RFC 4632, section 3.1). Bits may be set behind the prefix.
///
/// No number may begin with a zero: some programs read `010` as ten, others as eight, and a rule must mean
/// the same to all. The parser of `ipnet` reads it as ten.
pub fn cidr(text: &str) -> Option<IpNet> {
    let (address, bits) = text.split_once('/')?;
    let digits = bits.bytes().all(|octet| octet.is_ascii_digit()) && (bits == "0" || !bits.starts_with('0'));
    let bits = bits.parse().ok().filter(|_| digits)?;
    IpNet::new(address.parse().ok()?, bits).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read() {
        for text in ["192.0.2.0/24", "0.0.0.0/0", "10.1.2.3/8", "2001:db8::/32", "::1/128"] {
            assert_eq!(cidr(text).map(|net| net.to_string()).as_deref(), Some(text));
        }
    }

    /// Found by the fuzz target `access`.
    #[test]
    fn numbers_that_begin_with_a_zero_are_refused() {
        for text in [
            "192.0.2.010/32",
            "010.0.0.0/8",
            "10.0.0.0/08",
            "10.0.0.0/+8",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/",
            "10.0.0/8",
            "10.0.0.0",
            "/8",
        ] {
            assert_eq!(cidr(text), None, "{text}");
        }
    }
}
