//! Getting a POSIX `sh` on the host as some user: under any login shell, through sudo, su or doas, past what start-up
//! files print.
//!
//! The command line is made of nothing that sh, csh and fish read differently. The script for `sh` follows on its
//! standard input. Where a program in between may read a password from there, the script waits for our own word
//! (`TOKEN in`), and the password for the prompt: sudo is told what to prompt with; su and doas prompt on a terminal,
//! with a text that ends in a colon.
//!
//! The terminal, where one is needed (su and doas with a password, sudo with `requiretty`), is put into raw mode first,
//! so that it carries the agent's frames as a pipe would; standard error is closed then, since it is the same terminal.

use super::token::Token;
use super::wire::Exit;
use super::{Become, BecomeMethod, LinkError, Secret};

/// How much of what a host said is kept for messages.
const KEPT: usize = 2048;

/// The last of what a host said, for messages.
#[derive(Clone, Debug, Default)]
pub(super) struct Tail(Vec<u8>);

impl Tail {
    /// More of it.
    pub fn add(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        if self.0.len() > KEPT {
            self.0.drain(..self.0.len() - KEPT);
        }
    }

    /// As text: printable, without empty lines.
    pub fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.0);
        let lines = text.lines().map(|line| line.chars().filter(|letter| !letter.is_control()).collect::<String>());
        lines.map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
    }

    fn clear(&mut self) {
        self.0.clear();
    }
}

