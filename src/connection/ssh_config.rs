//! What the user's ssh configuration says of a host, asked from `ssh -G`, and whether libssh2 can do it.
//!
//! The general rule: whatever differs from ssh's own defaults has to be an option that is honoured here, or that makes no
//! difference to what we do. Anything else, also an option that this program has never heard of, goes to the system's
//! `ssh`, which knows.

use super::{HostKeyPolicy, LinkError, Target, Transport};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock};

/// Options that libssh2's side honours.
const HONOURED: &[&str] = &[
    "certificatefile",
    "globalknownhostsfile",
    "hashknownhosts",
    "hostkeyalias",
    "hostname",
    "identitiesonly",
    "identityagent",
    "identityfile",
    "kbdinteractiveauthentication",
    "passwordauthentication",
    "port",
    "pubkeyauthentication",
    "stricthostkeychecking",
    "user",
    "userknownhostsfile",
];

/// Options that make no difference here: they concern terminals, forwarding that needs one, `ssh` processes shared or
/// left behind, what is shown to a person, or ways in that are tried beside those that we have.
const INDIFFERENT: &[&str] = &[
    "addkeystoagent",
    "batchmode",
    "canonicaldomains",
    "canonicalizefallbacklocal",
    "canonicalizehostname",
    "canonicalizemaxdots",
    "checkhostip",
    "clearallforwardings",
    "compression",
    "connectionattempts",
    "connecttimeout",
    "controlmaster",
    "controlpath",
    "controlpersist",
    "enableescapecommandline",
    "escapechar",
    "exitonforwardfailure",
    "fingerprinthash",
    "forkafterauthentication",
    "forwardx11",
    "forwardx11timeout",
    "forwardx11trusted",
    "gssapiauthentication",
    "gssapikexalgorithms",
    "gssapikeyexchange",
    "gssapirenewalforcesrekey",
    "gssapitrustdns",
    "host",
    "ipqos",
    "loglevel",
    "logverbose",
    "numberofpasswordprompts",
    "obscurekeystroketiming",
    "originalhost",
    "permitlocalcommand",
    "requesttty",
    "sendenv",
    "serveralivecountmax",
    "serveraliveinterval",
    "sessiontype",
    "stdinnull",
    "streamlocalbindmask",
    "streamlocalbindunlink",
    "syslogfacility",
    "tag",
    "tcpkeepalive",
    "updatehostkeys",
    "verifyhostkeydns",
    "versionaddendum",
    "visualhostkey",
    "warnweakcrypto",
    "xauthlocation",
];

/// The methods of authentication that libssh2's side knows, and the options that switch them off.
const METHODS: [(&str, &str); 3] = [
    ("publickey", "pubkeyauthentication"),
    ("password", "passwordauthentication"),
    ("keyboard-interactive", "kbdinteractiveauthentication"),
];

/// How to reach a host over SSH.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Settings {
    /// The name or address to connect to.
    pub host: String,
    /// The name to look for among known hosts, where it is another.
    pub alias: Option<String>,
    /// The port.
    pub port: u16,
    /// The user.
    pub user: String,
    /// Private keys to try, best first.
    pub keys: Vec<PathBuf>,
    /// Certificates beside those that lie beside their keys.
    pub certificates: Vec<PathBuf>,
    /// Whether only these keys may be tried, even where the ssh-agent has others.
    pub keys_only: bool,
    /// The methods of authentication that may be tried, by their names in the protocol.
    pub methods: Vec<&'static str>,
    /// The ssh-agent's socket.
    pub agent: Option<PathBuf>,
    /// Files of known hosts; a new key goes to the first.
    pub known_hosts: Vec<PathBuf>,
    /// Host keys that are not known.
    pub policy: HostKeyPolicy,
    /// Whether names are hashed when they are remembered.
    pub hash_names: bool,
    /// Why libssh2 can't do it.
    pub needs_system: Option<String>,
}

type Options = BTreeMap<String, Vec<String>>;

/// What is asked once for a run.
#[derive(Default)]
pub(super) struct SshConfig {
    speaks: OnceLock<bool>,
    defaults: Mutex<HashMap<String, Result<Options, String>>>,
}

