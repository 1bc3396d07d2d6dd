//! PAM: the system's libpam, loaded when the first login needs it.
//!
//! A module can do anything and take any time, so callers set a [`crate::deadline`].

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::{fmt, io, ptr};

use libloading::Library;

/// The loaded library.
pub struct Pam {
    start: PamStart,
    end: PamEnd,
    set_item: SetItem,
    get_item: GetItem,
    authenticate: PamStep,
    acct_mgmt: PamStep,
    strerror: StrError,
    /// Keeps the functions loaded.
    _library: Library,
}

/// A login to check.
#[derive(Clone, Copy)]
pub struct PamLogin<'a> {
    /// The service: the name of a file in /etc/pam.d.
    pub service: &'a str,
    /// The user name as the client sent it.
    pub user: &'a str,
    /// The answer to each password prompt.
    pub password: &'a [u8],
    /// The address of the client, for modules with rules by host (`PAM_RHOST`).
    pub remote_host: &'a str,
    /// The name of the terminal (`PAM_TTY`), which some modules require.
    pub terminal: &'a str,
}

/// Why PAM denied a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denied {
    /// The password is wrong.
    Password,
    /// There is no such user.
    UnknownUser,
    /// The user may not log in: expired, locked, not at this time, not from this host.
    Disabled,
    /// A module or PAM itself failed, or asked for more than a password. The text does not contain the
    /// password.
    Failed(String),
}

impl Pam {
    /// Loads the library (dlopen(3)).
    ///
    /// # Errors
    ///
    /// This machine has no PAM.
    pub fn load() -> io::Result<Self> {
        // SAFETY: libpam has no initialisers. The name has no slash, so the loader takes the system's
        // library.
        unsafe { Library::new("libpam.so.0") }.and_then(Self::of).map_err(|error| {
            io::Error::other(format!("cannot load PAM (Debian: apt install libpam0g): {error}"))
        })
    }

    fn of(library: Library) -> Result<Self, libloading::Error> {
        // SAFETY: the types are those of security/pam_appl.h, which are part of the stable interface of
        // libpam.
        unsafe {
            Ok(Self {
                start: *library.get(c"pam_start")?,
                end: *library.get(c"pam_end")?,
                set_item: *library.get(c"pam_set_item")?,
                get_item: *library.get(c"pam_get_item")?,
                authenticate: *library.get(c"pam_authenticate")?,
                acct_mgmt: *library.get(c"pam_acct_mgmt")?,
                strerror: *library.get(c"pam_strerror")?,
                _library: library,
            })
        }
    }

    /// Checks the password (pam_authenticate(3)) and whether the user may log in (pam_acct_mgmt(3)). Returns
    /// the user name, which modules may have changed. An empty password is never right.
    ///
    /// An expired password (`PAM_NEW_AUTHTOK_REQD`) denies the login: a mail program cannot change it.
    ///
    /// The delay after a failure that modules request (pam_fail_delay(3)) is left to the caller.
    ///
    /// # Errors
    ///
    /// Why the login is denied.
    pub fn login(&self, login: &PamLogin<'_>) -> Result<Vec<u8>, Denied> {
        if login.password.is_empty() {
            return Err(Denied::Password);
        }
        // A password with a NUL cannot have been set through a C interface.
        let password = CPassword::new(login.password).ok_or(Denied::Password)?;
        let user = CString::new(login.user).map_err(|_| Denied::UnknownUser)?;
        let setting =
            |text| CString::new(text).map_err(|_| Denied::Failed("a NUL in a setting for PAM".to_owned()));
        let service = setting(login.service)?;
        let remote_host = setting(login.remote_host)?;
        let terminal = setting(login.terminal)?;
        let conversation =
            PamConversation { converse, data: ptr::from_ref(&password).cast_mut().cast::<c_void>() };

        let mut transaction = PamTransaction { pam: self, handle: ptr::null_mut(), last: SUCCESS };
        // SAFETY: the strings are NUL-terminated. `conversation`, and the password that it points to, are
        // declared before the transaction, so they are dropped after it.
        let started =
            unsafe { (self.start)(service.as_ptr(), user.as_ptr(), &conversation, &mut transaction.handle) };
        transaction.done("pam_start", started, |_| None)?;
        transaction.set(REMOTE_HOST, remote_host.as_ptr().cast())?;
        transaction.set(TERMINAL, terminal.as_ptr().cast())?;
        transaction.set(FAIL_DELAY, no_delay as FailDelay as *const c_void)?;

        const FLAGS: c_int = SILENT | DISALLOW_NULL_AUTHTOK;
        // SAFETY: the transaction of the handle has begun and not ended.
        let authenticated = unsafe { (self.authenticate)(transaction.handle, FLAGS) };
        transaction.done("pam_authenticate", authenticated, |code| match code {
            AUTH_ERR | MAXTRIES | CRED_INSUFFICIENT => Some(Denied::Password),
            USER_UNKNOWN => Some(Denied::UnknownUser),
            PERM_DENIED | ACCT_EXPIRED | AUTHTOK_EXPIRED | CRED_EXPIRED => Some(Denied::Disabled),
            _ => None,
        })?;
        // SAFETY: as above.
        let valid = unsafe { (self.acct_mgmt)(transaction.handle, FLAGS) };
        transaction.done("pam_acct_mgmt", valid, |code| match code {
            USER_UNKNOWN => Some(Denied::UnknownUser),
            AUTH_ERR | PERM_DENIED | ACCT_EXPIRED | AUTHTOK_EXPIRED | CRED_EXPIRED | NEW_AUTHTOK_REQD => {
                Some(Denied::Disabled)
            }
            _ => None,
        })?;
        transaction.user()
    }
}

