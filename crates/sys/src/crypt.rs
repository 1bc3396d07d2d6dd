//! crypt(3) of the system's libcrypt. Every hash that the system's login accepts works here, and the build
//! needs no development package.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::fmt;
use std::io;

use libloading::Library;

/// The longest password that libcrypt takes, in octets (crypt(3), `CRYPT_MAX_PASSPHRASE_SIZE` less the NUL).
pub const MOST_PHRASE: usize = 511;

/// The names under which systems have libcrypt: libxcrypt with and without glibc's old symbols.
const NAMES: [&str; 2] = ["libcrypt.so.1", "libcrypt.so.2"];

/// The longest hash or setting with its NUL (`CRYPT_OUTPUT_SIZE`).
const OUTPUT: usize = 384;

/// The loaded library, with memory for one hash at a time.
pub struct Crypt {
    crypt_rn: CryptRn,
    data: Box<CryptData>,
    /// Keeps `crypt_rn` loaded.
    _library: Library,
}

type CryptRn = unsafe extern "C" fn(*const c_char, *const c_char, *mut c_void, c_int) -> *mut c_char;

/// `struct crypt_data` of crypt.h: 32768 octets.
#[repr(C)]
struct CryptData {
    output: [u8; OUTPUT],
    setting: [u8; OUTPUT],
    input: [u8; MOST_PHRASE + 1],
    reserved: [u8; 767],
    initialized: u8,
    internal: [u8; 30720],
}

const DATA_SIZE: c_int = 32768;
const _: () = assert!(size_of::<CryptData>() == DATA_SIZE.unsigned_abs() as usize);

impl Crypt {
    /// Loads the library (dlopen(3)).
    ///
    /// # Errors
    ///
    /// [`CryptError::Library`]: there is none, or it is too old to have crypt_rn(3).
    pub fn load() -> Result<Self, CryptError> {
        let mut tried = Vec::new();
        for name in NAMES {
            // SAFETY: the initialisers of libcrypt only set up its own tables. The name has no slash, so the
            // loader takes the system's library.
            match unsafe { Library::new(name) } {
                Ok(library) => return Self::of(library),
                Err(error) => tried.push(error.to_string()),
            }
        }
        Err(CryptError::Library(tried.join("; ")))
    }

    fn of(library: Library) -> Result<Self, CryptError> {
        // SAFETY: the type is that of crypt_rn in crypt.h, which has never changed.
        let crypt_rn = unsafe { library.get::<CryptRn>(c"crypt_rn") };
        let crypt_rn = *crypt_rn.map_err(|error| CryptError::Library(error.to_string()))?;
        Ok(Self { crypt_rn, data: CryptData::zeroed(), _library: library })
    }

    /// Hashes a password with the scheme, cost and salt of `setting`, which is an earlier hash or the result
    /// of crypt_gensalt(3). The password is right if the result equals the earlier hash; compare in constant
    /// time. This takes milliseconds to seconds, depending on the setting.
    ///
    /// # Errors
    ///
    /// - [`CryptError::Phrase`]: the password has a form that crypt(3) cannot hash.
    /// - [`CryptError::Setting`]: this libcrypt does not know the setting.
    /// - [`CryptError::System`]: out of memory and the like.
    pub fn hash(&mut self, phrase: &[u8], setting: &[u8]) -> Result<Vec<u8>, CryptError> {
        self.data.wipe();
        let hash = self.hash_in_place(phrase, setting);
        self.data.wipe();
        hash
    }

    fn hash_in_place(&mut self, phrase: &[u8], setting: &[u8]) -> Result<Vec<u8>, CryptError> {
        copy_as_c_string(phrase, &mut self.data.input).ok_or(CryptError::Phrase)?;
        copy_as_c_string(setting, &mut self.data.setting).ok_or(CryptError::Setting)?;
        let data: *mut CryptData = &mut *self.data;
        // SAFETY: `data` points to a whole `struct crypt_data`, zeroed before use as crypt(3) requires, and
        // its size is passed. `input` and `setting` are fields of it, meant for these texts in crypt.h, and
        // end in NUL. All three pointers derive from `data`, which nothing else uses during the call.
        let hash = unsafe {
            let (input, setting) = (&raw const (*data).input, &raw const (*data).setting);
            (self.crypt_rn)(input.cast(), setting.cast(), data.cast(), DATA_SIZE)
        };
        if hash.is_null() {
            let error = io::Error::last_os_error();
            return Err(match error.raw_os_error() {
                Some(libc::EINVAL | libc::ENOSYS | libc::EPERM) => CryptError::Setting,
                Some(libc::ERANGE) => CryptError::Phrase,
                _ => CryptError::System(error),
            });
        }
        // SAFETY: crypt_rn returned a NUL-terminated string in `data`, and nothing has written there since.
        Ok(unsafe { CStr::from_ptr(hash) }.to_bytes().to_vec())
    }
}