impl SshConfig {
    /// How to reach a host.
    pub fn settings(&self, target: &Target) -> Result<Settings, LinkError> {
        let mut settings = own_settings(target);
        let speaks = *self.speaks.get_or_init(|| {
            let mut seen = HashSet::new();
            let mut files = vec![PathBuf::from("/etc/ssh/ssh_config")];
            files.extend(home().map(|home| home.join(".ssh/config")));
            files.iter().any(|file| says_something(file, &mut seen))
        });
        if target.ssh_args.is_empty() && !speaks {
            return Ok(settings);
        }
        let unreachable = |message: String| LinkError::Unreachable { message, midway: false };
        let defaults = {
            let mut known =
                self.defaults.lock().map_err(|_| unreachable("the ssh configuration is lost".to_owned()))?;
            let ask = || ask(&target.ssh_program, &["-F", "none"], "host");
            known.entry(target.ssh_program.clone()).or_insert_with(ask).clone()
        };
        let defaults = match defaults {
            Ok(defaults) => defaults,
            // Without an `ssh` there is nobody who could read its configuration, or follow its options.
            Err(_) if target.ssh_args.is_empty() && target.transport != Transport::System => return Ok(settings),
            Err(message) => return Err(unreachable(message)),
        };
        let mut args: Vec<&str> = target.ssh_args.iter().map(String::as_str).collect();
        let port = target.port.map(|port| port.to_string());
        args.extend(port.iter().flat_map(|port| ["-p", port]));
        args.extend(target.user.iter().flat_map(|user| ["-l", user]));
        let options = ask(&target.ssh_program, &args, &target.address).map_err(unreachable)?;
        apply(&options, &defaults, target, &mut settings);
        Ok(settings)
    }
}

/// Without any configuration.
fn own_settings(target: &Target) -> Settings {
    let ssh = home().map(|home| home.join(".ssh"));
    let in_ssh =
        |names: &[&str]| ssh.iter().flat_map(|ssh| names.iter().map(|name| ssh.join(name))).collect::<Vec<_>>();
    let mut keys: Vec<PathBuf> = target.private_key.iter().map(|key| expand(&key.to_string_lossy())).collect();
    keys.extend(in_ssh(&["id_rsa", "id_ecdsa", "id_ed25519"]).into_iter().filter(|key| key.exists()));
    let mut known_hosts = in_ssh(&["known_hosts", "known_hosts2"]);
    known_hosts.extend(["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"].map(PathBuf::from));
    Settings {
        host: target.address.clone(),
        alias: None,
        port: target.port.unwrap_or(22),
        user: target.user.clone().unwrap_or_else(local_user),
        keys,
        certificates: Vec::new(),
        keys_only: false,
        methods: METHODS.map(|(method, _)| method).to_vec(),
        agent: std::env::var_os("SSH_AUTH_SOCK").map(PathBuf::from),
        known_hosts,
        policy: target.host_keys,
        hash_names: false,
        needs_system: None,
    }
}

fn apply(options: &Options, defaults: &Options, target: &Target, settings: &mut Settings) {
    let one = |name: &str| options.get(name).and_then(|values| values.first()).map(String::as_str);
    let differs = |name: &str| options.get(name) != defaults.get(name);
    let paths = |name: &str| -> Vec<PathBuf> {
        let values = options.get(name).into_iter().flatten().flat_map(|value| value.split(' '));
        values.filter(|path| !path.is_empty() && *path != "none").map(expand).collect()
    };
    if let Some(host) = one("hostname") {
        settings.host = host.to_owned();
    }
    if let Some(port) = one("port").and_then(|port| port.parse().ok()) {
        settings.port = port;
    }
    if let Some(user) = one("user") {
        settings.user = user.to_owned();
    }
    settings.alias = one("hostkeyalias").filter(|alias| *alias != "none").map(str::to_owned);
    settings.keys_only = one("identitiesonly") == Some("yes");
    settings.hash_names = one("hashknownhosts") == Some("yes");
    settings.keys = target.private_key.iter().map(|key| expand(&key.to_string_lossy())).collect();
    let files = options.get("identityfile").into_iter().flatten().map(|path| expand(path));
    let files: Vec<PathBuf> = files.filter(|path| path.exists() && !settings.keys.contains(path)).collect();
    settings.keys.extend(files);
    settings.certificates = options.get("certificatefile").into_iter().flatten().map(|path| expand(path)).collect();
    match one("identityagent") {
        None | Some("SSH_AUTH_SOCK") => {}
        Some("none") => settings.agent = None,
        Some(path) => {
            settings.agent = match path.strip_prefix('$') {
                Some(name) => std::env::var_os(name.trim_matches(['{', '}'])).map(PathBuf::from),
                None => Some(expand(path)),
            }
        }
    }
    let preferred = one("preferredauthentications");
    let may = |(method, option): &(&'static str, &str)| {
        !matches!(one(option), Some("no" | "false"))
            && preferred.is_none_or(|preferred| preferred.split(',').any(|name| name == *method))
    };
    settings.methods = METHODS.iter().filter(|method| may(method)).map(|(method, _)| *method).collect();
    settings.known_hosts = paths("userknownhostsfile");
    settings.known_hosts.extend(paths("globalknownhostsfile"));
    if settings.policy == HostKeyPolicy::Strict && differs("stricthostkeychecking") {
        settings.policy = match one("stricthostkeychecking") {
            Some("accept-new") => HostKeyPolicy::AcceptNew,
            Some("no" | "off" | "false") => HostKeyPolicy::Off,
            _ => HostKeyPolicy::Strict,
        };
    }
    settings.needs_system = needs_system(options, defaults, settings);
}

