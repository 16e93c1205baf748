//! `encrypt_string`: values for YAML files.

use super::super::args::EncryptStringArgs;
use super::super::misused::Misused;
use super::super::prompt;
use super::place::{read, write};
use super::secrets::{Named, encrypt_id, gather};
use super::succeeded;
use crate::config::Settings;
use crate::vault::{Purpose, Vault};
use std::path::Path;
use zeroize::Zeroizing;

/// How far the encrypted lines are indented below the variable's name.
const INDENT: &str = "          ";

/// A text to encrypt.
struct Plain {
    text: Zeroizing<Vec<u8>>,
    /// Where it came from, for people.
    from: &'static str,
    name: Option<String>,
}

pub fn encrypt_string(settings: &Settings, args: &EncryptStringArgs) -> anyhow::Result<()> {
    let named_stdin = args.texts.iter().any(|text| text == "-") || args.stdin_name.is_some();
    if args.prompt && named_stdin {
        return Misused::because("--prompt can't be used while a text is read from standard input");
    }
    let vault = gather(settings, &Named::by(&args.secrets), Purpose::Encrypt, true)?;
    let id = encrypt_id(settings, &vault, args.with.encrypt_vault_id.as_deref())?;
    let plain = texts(args, named_stdin || args.texts.is_empty() && !args.prompt)?;
    let mut lines = Vec::new();
    for (index, one) in plain.iter().enumerate() {
        if one.text.is_empty() {
            return Misused::because(format!("the text from {} is empty: it is not encrypted", one.from));
        }
        if plain.len() > 1 {
            // To tell them apart; on standard error, for it is not meant for the file.
            let name = one.name.as_ref().map(|name| format!("variable \"{name}\", ")).unwrap_or_default();
            eprintln!("# {name}string #{} from {}", index + 1, one.from);
        }
        lines.push(value(&vault, one, id.as_deref())?);
    }
    write(args.output.as_deref().unwrap_or(Path::new("-")), (lines.join("\n") + "\n").as_bytes())?;
    succeeded("Encryption");
    Ok(())
}

/// What to encrypt, in the order in which it is written.
fn texts(args: &EncryptStringArgs, from_stdin: bool) -> anyhow::Result<Vec<Plain>> {
    let mut texts = Vec::new();
    if args.prompt {
        let name = prompt::ask_openly("Variable name (enter for no name): ")?;
        let text = match args.show_input {
            true => prompt::ask_openly("String to encrypt: ")?,
            false => prompt::ask("String to encrypt (hidden): ")?,
        };
        let name = Some(name).filter(|name| !name.is_empty());
        texts.push(Plain { text: Zeroizing::new(text.into_bytes()), from: "the interactive prompt", name });
    }
    if from_stdin {
        let text = read(Path::new("-"), "what to encrypt")?;
        texts.push(Plain { text, from: "stdin", name: args.stdin_name.clone() });
    }
    let given: Vec<&String> = args.texts.iter().filter(|text| *text != "-").collect();
    if let Some(last) = args.names.last().filter(|_| given.len() > args.names.len()) {
        eprintln!("There are fewer names than strings: `{last}` is the last one that has a name.");
    }
    for (index, text) in given.into_iter().enumerate() {
        let text = Zeroizing::new(text.clone().into_bytes());
        texts.push(Plain { text, from: "the command line args", name: args.names.get(index).cloned() });
    }
    Ok(texts)
}

/// `name: !vault |` and the encrypted lines.
fn value(vault: &Vault, plain: &Plain, id: Option<&str>) -> anyhow::Result<String> {
    let sealed = vault.encrypt(&plain.text, id)?;
    let name = plain.name.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
    let lines: Vec<String> = sealed.lines().map(|line| format!("{INDENT}{line}")).collect();
    Ok(format!("{name}!vault |\n{}", lines.join("\n")))
}
