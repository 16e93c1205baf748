//! Files of authorized keys (sshd(8)): their lines, and what is added and removed.

/// What the type of a key can be.
const KINDS: [&str; 16] = [
    "ssh-ed25519",
    "ssh-rsa",
    "ssh-dss",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
    "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
    "sk-ssh-ed25519@openssh.com",
    "sk-ssh-ed25519-cert-v01@openssh.com",
    "ssh-ed25519-cert-v01@openssh.com",
    "ssh-rsa-cert-v01@openssh.com",
    "ssh-dss-cert-v01@openssh.com",
    "ecdsa-sha2-nistp256-cert-v01@openssh.com",
    "ecdsa-sha2-nistp384-cert-v01@openssh.com",
];

/// A key.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Key {
    /// `no-pty`, `command="..."`, ... in their order.
    pub(super) options: Vec<String>,
    kind: String,
    key: String,
    pub(super) comment: String,
}

impl Key {
    /// A line that is a key.
    pub(super) fn parse(line: &str) -> Option<Key> {
        let line = line.trim();
        let words = words(line);
        let at = words.iter().position(|word| KINDS.contains(word))?;
        if at > 1 {
            return None;
        }
        let options = words.first().filter(|_| at == 1).map(|options| Key::options(options)).unwrap_or_default();
        let key = words.get(at + 1)?;
        let after = key.as_ptr() as usize - line.as_ptr() as usize + key.len();
        let comment = line.get(after..).unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
        Some(Key { options, kind: words[at].to_owned(), key: (*key).to_owned(), comment })
    }

    /// Options, split at the commas that no quotes hold. One that comes twice keeps its place, and the last value, unless
    /// sshd takes several of its kind.
    pub(super) fn options(text: &str) -> Vec<String> {
        let (mut options, mut option, mut quoted, mut protected) = (Vec::new(), String::new(), false, false);
        for letter in text.trim().chars() {
            if letter == ',' && !quoted {
                options.push(std::mem::take(&mut option));
                continue;
            }
            quoted ^= letter == '"' && !protected;
            protected = letter == '\\' && !protected;
            option.push(letter);
        }
        options.push(option);
        let mut kept: Vec<String> = Vec::new();
        for option in options.into_iter().map(|option| option.trim().to_owned()).filter(|option| !option.is_empty()) {
            let name = |option: &str| option.split('=').next().unwrap_or_default().to_owned();
            let several = ["permitopen", "permitlisten", "environment"].contains(&name(&option).as_str());
            match kept.iter().position(|other| name(other) == name(&option)) {
                Some(at) if !several => kept[at] = option,
                _ => kept.push(option),
            }
        }
        kept
    }

    fn line(&self) -> String {
        let mut words = Vec::new();
        words.extend(Some(self.options.join(",")).filter(|options| !options.is_empty()));
        // A space stands where the comment would, as Ansible writes it.
        words.extend([self.kind.clone(), self.key.clone(), self.comment.clone()]);
        words.join(" ") + "\n"
    }

    fn is(&self, other: &Key) -> bool {
        self.key == other.key
    }
}

/// Words, with those spaces in them that quotes hold.
fn words(line: &str) -> Vec<&str> {
    let (mut words, mut start, mut quoted, mut protected) = (Vec::new(), None, false, false);
    for (at, letter) in line.char_indices() {
        if letter.is_whitespace() && !quoted {
            if let Some(start) = start.take() {
                words.push(&line[start..at]);
            }
            continue;
        }
        start.get_or_insert(at);
        quoted ^= letter == '"' && !protected;
        protected = letter == '\\' && !protected;
    }
    words.extend(start.map(|start| &line[start..]));
    words
}

enum Line {
    Key(Key),
    /// A comment, or what is no key.
    Other(String),
}

/// A file of authorized keys.
pub(super) struct KeyFile(Vec<Line>);

impl KeyFile {
    pub(super) fn parse(text: &str) -> KeyFile {
        let line = |line: &str| match Key::parse(line) {
            Some(key) if !line.trim_start().starts_with('#') => Line::Key(key),
            _ => Line::Other(line.to_owned()),
        };
        KeyFile(text.lines().map(line).collect())
    }

    pub(super) fn text(&self) -> String {
        let line = |line: &Line| match line {
            Line::Key(key) => key.line(),
            Line::Other(line) => format!("{line}\n"),
        };
        self.0.iter().map(line).collect()
    }

    fn keys(&self) -> impl Iterator<Item = &Key> {
        self.0.iter().filter_map(|line| if let Line::Key(key) = line { Some(key) } else { None })
    }

    /// Has these keys; with `alone` no others. Whether anything is different then.
    pub(super) fn add(&mut self, wanted: &[Key], alone: bool) -> bool {
        let before = self.text();
        for key in wanted {
            if self.keys().any(|there| there == key) {
                continue;
            }
            // The same key with other options or another comment makes room.
            self.0.retain(|line| !matches!(line, Line::Key(there) if there.is(key)));
            self.0.push(Line::Key(key.clone()));
        }
        if alone {
            // Comments go, too: what they speak of may be gone.
            self.0.retain(|line| matches!(line, Line::Key(there) if wanted.iter().any(|key| key.is(there))));
        }
        self.text() != before
    }

    /// Has none of these keys. Whether anything is different then.
    pub(super) fn remove(&mut self, unwanted: &[Key]) -> bool {
        let before = self.0.len();
        self.0.retain(|line| !matches!(line, Line::Key(there) if unwanted.iter().any(|key| key.is(there))));
        self.0.len() != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_with_their_options_and_comments() {
        let line = r#"no-pty,command="echo \"a, b\" c" ssh-rsa AAAA me  at home"#;
        let key = Key::parse(line).unwrap();
        assert_eq!(key.options, ["no-pty", r#"command="echo \"a, b\" c""#]);
        assert_eq!((key.kind.as_str(), key.key.as_str(), key.comment.as_str()), ("ssh-rsa", "AAAA", "me at home"));
        assert_eq!(key.line(), "no-pty,command=\"echo \\\"a, b\\\" c\" ssh-rsa AAAA me at home\n");
        assert!(Key::parse("a b ssh-rsa AAAA").is_none() && Key::parse("ssh-rsa").is_none());
        assert_eq!(
            Key::options("no-pty, permitopen=\"a:1\",permitopen=\"b:2\",no-pty"),
            ["no-pty", "permitopen=\"a:1\"", "permitopen=\"b:2\""]
        );
    }

    #[test]
    fn keys_come_once_and_comments_stay() {
        let mut file = KeyFile::parse("# mine\nssh-rsa AAAA old\nssh-ed25519 BBBB b\n");
        assert!(!file.add(&[Key::parse("ssh-ed25519 BBBB b").unwrap()], false));
        assert!(file.add(&[Key::parse("ssh-rsa AAAA new").unwrap()], false));
        assert_eq!(file.text(), "# mine\nssh-ed25519 BBBB b\nssh-rsa AAAA new\n");
        assert!(file.add(&[Key::parse("ssh-rsa CCCC").unwrap()], true));
        assert_eq!(file.text(), "ssh-rsa CCCC \n");
        assert!(file.remove(&[Key::parse("no-pty ssh-rsa CCCC other").unwrap()]));
        assert_eq!(file.text(), "");
    }
}
