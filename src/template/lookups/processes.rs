//! Lookups that ask others: `pipe`, `lines`, `url`, `password`, `random_string`.

use super::files::find;
use super::{Lookup, Terms};
use crate::template::contract::TemplateErrorKind;
use crate::template::controller_files::Unread;
use crate::template::fault::{Fault, Outcome, fail};
use crate::template::passwords::{hash, random_text, salt};
use crate::template::paths::expanded;
use crate::template::python::kind::{Kind, items, kind};
use crate::template::python::methods::text::splitlines;
use crate::template::python::random::Random;
use minijinja::Value;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub static LOOKUPS: [Lookup; 6] = [
    Lookup { names: "pipe", run: pipe },
    Lookup { names: "lines", run: lines },
    Lookup { names: "url", run: url },
    Lookup { names: "password", run: password },
    Lookup { names: "community.general.random_string random_string", run: random_string },
    Lookup { names: "community.general.random_pet random_pet", run: random_pet },
];

/// What a command prints. It runs on the controller, also in a dry run, as Ansible has it: a lookup is a question.
fn output(terms: &Terms<'_, '_>, command: &str) -> Outcome<String> {
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(command).stdin(Stdio::null()).stderr(Stdio::piped()).stdout(Stdio::piped());
    let folder = &terms.machine.scope.surroundings().playbook_dir;
    if folder.is_dir() {
        shell.current_dir(folder);
    }
    match shell.output() {
        Ok(done) if done.status.success() => Ok(String::from_utf8_lossy(&done.stdout).into_owned()),
        Ok(done) => {
            let said = String::from_utf8_lossy(&done.stderr);
            let said = said.trim();
            let how = done
                .status
                .code()
                .map_or_else(|| "was ended by a signal".to_owned(), |code| format!("returned {code}"));
            fail(format!("the command `{command}` {how}{}{said}", if said.is_empty() { "" } else { ": " }))
        }
        Err(error) => fail(format!("the command `{command}` can't be run: {error}")),
    }
}

fn pipe(terms: &mut Terms<'_, '_>) -> Outcome<Vec<Value>> {
    let commands = terms.texts()?;
    commands.iter().map(|command| output(terms, command).map(|text| Value::from(text.trim_end()))).collect()
}

fn lines(terms: &mut Terms<'_, '_>) -> Outcome<Vec<Value>> {
    let mut all = Vec::new();
    for command in terms.texts()? {
        let text = output(terms, &command)?;
        all.extend(splitlines(&text, false).into_iter().map(Value::from));
    }
    Ok(all)
}

fn url(terms: &mut Terms<'_, '_>) -> Outcome<Vec<Value>> {
    // The controller has no HTTP client of its own; curl is what the shell would use.
    let split = terms.flag("split_lines", true)?;
    let check = terms.flag("validate_certs", true)?;
    let timeout = terms.text("timeout", "10")?;
    let mut all = Vec::new();
    for address in terms.texts()? {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--fail", "--location", "--proto", "=http,https,ftp"]);
        curl.args(["--max-time", &timeout]);
        if !check {
            curl.arg("--insecure");
        }
        if let (Some(_), Some(_)) = (terms.option("username"), terms.option("password")) {
            let user = format!("{}:{}", terms.text("username", "")?, terms.text("password", "")?);
            curl.args(["--user", &user]);
        }
        if let Some(headers) = terms.option("headers") {
            for (name, value) in crate::template::python::kind::pairs(headers)? {
                curl.arg("--header").arg(format!("{name}: {value}"));
            }
        }
        curl.arg("--").arg(&address).stdin(Stdio::null());
        let text = match curl.output() {
            Ok(done) if done.status.success() => String::from_utf8_lossy(&done.stdout).into_owned(),
            Ok(done) => return fail(format!("{address}: {}", String::from_utf8_lossy(&done.stderr).trim())),
            Err(error) => {
                return fail(format!("the program curl can't be run: {error}"))
                    .map_err(|fault: Box<Fault>| fault.hint("install curl on this machine"));
            }
        };
        if split {
            all.extend(splitlines(&text, false).into_iter().map(Value::from));
        } else {
            all.push(Value::from(text));
        }
    }
    Ok(all)
}

const LETTERS: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const DIGITS: &str = "0123456789";
const PUNCTUATION: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

/// What passwords are made of: names of sets of characters, or characters.
fn characters(parts: &[String]) -> String {
    let mut all = String::new();
    for part in parts {
        match part.as_str() {
            "ascii_letters" => all.push_str(LETTERS),
            "ascii_lowercase" => all.push_str(&LETTERS[..26]),
            "ascii_uppercase" => all.push_str(&LETTERS[26..]),
            "digits" => all.push_str(DIGITS),
            "hexdigits" => all.push_str("0123456789abcdefABCDEF"),
            "octdigits" => all.push_str("01234567"),
            "punctuation" => all.push_str(PUNCTUATION),
            "whitespace" => all.push_str(" \t\n\r\u{b}\u{c}"),
            "printable" => {
                for set in [DIGITS, LETTERS, PUNCTUATION, " \t\n\r\u{b}\u{c}"] {
                    all.push_str(set);
                }
            }
            other => all.push_str(&other.replace(['"', '\''], "")),
        }
    }
    all
}