impl fmt::Debug for Crypt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Crypt")
    }
}

impl CryptData {
    fn zeroed() -> Box<Self> {
        // SAFETY: all fields are octets, for which zero is valid.
        Box::new(unsafe { std::mem::zeroed() })
    }

    /// Removes every trace of the password and the hash.
    fn wipe(&mut self) {
        let data: *mut Self = self;
        // SAFETY: the pointer is to a whole CryptData that only we hold, and zero is valid for all of its
        // octets. explicit_bzero is not optimised away, as a plain write before a drop may be.
        unsafe { libc::explicit_bzero(data.cast(), size_of::<Self>()) }
    }
}

/// Copies `text` and a NUL to the beginning of `to`; `None` if it does not fit or contains a NUL.
fn copy_as_c_string(text: &[u8], to: &mut [u8]) -> Option<()> {
    if text.contains(&0) {
        return None;
    }
    let (place, rest) = to.split_at_mut_checked(text.len())?;
    place.copy_from_slice(text);
    *rest.first_mut()? = 0;
    Some(())
}

/// Why there is no hash.
#[derive(Debug)]
pub enum CryptError {
    /// The system's libcrypt could not be loaded.
    Library(String),
    /// The setting is malformed, or its scheme is unknown to this libcrypt.
    Setting,
    /// The password contains a NUL or is too long for libcrypt.
    Phrase,
    /// The system failed.
    System(io::Error),
}

impl fmt::Display for CryptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Library(why) => {
                write!(f, "cannot load the system's libcrypt (Debian: apt install libcrypt1): {why}")
            }
            Self::Setting => {
                f.write_str("the system's libcrypt does not know this kind of hash, see crypt(5)")
            }
            Self::Phrase => write!(f, "a password has at most {MOST_PHRASE} octets and no NUL"),
            Self::System(error) => write!(f, "libcrypt failed: {error}"),
        }
    }
}

impl std::error::Error for CryptError {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cheap settings of each scheme that login on Debian may have left in /etc/shadow.
    const SETTINGS: [(&str, &[u8]); 6] = [
        ("yescrypt", b"$y$j75$FfUgzDcVBEMbnbQqGxdMl1"),
        ("sha512crypt", b"$6$rounds=1000$saltsalt"),
        ("sha256crypt", b"$5$rounds=1000$saltsalt"),
        ("bcrypt", b"$2b$04$abcdefghijklmnopqrstuu"),
        ("md5crypt", b"$1$saltsalt"),
        ("DES", b"ab"),
    ];

    #[test]
    fn every_scheme_hashes_and_verifies() {
        let mut crypt = Crypt::load().unwrap();
        for (scheme, setting) in SETTINGS {
            let hash = crypt.hash(b"secret", setting).unwrap_or_else(|error| panic!("{scheme}: {error}"));
            assert!(hash.starts_with(setting), "{scheme}");
            assert_eq!(crypt.hash(b"secret", &hash).unwrap(), hash, "{scheme}");
            assert_ne!(crypt.hash(b"Secret", &hash).unwrap(), hash, "{scheme}");
        }
    }

    #[test]
    fn hashes_are_those_that_others_make() {
        // Created with `openssl passwd -1|-5|-6 -salt SALT PASSWORD`, which implements these three
        // independently.
        let known: [(&[u8], &[u8], &[u8]); 3] = [
            (b"secret", b"$1$saltsalt", b"$1$saltsalt$9xy1btjgzLYfb7hivXtC//"),
            (
                b"Hello world!",
                b"$5$saltstring",
                b"$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5",
            ),
            (
                b"Hello world!",
                b"$6$saltstring",
                b"$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
            ),
        ];
        let mut crypt = Crypt::load().unwrap();
        for (phrase, setting, hash) in known {
            assert_eq!(crypt.hash(phrase, setting).unwrap(), hash);
        }
    }

    #[test]
    fn what_is_no_setting_or_no_password_is_an_error() {
        let mut crypt = Crypt::load().unwrap();
        for setting in [&b""[..], b"*", b"!", b"$none$x$y", b"$6$a\0b", &[b'x'; OUTPUT]] {
            assert!(matches!(crypt.hash(b"secret", setting), Err(CryptError::Setting)), "{setting:?}");
        }
        for phrase in [&b"a\0b"[..], &[b'x'; MOST_PHRASE + 1]] {
            assert!(matches!(crypt.hash(phrase, b"$1$saltsalt"), Err(CryptError::Phrase)));
        }
        assert!(crypt.hash(&[b'x'; MOST_PHRASE], b"$1$saltsalt").is_ok());
    }

    #[test]
    fn nothing_of_a_password_remains() {
        let mut crypt = Crypt::load().unwrap();
        crypt.hash(b"secret", b"$1$saltsalt").unwrap();
        assert!(crypt.data.input.iter().chain(&crypt.data.output).all(|octet| *octet == 0));
    }
}