/// A word for a login shell, whichever it is.
pub(super) fn quote(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_./@:+=,-".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// On the way to a shell.
#[derive(Debug)]
pub(super) struct Entry {
    token: Token,
    user: Option<Become>,
    terminal: bool,
    /// Whether the user's program has been reached: what was printed before is a start-up file's.
    begun: bool,
    answered: bool,
    said: Tail,
}

/// What to do next on the way.
#[derive(Debug)]
pub(super) enum Step {
    /// Wait for more.
    Wait,
    /// Type this.
    Answer(Secret),
    /// Start again on a channel with a terminal.
    WithTerminal,
    /// Give up.
    Fail(LinkError),
}

impl Entry {
    /// On the way to this user's shell. `terminal` where an attempt without one has failed for the want of one.
    pub fn new(user: Option<&Become>, terminal: bool) -> Entry {
        let asks = |user: &Become| user.password.is_some() && user.method != BecomeMethod::Sudo;
        Entry {
            token: Token::new(),
            user: user.cloned(),
            terminal: terminal || user.is_some_and(asks),
            begun: false,
            answered: false,
            said: Tail::default(),
        }
    }

    /// The word that marks our own lines.
    pub fn token(&self) -> &Token {
        &self.token
    }

    /// Whether the channel needs a terminal.
    pub fn terminal(&self) -> bool {
        self.terminal
    }

    /// Whether the script has to wait until `TOKEN in` is read. Else nothing on the way reads standard input, and the
    /// script may follow at once.
    pub fn waits(&self) -> bool {
        self.terminal
            || self.user.as_ref().is_some_and(|user| user.password.is_some() || user.method == BecomeMethod::Su)
    }

    /// The command line for the login shell.
    pub fn command(&self) -> String {
        let (first, second) = self.token.halves();
        let sh = if self.terminal { "sh +i 2>/dev/null" } else { "sh" };
        let inner = format!("\"echo {first}''{second} in; exec {sh}\"");
        let Some(user) = &self.user else { return format!("exec {sh}") };
        let before = if self.terminal { "stty raw -echo; " } else { "" };
        format!("{before}echo {first}''{second} ask; exec {}", self.program(user, &inner))
    }

    fn program(&self, user: &Become, inner: &str) -> String {
        let who = quote(&user.user);
        let program = |name: &str| user.program.clone().unwrap_or_else(|| name.to_owned());
        match user.method {
            BecomeMethod::Sudo => {
                let asked =
                    if user.password.is_some() { format!("-S -p {}", quote(&self.prompt())) } else { "-n".to_owned() };
                let flags = sudo_flags(user.flags.as_deref().unwrap_or("-H"));
                format!("{}{flags} {asked} -u {who} sh -c {inner}", program("sudo"))
            }
            BecomeMethod::Su => {
                let flags = user.flags.as_deref().map(|flags| format!(" {flags}")).unwrap_or_default();
                format!("{}{flags} {who} -c {inner}", program("su"))
            }
            BecomeMethod::Doas => {
                let flags = user.flags.as_deref().map(|flags| format!(" {flags}")).unwrap_or_default();
                let asked = if user.password.is_some() { "" } else { " -n" };
                format!("{}{flags}{asked} -u {who} sh -c {inner}", program("doas"))
            }
        }
    }

    fn prompt(&self) -> String {
        format!("refit-password-{}:", self.token.whole())
    }

    /// Something was printed before `TOKEN in` came.
    pub fn said(&mut self, bytes: &[u8]) -> Step {
        self.said.add(bytes);
        if self.user.is_none() {
            return Step::Wait;
        }
        if !self.begun {
            let mark = format!("{} ask", self.token.whole());
            let text = String::from_utf8_lossy(&self.said.0).into_owned();
            // Standard error may overtake the mark; only our own prompt can't be taken for anything else.
            match text.split_once(&mark) {
                Some((_, after)) => {
                    self.begun = true;
                    self.said = Tail(after.trim_start_matches(['\r', '\n']).as_bytes().to_vec());
                }
                None if text.contains(&self.prompt()) => self.begun = true,
                None => return Step::Wait,
            }
        }
        self.look()
    }

    fn look(&mut self) -> Step {
        let Some(user) = &self.user else { return Step::Wait };
        if !self.waits() {
            return Step::Wait;
        }
        let text = String::from_utf8_lossy(&self.said.0).into_owned();
        let asks = match user.method {
            BecomeMethod::Sudo => text.contains(&self.prompt()),
            BecomeMethod::Su | BecomeMethod::Doas => {
                let text = text.trim_end_matches(' ');
                text.ends_with(':') || text.ends_with('\u{ff1a}')
            }
        };
        if !asks {
            return Step::Wait;
        }
        let Some(password) = &user.password else {
            return Step::Fail(
                self.error("asks for a password, and none was given: give it with -K or ansible_become_password"),
            );
        };
        if self.answered {
            return Step::Fail(
                self.error("says that the password is wrong: check what -K or ansible_become_password gave"),
            );
        }
        self.answered = true;
        let password = password.clone();
        self.said.clear();
        Step::Answer(password)
    }

    /// The channel ended before `TOKEN in` came.
    pub fn ended(&mut self, exit: &Exit) -> Step {
        let said = self.said.text();
        let Some(user) = &self.user else {
            let said = if said.is_empty() { String::new() } else { format!(": {said}") };
            return Step::Fail(LinkError::Agent {
                message: format!("the login shell did not start sh ({exit}){said}"),
            });
        };
        let has = |texts: &[&str]| texts.iter().any(|text| said.contains(text));
        if has(&["must have a tty", "must be run from a terminal", "a tty is required"]) && !self.terminal {
            return Step::WithTerminal;
        }
        let why = if has(&["password is required", "no password was provided", "Authentication required"])
            && user.password.is_none()
        {
            "needs a password, and none was given: give it with -K or ansible_become_password"
        } else if self.answered && has(&["incorrect", "Authentication fail", "Authorization failed"]) {
            "says that the password is wrong: check what -K or ansible_become_password gave"
        } else if has(&["not in the sudoers", "is not allowed to", "may not run sudo", "Operation not permitted"]) {
            "says that this user has not the right: ask for an entry in sudoers or doas.conf"
        } else if has(&["unknown user", "does not exist", "user not found"]) {
            "knows no such user: check become_user"
        } else if *exit == Exit::Status(127) || has(&["command not found", "not found"]) {
            "is not installed there: install it, or set become_method or become_exe"
        } else if user.password.is_none() && user.method != BecomeMethod::Sudo {
            "did not let us in, and no password was given (-K or ansible_become_password)"
        } else {
            "did not let us in"
        };
        Step::Fail(self.error(why))
    }

    /// It took too long.
    pub fn late(&self, seconds: u64) -> LinkError {
        match &self.user {
            Some(_) => self.error(&format!("did not answer within {seconds} s")),
            None => LinkError::Agent {
                message: format!(
                    "no sh answered within {seconds} s{}: does a start-up file of the login shell wait for something?",
                    after_colon(&self.said.text())
                ),
            },
        }
    }

    fn error(&self, what: &str) -> LinkError {
        let (method, user) = match &self.user {
            Some(user) => (user.method.name(), user.user.as_str()),
            None => ("sh", ""),
        };
        let said = self.said.text().replace(&self.prompt(), "");
        let said = said.trim_matches(|letter: char| letter == ';' || letter.is_whitespace());
        let said = if said.is_empty() { String::new() } else { format!(" (it printed: {said})") };
        LinkError::Become { message: format!("cannot become {user}: {method} {what}{said}") }
    }
}

/// A text behind ": ", or nothing.
pub(super) fn after_colon(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(": {said}") }
}