fn needs_system(options: &Options, defaults: &Options, settings: &Settings) -> Option<String> {
    let names: HashSet<&String> = options.keys().chain(defaults.keys()).collect();
    let mut names: Vec<&&String> = names.iter().collect();
    names.sort();
    for name in names {
        let ours = name.as_str() == "preferredauthentications" && !settings.methods.is_empty();
        let known = ours || HONOURED.contains(&name.as_str()) || INDIFFERENT.contains(&name.as_str());
        let value = options.get(*name);
        let none = value.is_none_or(|values| values.iter().all(|value| value == "none"));
        let default_none = defaults.get(*name).is_none_or(|values| values.iter().all(|value| value == "none"));
        if !known && value != defaults.get(*name) && !(none && default_none) {
            let value = value.map(|values| values.join(" ")).unwrap_or_default();
            return Some(format!("{name} {value}"));
        }
    }
    // Only ssh knows what stands for what in these.
    for name in ["certificatefile", "hostkeyalias", "identityagent", "identityfile", "userknownhostsfile"] {
        let values = options.get(name).into_iter().flatten();
        let strange = |value: &&String| value.replace("%d/", "").contains('%') || value.contains("${");
        if let Some(value) = values.filter(|_| options.get(name) != defaults.get(name)).find(strange) {
            return Some(format!("{name} {value}"));
        }
    }
    settings.keys.iter().find(|key| on_a_token(key)).map(|key| format!("the key {} is on a token", key.display()))
}

/// Whether a key is one of those that live in a FIDO token.
fn on_a_token(key: &Path) -> bool {
    let mut public = key.as_os_str().to_owned();
    public.push(".pub");
    std::fs::read_to_string(public).is_ok_and(|text| text.starts_with("sk-"))
}

fn ask(program: &str, args: &[&str], address: &str) -> Result<Options, String> {
    let output =
        Command::new(program).arg("-G").args(args).arg(address).stdin(Stdio::null()).output().map_err(|error| {
            format!("cannot ask `{program} -G` for the ssh configuration: {error} (is it installed?)")
        })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("`{program} -G {} {address}` says: {}", args.join(" "), said.trim()));
    }
    let mut options = Options::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let (name, value) = line.split_once(' ').unwrap_or((line, ""));
        options.entry(name.to_ascii_lowercase()).or_default().push(value.to_owned());
    }
    Ok(options)
}

/// Whether a configuration file has an option that could matter: then `ssh -G` is worth its process for each host.
fn says_something(file: &Path, seen: &mut HashSet<PathBuf>) -> bool {
    if !seen.insert(file.to_owned()) {
        return false;
    }
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => return error.kind() != std::io::ErrorKind::NotFound,
    };
    text.lines().any(|line| {
        let line = line.trim();
        let mut words = line.split(|letter: char| letter.is_whitespace() || letter == '=').filter(|w| !w.is_empty());
        let Some(name) = words.next().filter(|name| !name.starts_with('#')) else { return false };
        match name.to_ascii_lowercase().as_str() {
            "host" | "match" => false,
            // As distributions ship it: in a directory of snippets.
            "include" => words.any(|pattern| match pattern.strip_suffix("/*.conf") {
                Some(directory) if directory.starts_with('/') => match std::fs::read_dir(directory) {
                    Ok(entries) => entries
                        .flatten()
                        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "conf"))
                        .any(|entry| says_something(&entry.path(), seen)),
                    Err(error) => error.kind() != std::io::ErrorKind::NotFound,
                },
                _ => true,
            }),
            // Decides how we write to the user's file.
            "hashknownhosts" => false,
            name => !INDIFFERENT.contains(&name),
        }
    })
}

/// A path with `~` and `%d` as the user's home.
pub(super) fn expand(path: &str) -> PathBuf {
    let Some(home) = home() else { return PathBuf::from(path) };
    match path.strip_prefix("~/").or_else(|| path.strip_prefix("%d/")) {
        Some(rest) => home.join(rest),
        None => PathBuf::from(path),
    }
}

fn home() -> Option<PathBuf> {
    std::env::home_dir()
}

fn local_user() -> String {
    ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok()).filter(|user| !user.is_empty()).unwrap_or_else(
        || {
            let uid = rustix::process::getuid().as_raw().to_string();
            let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
            let mut lines = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
            let found = lines.find(|fields| fields.get(2) == Some(&uid.as_str()));
            found.and_then(|fields| fields.first().map(|name| (*name).to_owned())).unwrap_or_else(|| "root".to_owned())
        },
    )
}

