//! Host names and addresses from the system's resolver (hosts(5), DNS, whatever nsswitch.conf(5) names).

use std::ffi::{CStr, CString, c_char};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::{fmt, io, mem, ptr};

/// The longest host name that getnameinfo(3) gives, with its NUL (`NI_MAXHOST`).
const MOST_NAME: usize = 1025;

/// The name that is registered for an address (getnameinfo(3)); `None` if there is none. The owner of the
/// address can register any name, so it means something only if [`addresses_of`] leads back. Blocks for as
/// long as the resolver tries.
///
/// # Errors
///
/// The resolver fails.
pub fn name_of(address: IpAddr) -> Result<Option<String>, Unresolved> {
    let mut name = [0u8; MOST_NAME];
    let status = match address {
        IpAddr::V4(address) => {
            // SAFETY: sockaddr_in is a plain C struct of integers, for which all-zero is valid.
            let mut socket: libc::sockaddr_in = unsafe { mem::zeroed() };
            socket.sin_family = family(libc::AF_INET);
            socket.sin_addr.s_addr = u32::from_ne_bytes(address.octets());
            getnameinfo(&socket, &mut name)
        }
        IpAddr::V6(address) => {
            // SAFETY: as above.
            let mut socket: libc::sockaddr_in6 = unsafe { mem::zeroed() };
            socket.sin6_family = family(libc::AF_INET6);
            socket.sin6_addr.s6_addr = address.octets();
            getnameinfo(&socket, &mut name)
        }
    };
    match status {
        0 => {
            Ok(CStr::from_bytes_until_nul(&name).ok().and_then(|name| name.to_str().ok()).map(str::to_owned))
        }
        libc::EAI_NONAME => Ok(None),
        code => Err(Unresolved::new(code)),
    }
}

/// The addresses of a host name (getaddrinfo(3)); none if there is no such name. Blocks for as long as the
/// resolver tries.
///
/// # Errors
///
/// The resolver fails.
pub fn addresses_of(name: &str) -> Result<Vec<IpAddr>, Unresolved> {
    /// glibc returns this, besides `EAI_NONAME`, for a name without an address (netdb.h).
    const EAI_NODATA: i32 = -5;
    let Ok(name) = CString::new(name) else { return Ok(Vec::new()) };
    // SAFETY: addrinfo is a plain C struct of integers and pointers, for which all-zero is valid.
    let mut hints: libc::addrinfo = unsafe { mem::zeroed() };
    hints.ai_socktype = libc::SOCK_STREAM;
    let mut first: *mut libc::addrinfo = ptr::null_mut();
    // SAFETY: `name` is NUL-terminated, `hints` is read during the call, and `first` takes the result.
    match unsafe { libc::getaddrinfo(name.as_ptr(), ptr::null(), &hints, &mut first) } {
        0 => {}
        libc::EAI_NONAME | EAI_NODATA => return Ok(Vec::new()),
        code => return Err(Unresolved::new(code)),
    }
    let mut addresses = Vec::new();
    let mut next = first;
    // SAFETY: a list from getaddrinfo ends in a null pointer, and is ours until it is freed.
    while let Some(entry) = unsafe { next.as_ref() } {
        addresses.extend(address_in(entry));
        next = entry.ai_next;
    }
    // SAFETY: `first` comes from getaddrinfo, and nothing refers to it after this.
    unsafe { libc::freeaddrinfo(first) };
    Ok(addresses)
}

fn getnameinfo<T>(socket: &T, name: &mut [u8; MOST_NAME]) -> i32 {
    // SAFETY: `socket` is a whole socket address of the given length, `name` is writable for its length, and
    // no service is requested.
    unsafe {
        libc::getnameinfo(
            ptr::from_ref(socket).cast(),
            length(mem::size_of::<T>()),
            name.as_mut_ptr().cast::<c_char>(),
            length(name.len()),
            ptr::null_mut(),
            0,
            libc::NI_NAMEREQD,
        )
    }
}

#[expect(clippy::cast_possible_truncation, reason = "address families are small numbers")]
const fn family(number: i32) -> libc::sa_family_t {
    number.unsigned_abs() as libc::sa_family_t
}

#[expect(clippy::cast_possible_truncation, reason = "socket addresses and names have at most 1025 octets")]
const fn length(octets: usize) -> libc::socklen_t {
    octets as libc::socklen_t
}

fn address_in(entry: &libc::addrinfo) -> Option<IpAddr> {
    match entry.ai_family {
        libc::AF_INET => {
            // SAFETY: for this family getaddrinfo points ai_addr to a sockaddr_in, aligned for it.
            let socket = unsafe { entry.ai_addr.cast::<libc::sockaddr_in>().as_ref() }?;
            Some(Ipv4Addr::from(socket.sin_addr.s_addr.to_ne_bytes()).into())
        }
        libc::AF_INET6 => {
            // SAFETY: for this family getaddrinfo points ai_addr to a sockaddr_in6, aligned for it.
            let socket = unsafe { entry.ai_addr.cast::<libc::sockaddr_in6>().as_ref() }?;
            Some(Ipv6Addr::from(socket.sin6_addr.s6_addr).into())
        }
        _ => None,
    }
}

/// The resolver failed: no server answers, or the system failed. It may work later.
#[derive(Debug)]
pub struct Unresolved(String);

impl Unresolved {
    fn new(code: i32) -> Self {
        if code == libc::EAI_SYSTEM {
            return Self(io::Error::last_os_error().to_string());
        }
        // SAFETY: for every number gai_strerror returns a NUL-terminated string that is never freed.
        Self(unsafe { CStr::from_ptr(libc::gai_strerror(code)) }.to_string_lossy().into_owned())
    }
}

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the resolver failed: {}", self.0)
    }
}

impl std::error::Error for Unresolved {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_knows_itself() {
        let name = name_of(Ipv4Addr::LOCALHOST.into()).unwrap().expect("every machine names 127.0.0.1");
        assert!(addresses_of(&name).unwrap().contains(&Ipv4Addr::LOCALHOST.into()), "{name}");
    }

    #[test]
    fn an_address_as_text_stands_for_itself() {
        for address in ["192.0.2.1", "2001:db8::1"] {
            assert_eq!(addresses_of(address).unwrap(), [address.parse::<IpAddr>().unwrap()]);
        }
    }

    #[test]
    fn what_cannot_be_a_name_has_no_address() {
        assert_eq!(addresses_of("a\0b").unwrap(), Vec::<IpAddr>::new());
    }
}