impl BecomeMethod {
    /// The program's usual name.
    pub fn name(self) -> &'static str {
        match self {
            BecomeMethod::Sudo => "sudo",
            BecomeMethod::Su => "su",
            BecomeMethod::Doas => "doas",
        }
    }
}

/// The user's flags for sudo, without those that say how a password is asked for: that is ours to say.
fn sudo_flags(flags: &str) -> String {
    let mut kept = String::new();
    let mut words = flags.split_whitespace();
    while let Some(word) = words.next() {
        match word {
            "-n" | "--non-interactive" | "-S" | "--stdin" => {}
            "-p" | "--prompt" => drop(words.next()),
            _ if word.starts_with("--prompt=") => {}
            _ => {
                kept.push(' ');
                kept.push_str(word);
            }
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use zeroize::Zeroizing;

    fn sudo(password: Option<&str>) -> Become {
        Become {
            method: BecomeMethod::Sudo,
            user: "root".to_owned(),
            password: password.map(|text| Secret(Zeroizing::new(text.to_owned()))),
            program: None,
            flags: None,
        }
    }

    #[test]
    fn without_a_password_sudo_is_told_never_to_ask() {
        let entry = Entry::new(Some(&sudo(None)), false);
        assert!(entry.command().contains("sudo -H -n -u root sh -c "), "{}", entry.command());
        assert!(!entry.waits());
    }

    #[test]
    fn the_users_flags_do_not_decide_how_the_password_is_asked_for() {
        let user = Become { flags: Some("-H -S -n -E -p x --prompt=y".to_owned()), ..sudo(None) };
        let command = Entry::new(Some(&user), false).command();
        assert!(command.contains("sudo -H -E -n -u root"), "{command}");
    }

    #[test]
    fn the_password_is_typed_once_and_only_at_the_prompt() {
        let mut entry = Entry::new(Some(&sudo(Some("hunter2"))), false);
        let mark = format!("Last login: never\n{} ask\n", entry.token().whole());
        assert!(matches!(entry.said(mark.as_bytes()), Step::Wait));
        assert!(matches!(entry.said(b"Your terms of use:"), Step::Wait));
        let prompt = entry.prompt();
        assert!(matches!(entry.said(prompt.as_bytes()), Step::Answer(_)));
        let Step::Fail(LinkError::Become { message }) = entry.said(format!("Sorry, try again.\n{prompt}").as_bytes())
        else {
            panic!("a second prompt means that the password is wrong")
        };
        assert_eq!(
            message,
            "cannot become root: sudo says that the password is wrong: check what -K or ansible_become_password gave \
             (it printed: Sorry, try again.)"
        );
    }

    #[test]
    fn an_echo_of_the_command_line_is_not_taken_for_its_mark() {
        for user in [None, Some(sudo(None)), Some(sudo(Some("x")))] {
            let entry = Entry::new(user.as_ref(), false);
            assert!(!entry.command().contains(&format!("{} ", entry.token().whole())), "{}", entry.command());
        }
    }

    #[test]
    fn a_quoted_word_is_the_same_in_every_shell() {
        assert_eq!(quote("/usr/bin/sudo"), "/usr/bin/sudo");
        assert_eq!(quote("it's"), r"'it'\''s'");
        assert_eq!(quote(""), "''");
    }
}