impl fmt::Debug for Pam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pam")
    }
}

impl fmt::Debug for PamLogin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Login(service {:?}, user {:?}, password ******)", self.service, self.user)
    }
}

/// A transaction that ends when it is dropped, whatever happened in it.
struct PamTransaction<'a> {
    pam: &'a Pam,
    /// Null until pam_start has succeeded.
    handle: *mut c_void,
    /// The result of the last call, for pam_end.
    last: c_int,
}

impl PamTransaction<'_> {
    fn set(&mut self, item: c_int, value: *const c_void) -> Result<(), Denied> {
        // SAFETY: the transaction has begun, and `value` has the type of this item (pam_set_item(3)): a
        // NUL-terminated string, which libpam copies, or the function for delays.
        let set = unsafe { (self.pam.set_item)(self.handle, item, value) };
        self.done("pam_set_item", set, |_| None)
    }

    /// A copy of the present user name, which belongs to libpam.
    fn user(&mut self) -> Result<Vec<u8>, Denied> {
        let mut user: *const c_void = ptr::null();
        // SAFETY: the transaction has begun, and the pointer in `user` stays valid until it ends.
        let got = unsafe { (self.pam.get_item)(self.handle, USER, &mut user) };
        self.done("pam_get_item", got, |_| None)?;
        if user.is_null() {
            return Err(Denied::Failed("PAM lost the user name".to_owned()));
        }
        // SAFETY: PAM_USER is a NUL-terminated string that is not changed until the next call into libpam.
        Ok(unsafe { CStr::from_ptr(user.cast()) }.to_bytes().to_vec())
    }

    /// Checks the result of a call; `denied` knows the codes that are about the user.
    fn done(
        &mut self,
        call: &str,
        code: c_int,
        denied: impl Fn(c_int) -> Option<Denied>,
    ) -> Result<(), Denied> {
        self.last = code;
        if code == SUCCESS {
            return Ok(());
        }
        Err(denied(code).unwrap_or_else(|| {
            // SAFETY: for every number pam_strerror returns a NUL-terminated string that is never freed. It
            // does not use the handle.
            let text = unsafe { CStr::from_ptr((self.pam.strerror)(self.handle, code)) };
            Denied::Failed(format!("{call}: {}", text.to_string_lossy()))
        }))
    }
}

impl Drop for PamTransaction<'_> {
    fn drop(&mut self) {
        if !self.handle.is_null() {
            // SAFETY: the transaction has begun, and ends only here.
            unsafe { (self.pam.end)(self.handle, self.last) };
        }
    }
}

/// The password as a C string, wiped when dropped.
struct CPassword(Vec<u8>);

impl CPassword {
    fn new(password: &[u8]) -> Option<Self> {
        if password.contains(&0) {
            return None;
        }
        // With its final size: a vector that grows leaves copies behind.
        let mut text = Vec::with_capacity(password.len() + 1);
        text.extend_from_slice(password);
        text.push(0);
        Some(Self(text))
    }