struct Wanted {
    path: String,
    length: usize,
    characters: String,
    encrypt: Option<String>,
    ident: Option<String>,
    seed: Option<Value>,
}

fn wanted(terms: &Terms<'_, '_>, term: &str) -> Outcome<Wanted> {
    let mut options: Vec<(String, Value)> = terms.options.clone();
    let mut path = Vec::new();
    for word in term.split(' ') {
        match word.split_once('=') {
            Some((name @ ("length" | "encrypt" | "chars" | "ident" | "seed"), value)) => {
                options.push((name.to_owned(), Value::from(value)));
            }
            _ => path.push(word),
        }
    }
    let get = |name: &str| {
        options.iter().rev().find(|(known, value)| known == name && !value.is_none()).map(|(_, value)| value)
    };
    let parts: Vec<String> = match get("chars").map(|chars| (kind(chars), chars)) {
        None => vec!["ascii_letters".into(), "digits".into(), ".,:-_".into()],
        Some((Kind::Seq, list)) => items(list)?.iter().map(ToString::to_string).collect(),
        Some((_, text)) => {
            // `,,` stands for a comma itself.
            let text = text.to_string();
            let mut parts: Vec<String> =
                text.replace(",,", "\u{0}").split(',').map(|part| part.replace('\u{0}', ",")).collect();
            parts.retain(|part| !part.is_empty());
            parts
        }
    };
    let length =
        get("length").and_then(|length| length.as_usize().or_else(|| length.as_str()?.parse().ok())).unwrap_or(20);
    let encrypt = get("encrypt").and_then(|how| match kind(how) {
        Kind::Bool(true) => Some("sha512".to_owned()),
        Kind::Bool(false) => None,
        _ => Some(how.to_string()).filter(|how| how != "False" && !how.is_empty()),
    });
    Ok(Wanted {
        path: path.join(" ").trim().to_owned(),
        length,
        characters: characters(&parts),
        encrypt,
        ident: get("ident").map(ToString::to_string),
        seed: get("seed").cloned(),
    })
}

fn password(terms: &mut Terms<'_, '_>) -> Outcome<Vec<Value>> {
    let mut all = Vec::new();
    for term in terms.texts()? {
        let wanted = wanted(terms, &term)?;
        all.push(Value::from(one_password(terms, &wanted)?));
    }
    Ok(all)
}

fn one_password(terms: &Terms<'_, '_>, wanted: &Wanted) -> Outcome<String> {
    let make = || -> Outcome<String> {
        let mut random = match &wanted.seed {
            Some(seed) => Random::seeded(seed)?,
            None => Random::unseeded(),
        };
        if wanted.characters.is_empty() {
            return fail("there are no characters to make a password of");
        }
        Ok(random_text(&mut random, wanted.length, &wanted.characters))
    };
    if wanted.path == "/dev/null" {
        let plain = make()?;
        return match &wanted.encrypt {
            Some(how) => hash(&plain, how, None, None, None, wanted.ident.as_deref()),
            None => Ok(plain),
        };
    }
    let path = match find(terms.machine.scope, &wanted.path, "files") {
        Ok(path) => path,
        Err(_) => {
            let path = expanded(&wanted.path);
            if Path::new(&path).is_absolute() {
                PathBuf::from(path)
            } else {
                terms.machine.scope.surroundings().playbook_dir.join(path)
            }
        }
    };
    let scope = terms.machine.scope;
    let plan = scope.surroundings().plan;
    let known = match scope.controller_file(&path) {
        Ok(text) => Some(String::from_utf8_lossy(&text).into_owned()),
        Err(Unread::Failed(error)) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(Unread::Unknown(_)) => None,
        Err(Unread::Failed(error)) => {
            return fail(format!("the password file {} can't be read: {error}", path.display()));
        }
    };
    let (mut plain, mut known_salt, mut changed) = (None, None, false);
    if let Some(line) = known.as_deref().map(str::trim_end) {
        let line = line.split_once(" ident=").map_or(line, |(line, _)| line);
        match line.rsplit_once(" salt=") {
            Some((text, salt)) => {
                plain = Some(text.to_owned());
                known_salt = Some(salt.to_owned());
            }
            None => plain = Some(line.to_owned()),
        }
    }
    // A password that is made of a seed is the same whenever it is made; one that is drawn is not, and neither is salt.
    let drawn = plain.is_none() && wanted.seed.is_none() || wanted.encrypt.is_some() && known_salt.is_none();
    if plan && drawn {
        let why = format!("a new password, which is to be written to {}", path.display());
        scope.foresee_controller_file(&path, 0o600, Err(why.clone()));
        return Err(Fault::new(TemplateErrorKind::Unknown, why));
    }
    let plain = match plain {
        Some(plain) => plain,
        None => {
            changed = true;
            make()?
        }
    };
    if wanted.encrypt.is_some() && known_salt.is_none() {
        let length =
            if wanted.encrypt.as_deref().is_some_and(|how| matches!(how, "blowfish" | "bcrypt")) { 22 } else { 8 };
        known_salt = Some(salt(length));
        changed = true;
    }
    if changed {
        let mut line = plain.clone();
        if let Some(salt) = &known_salt {
            line.push_str(&format!(" salt={salt}"));
        }
        if let (Some(ident), Some(_)) = (&wanted.ident, &wanted.encrypt) {
            line.push_str(&format!(" ident={ident}"));
        }
        match plan {
            true => scope.foresee_controller_file(&path, 0o600, Ok((line + "\n").into_bytes())),
            false => write_password(&path, &line)?,
        }
    }
    match &wanted.encrypt {
        Some(how) => hash(&plain, how, known_salt.as_deref(), None, None, wanted.ident.as_deref()),
        None => Ok(plain),
    }
}