/// Arguments for the system's `ssh`: options, then the destination.
pub(super) fn system_args(target: &Target, settings: &Settings) -> Vec<String> {
    // What comes first wins with ssh: the user's own arguments.
    let mut args = target.ssh_args.clone();
    let seconds = target.timeout.as_secs().max(1);
    let mut option = |text: String| args.extend(["-o".to_owned(), text]);
    match settings.policy {
        // Also keeps ssh from asking.
        HostKeyPolicy::Strict => option("StrictHostKeyChecking=yes".to_owned()),
        HostKeyPolicy::AcceptNew => option("StrictHostKeyChecking=accept-new".to_owned()),
        HostKeyPolicy::Off => option("StrictHostKeyChecking=no".to_owned()),
    }
    // Only what went wrong, not that it took a key or left a terminal.
    option("LogLevel=ERROR".to_owned());
    // With a terminal, a tilde behind a line end would be a command to ssh.
    option("EscapeChar=none".to_owned());
    option(format!("ConnectTimeout={seconds}"));
    option("ServerAliveInterval=10".to_owned());
    option("ServerAliveCountMax=3".to_owned());
    option("NumberOfPasswordPrompts=1".to_owned());
    if target.password.is_none() {
        option("BatchMode=yes".to_owned());
    }
    if let Some(key) = &target.private_key {
        option(format!("IdentityFile=\"{}\"", expand(&key.to_string_lossy()).display()));
    }
    if let Some(port) = target.port {
        option(format!("Port={port}"));
    }
    if let Some(user) = &target.user {
        option(format!("User=\"{user}\""));
    }
    args.push("--".to_owned());
    args.push(target.address.clone());
    args
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::target::tests::target;

    fn with_args(args: &[&str]) -> Settings {
        let target = Target { ssh_args: args.iter().map(|arg| (*arg).to_owned()).collect(), ..target() };
        SshConfig::default().settings(&target).unwrap()
    }

    #[test]
    fn options_that_are_honoured_do_not_force_the_systems_ssh() {
        let settings = with_args(&[
            "-F",
            "none",
            "-C",
            "-o",
            "ControlMaster=auto",
            "-o",
            "ControlPersist=60s",
            "-o",
            "Port=2222",
            "-o",
            "UserKnownHostsFile=/a/known /b/known",
            "-o",
            "StrictHostKeyChecking=accept-new",
            "-o",
            "User=deploy",
        ]);
        assert_eq!(settings.needs_system, None);
        assert_eq!((settings.port, settings.user.as_str()), (2222, "deploy"));
        assert_eq!(settings.known_hosts[..2], [PathBuf::from("/a/known"), PathBuf::from("/b/known")]);
        assert_eq!(settings.policy, HostKeyPolicy::AcceptNew);
    }

    #[test]
    fn what_libssh2_cannot_do_forces_it() {
        for option in [
            "ProxyCommand=nc %h %p",
            "ProxyJump=jump",
            "ForwardAgent=yes",
            "KexAlgorithms=curve25519-sha256",
            "PKCS11Provider=/x.so",
            "BindAddress=127.0.0.1",
            "SetEnv=A=b",
            "PreferredAuthentications=gssapi-with-mic",
            "RevokedHostKeys=/x",
            "IdentityFile=/x/%h",
            "KnownHostsCommand=/x",
            "NoHostAuthenticationForLocalhost=yes",
        ] {
            let settings = with_args(&["-F", "none", "-o", option]);
            let (name, _) = option.split_once('=').unwrap();
            let why = settings.needs_system.unwrap_or_else(|| panic!("{option} would be ignored"));
            assert!(why.starts_with(&name.to_ascii_lowercase()), "{option}: {why}");
        }
    }

    #[test]
    fn an_option_that_ssh_does_not_know_is_an_error() {
        let target = Target { ssh_args: vec!["-oNoSuchOption=1".to_owned()], ..target() };
        let error = SshConfig::default().settings(&target).unwrap_err().to_string();
        assert!(error.contains("nosuchoption"), "{error}");
    }

    #[test]
    fn a_configuration_as_distributions_ship_it_says_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let (file, snippets) = (directory.path().join("config"), directory.path().join("d"));
        std::fs::create_dir(&snippets).unwrap();
        let text =
            format!("# x\nInclude {}/*.conf\nHost *\n  SendEnv LANG LC_*\n  HashKnownHosts yes\n", snippets.display());
        std::fs::write(&file, text).unwrap();
        assert!(!says_something(&file, &mut HashSet::new()));
        std::fs::write(snippets.join("jump.conf"), "host a\n\tproxyjump = b\n").unwrap();
        assert!(says_something(&file, &mut HashSet::new()));
    }
}