    /// A copy on the C heap, which libpam frees; null if there is no memory.
    fn for_libpam(&self) -> *mut c_char {
        // SAFETY: the text ends in NUL.
        unsafe { libc::strdup(self.0.as_ptr().cast()) }
    }
}

impl Drop for CPassword {
    fn drop(&mut self) {
        // SAFETY: the pointer and length are those of a vector that only we hold. explicit_bzero is not
        // optimised away.
        unsafe { libc::explicit_bzero(self.0.as_mut_ptr().cast(), self.0.len()) }
    }
}

/// Answers the modules (pam_conv(3)): a password prompt gets the password, a message gets nothing, and any
/// other prompt ends the conversation.
unsafe extern "C" fn converse(
    count: c_int,
    messages: *mut *const PamMessage,
    responses: *mut *mut PamResponse,
    password: *mut c_void,
) -> c_int {
    let Some(count) = usize::try_from(count).ok().filter(|count| (1..=MOST_MESSAGES).contains(count)) else {
        return CONV_ERR;
    };
    // SAFETY: libpam passes the pointer that it got from `login`, and the `CPassword` there outlives the
    // transaction.
    let password = unsafe { &*password.cast::<CPassword>() };
    // SAFETY: calloc has no preconditions; all-zero is a valid PamResponse.
    let answers = unsafe { libc::calloc(count, size_of::<PamResponse>()) }.cast::<PamResponse>();
    if answers.is_null() {
        return BUF_ERR;
    }
    for nth in 0..count {
        // SAFETY: Linux-PAM passes an array of `count` pointers to messages, and `answers` has `count`
        // elements.
        let (style, answer) = unsafe { ((**messages.add(nth)).style, &mut *answers.add(nth)) };
        let good = match style {
            PROMPT_ECHO_OFF => {
                answer.text = password.for_libpam();
                !answer.text.is_null()
            }
            ERROR_MSG | TEXT_INFO => true,
            _ => false,
        };
        if !good {
            // SAFETY: `answers` has `count` elements, whose texts are null or from strdup, and libpam does
            // not get them.
            unsafe { discard(answers, count) };
            return CONV_ERR;
        }
    }
    // SAFETY: libpam passes a pointer to write to, and owns the answers from here on.
    unsafe { *responses = answers };
    SUCCESS
}

/// Wipes and frees answers that libpam does not get.
///
/// # Safety
///
/// `answers` comes from calloc and has `count` elements, whose texts are null or from strdup; no one else
/// refers to them.
unsafe fn discard(answers: *mut PamResponse, count: usize) {
    for nth in 0..count {
        // SAFETY: in bounds, and each text is NUL-terminated and ours.
        unsafe {
            let text = (*answers.add(nth)).text;
            if !text.is_null() {
                libc::explicit_bzero(text.cast(), libc::strlen(text));
                libc::free(text.cast());
            }
        }
    }
    // SAFETY: it comes from calloc and is not used again.
    unsafe { libc::free(answers.cast()) }
}

/// Replaces the sleep of libpam after a failure (pam_fail_delay(3)). The session role delays the reply
/// without blocking a process.
extern "C" fn no_delay(_status: c_int, _microseconds: c_uint, _data: *mut c_void) {}

type FailDelay = extern "C" fn(c_int, c_uint, *mut c_void);
type PamStart =
    unsafe extern "C" fn(*const c_char, *const c_char, *const PamConversation, *mut *mut c_void) -> c_int;
type PamEnd = unsafe extern "C" fn(*mut c_void, c_int) -> c_int;
type SetItem = unsafe extern "C" fn(*mut c_void, c_int, *const c_void) -> c_int;
type GetItem = unsafe extern "C" fn(*const c_void, c_int, *mut *const c_void) -> c_int;
type PamStep = unsafe extern "C" fn(*mut c_void, c_int) -> c_int;
type StrError = unsafe extern "C" fn(*mut c_void, c_int) -> *const c_char;

/// `struct pam_conv`.
#[repr(C)]
struct PamConversation {
    converse:
        unsafe extern "C" fn(c_int, *mut *const PamMessage, *mut *mut PamResponse, *mut c_void) -> c_int,
    data: *mut c_void,
}

/// `struct pam_message`.
#[repr(C)]
struct PamMessage {
    style: c_int,
    text: *const c_char,
}