/// Writes the file whole or not at all, for its owner alone.
fn write_password(path: &Path, line: &str) -> Outcome<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || -> std::io::Result<()> {
        std::os::unix::fs::DirBuilderExt::mode(std::fs::DirBuilder::new().recursive(true), 0o700).create(folder)?;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let beside = folder.join(format!(".{name}.{}", std::process::id()));
        let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        writeln!(file, "{line}")?;
        file.sync_all()?;
        std::fs::rename(&beside, path)
    };
    write().or_else(|error| fail(format!("the password can't be written to {}: {error}", path.display())))
}

fn random_string(terms: &mut Terms<'_, '_>) -> Outcome<Vec<Value>> {
    let number = |name: &str, default: usize| -> Outcome<usize> {
        Ok(terms.option(name).and_then(Value::as_usize).unwrap_or(default))
    };
    let length = number("length", 8)?;
    let mut random = match terms.option("seed") {
        Some(seed) => Random::seeded(seed)?,
        None => Random::unseeded(),
    };
    let special = terms.text("override_special", PUNCTUATION)?;
    let sets = [
        ("numbers", "min_numeric", DIGITS),
        ("lower", "min_lower", &LETTERS[..26]),
        ("upper", "min_upper", &LETTERS[26..]),
        ("special", "min_special", special.as_str()),
    ];
    let similar = terms.flag("ignore_similar_chars", false)?;
    let similar_chars = if similar { terms.text("similar_chars", "il1LoO0")? } else { String::new() };
    let without = |set: &str| set.chars().filter(|char| !similar_chars.contains(*char)).collect::<String>();
    let mut allowed = terms.text("override_all", "")?;
    let mut chosen = String::new();
    if allowed.is_empty() {
        for (flag, _, set) in sets {
            if terms.flag(flag, true)? {
                allowed.push_str(&without(set));
            }
        }
        for (_, least, set) in sets {
            chosen.push_str(&random_text(&mut random, number(least, 0)?, &without(set)));
        }
    }
    if allowed.is_empty() {
        return fail("Available characters cannot be None, please change constraints");
    }
    let missing = length.saturating_sub(chosen.chars().count());
    chosen.push_str(&random_text(&mut random, missing, &allowed));
    let mut shuffled: Vec<char> = chosen.chars().collect();
    random.shuffle(&mut shuffled);
    let text: String = shuffled.into_iter().collect();
    if terms.flag("base64", false)? {
        return Ok(vec![Value::from(base64::Engine::encode(&base64::engine::general_purpose::STANDARD, text))]);
    }
    Ok(vec![Value::from(text)])
}

/// Words for names of pets: adverbs, adjectives and animals.
const WORDS: [&[&str]; 3] = [
    &[
        "barely", "boldly", "calmly", "duly", "early", "evenly", "fairly", "firmly", "gently", "gladly", "keenly",
        "kindly", "lively", "nicely", "openly", "partly", "quickly", "rarely", "safely", "truly",
    ],
    &[
        "able", "bold", "brave", "bright", "calm", "clever", "daring", "eager", "fair", "fond", "glad", "happy",
        "ideal", "keen", "kind", "lucky", "noble", "proud", "quick", "wise",
    ],
    &[
        "badger", "bear", "bison", "crane", "deer", "eagle", "falcon", "finch", "fox", "hare", "heron", "lynx", "mole",
        "otter", "owl", "raven", "robin", "seal", "swan", "wolf",
    ],
];

fn random_pet(terms: &mut Terms<'_, '_>) -> Outcome<Vec<Value>> {
    let mut random = Random::unseeded();
    let count = terms.option("words").and_then(Value::as_usize).unwrap_or(2).clamp(1, 16);
    let limit = terms.option("length").and_then(Value::as_usize).unwrap_or(6);
    let mut words = Vec::new();
    if terms.option("prefix").is_some() {
        words.push(terms.text("prefix", "")?);
    }
    for at in 0..count {
        let list = match count - at {
            1 => WORDS[2],
            2 => WORDS[1],
            _ => WORDS[0],
        };
        let short: Vec<&str> = list.iter().copied().filter(|word| word.len() <= limit).collect();
        let list = if short.is_empty() { list.to_vec() } else { short };
        words.push(list[random.below(list.len() as u128) as usize].to_owned());
    }
    Ok(vec![Value::from(words.join(&terms.text("separator", "-")?))])
}