/// `struct pam_response`.
#[repr(C)]
struct PamResponse {
    text: *mut c_char,
    /// Unused; zero.
    code: c_int,
}

// The numbers of Linux-PAM's security/_pam_types.h.
const MOST_MESSAGES: usize = 32;
const SILENT: c_int = 0x8000;
const DISALLOW_NULL_AUTHTOK: c_int = 1;
const USER: c_int = 2;
const TERMINAL: c_int = 3;
const REMOTE_HOST: c_int = 4;
const FAIL_DELAY: c_int = 10;
const PROMPT_ECHO_OFF: c_int = 1;
const ERROR_MSG: c_int = 3;
const TEXT_INFO: c_int = 4;
const SUCCESS: c_int = 0;
const BUF_ERR: c_int = 5;
const PERM_DENIED: c_int = 6;
const AUTH_ERR: c_int = 7;
const CRED_INSUFFICIENT: c_int = 8;
const USER_UNKNOWN: c_int = 10;
const MAXTRIES: c_int = 11;
const NEW_AUTHTOK_REQD: c_int = 12;
const ACCT_EXPIRED: c_int = 13;
const CRED_EXPIRED: c_int = 16;
const CONV_ERR: c_int = 19;
const AUTHTOK_EXPIRED: c_int = 27;

#[cfg(test)]
mod tests {
    use super::*;

    fn message(style: c_int) -> PamMessage {
        PamMessage { style, text: c"Password: ".as_ptr() }
    }

    /// The conversation's replies to prompts of these styles.
    fn answers(styles: &[c_int]) -> Result<Vec<Option<String>>, c_int> {
        let messages: Vec<PamMessage> = styles.iter().map(|style| message(*style)).collect();
        let mut pointers: Vec<*const PamMessage> = messages.iter().map(ptr::from_ref).collect();
        let password = CPassword::new(b"se cret").unwrap();
        let data = ptr::from_ref(&password).cast_mut().cast::<c_void>();
        let mut responses: *mut PamResponse = ptr::null_mut();
        // SAFETY: the arguments are those that libpam passes: as many pointers as announced, a place for the
        // result, and the pointer to the password.
        let code = unsafe {
            converse(c_int::try_from(styles.len()).unwrap(), pointers.as_mut_ptr(), &mut responses, data)
        };
        if code != SUCCESS {
            assert!(responses.is_null());
            return Err(code);
        }
        let texts = (0..styles.len()).map(|nth| {
            // SAFETY: there is a reply for each prompt, and its text is null or NUL-terminated.
            let text = unsafe { (*responses.add(nth)).text };
            // SAFETY: as above.
            (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_str().unwrap().to_owned())
        });
        let texts = texts.collect();
        // SAFETY: the replies are as `converse` created them.
        unsafe { discard(responses, styles.len()) };
        Ok(texts)
    }

    #[test]
    fn only_a_question_for_a_password_is_answered() {
        const PROMPT_ECHO_ON: c_int = 2;
        let password = Some("se cret".to_owned());
        assert_eq!(answers(&[PROMPT_ECHO_OFF]), Ok(vec![password.clone()]));
        assert_eq!(answers(&[TEXT_INFO, PROMPT_ECHO_OFF, ERROR_MSG]), Ok(vec![None, password, None]));
        assert_eq!(answers(&[PROMPT_ECHO_OFF, PROMPT_ECHO_ON]), Err(CONV_ERR));
        assert_eq!(answers(&[7]), Err(CONV_ERR));
        assert_eq!(answers(&[]), Err(CONV_ERR));
        assert_eq!(answers(&[TEXT_INFO; MOST_MESSAGES + 1]), Err(CONV_ERR));
    }

    #[test]
    fn what_no_password_can_be_is_not_asked() {
        let pam = Pam::load().unwrap();
        let login = PamLogin {
            service: "mpopd-none",
            user: "root",
            password: b"",
            remote_host: "::1",
            terminal: "mpopd",
        };
        assert_eq!(pam.login(&login), Err(Denied::Password));
        assert_eq!(pam.login(&PamLogin { password: b"a\0b", ..login }), Err(Denied::Password));
        assert_eq!(pam.login(&PamLogin { password: b"a", user: "a\0b", ..login }), Err(Denied::UnknownUser));
        assert!(!format!("{:?}", PamLogin { password: b"hunter2", ..login }).contains("hunter2"));
    }
}
