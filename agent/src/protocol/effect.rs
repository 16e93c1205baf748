//! What a dry run foresees: the writes that a shadow keeps in memory, as data.

use crate::host::{Group, Moment, Scope, Shadow, Step, Times, UnitAction, UnitFileAction, User};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::path::PathBuf;
use std::sync::Arc;

/// One foreseen change of the host. Effects are applied in order; a later one of the same thing wins. Paths have no
/// links in them but for the last component; what a module left open (a mode, an owner) has been decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// A file has this content.
    WriteFile {
        /// Where.
        path: PathBuf,
        /// What.
        content: Bytes,
        /// Its permission bits.
        mode: u32,
        /// Its owner.
        uid: u32,
        /// Its group.
        gid: u32,
        /// When.
        at: Moment,
    },
    /// A file is a copy of another with its attributes.
    CopyFile {
        /// The other.
        from: PathBuf,
        /// The copy.
        path: PathBuf,
        /// Its owner.
        uid: u32,
        /// Its group.
        gid: u32,
        /// When.
        at: Moment,
    },
    /// There is a new directory.
    CreateDir {
        /// Where.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// Its owner.
        uid: u32,
        /// Its group.
        gid: u32,
        /// When.
        at: Moment,
    },
    /// There is a new symbolic link.
    Symlink {
        /// Where.
        path: PathBuf,
        /// Where it points.
        target: PathBuf,
        /// Its owner.
        uid: u32,
        /// Its group.
        gid: u32,
        /// When.
        at: Moment,
    },
    /// There is one more name of a file.
    HardLink {
        /// The new name.
        path: PathBuf,
        /// The old one.
        target: PathBuf,
        /// When.
        at: Moment,
    },
    /// Something has another name.
    Rename {
        /// The old one.
        from: PathBuf,
        /// The new one.
        to: PathBuf,
        /// When.
        at: Moment,
    },
    /// Something is gone, and all that was below it.
    Remove {
        /// What.
        path: PathBuf,
        /// When.
        at: Moment,
    },
    /// Something has other permission bits.
    SetMode {
        /// What.
        path: PathBuf,
        /// The bits.
        mode: u32,
        /// When.
        at: Moment,
    },
    /// Something has another owner or group.
    SetOwner {
        /// What.
        path: PathBuf,
        /// The owner.
        uid: u32,
        /// The group.
        gid: u32,
        /// When.
        at: Moment,
    },
    /// Something has other times.
    SetTimes {
        /// What.
        path: PathBuf,
        /// The times.
        times: Times,
        /// When.
        at: Moment,
    },
    /// Something has these attributes (`lsattr`'s letters).
    SetAttributes {
        /// What.
        path: PathBuf,
        /// All of them.
        letters: String,
        /// When.
        at: Moment,
    },
    /// Something has an xattr.
    SetXattr {
        /// What.
        path: PathBuf,
        /// The xattr's name.
        name: String,
        /// Its value.
        value: Bytes,
        /// When.
        at: Moment,
    },
    /// What is in a file, or below a directory, is known only when it runs.
    Hide {
        /// The file or directory.
        path: PathBuf,
        /// Whether its own attributes are known only then, too.
        entirely: bool,
        /// Why.
        why: String,
    },
    /// A command that only looks prints something else.
    ProgramSays {
        /// The command.
        argv: Vec<String>,
        /// How it ends.
        status: i32,
        /// What it prints.
        stdout: Bytes,
        /// What it prints on standard error.
        stderr: Bytes,
    },
    /// There is this user, with these supplementary groups.
    User {
        /// The user, whole.
        user: User,
        /// The entry in `/etc/shadow`, where it was changed.
        shadow: Option<Shadow>,
    },
    /// There is no such user any more.
    UserGone {
        /// The name.
        name: String,
    },
    /// There is this group, with these members.
    Group {
        /// The group, whole.
        group: Group,
    },
    /// There is no such group any more.
    GroupGone {
        /// The name.
        name: String,
    },
    /// Packages were installed or removed.
    Packages {
        /// Which, in order.
        steps: Vec<Step>,
        /// Of new ones whose archives could be read: what is known of what they bring, beyond the effects that follow.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        listings: Vec<Listing>,
    },
    /// Packages count as asked for by name.
    MarkManual {
        /// Which.
        names: Vec<String>,
    },
    /// Something else is to be done with a package from now on.
    Select {
        /// The package.
        name: String,
        /// `install`, `hold`, `deinstall`, `purge`.
        selection: String,
    },
    /// The lists of available packages were fetched.
    Refresh {
        /// When.
        at: Moment,
    },
    /// A unit was started, stopped, ...
    Unit {
        /// What was done.
        action: UnitAction,
        /// The unit, with its suffix.
        unit: String,
        /// Of which manager.
        scope: Scope,
    },
    /// A unit was enabled, masked, ...
    UnitFile {
        /// What was done.
        action: UnitFileAction,
        /// The unit, with its suffix.
        unit: String,
        /// Of which manager.
        scope: Scope,
    },
    /// The manager read the unit files again.
    ReloadManager {
        /// Which manager.
        scope: Scope,
    },
    /// The manager's program was started anew.
    ReexecManager {
        /// Which manager.
        scope: Scope,
    },
}

/// What is known of what a new package brings, where its archive was read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Listing {
    /// The package.
    pub package: String,
    /// Files that it brings and that are known by name only.
    pub vague: Vec<PathBuf>,
    /// What its maintainer's scripts say: what they mention they may change.
    pub scripts: String,
}

/// Content of a file. JSON has it as base64.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bytes(pub Arc<Vec<u8>>);

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Bytes {
        Bytes(Arc::new(bytes.to_vec()))
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use base64::Engine;
        serializer.serialize_str(&base64::engine::general_purpose::STANDARD.encode(&*self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        use base64::Engine;
        let text = String::deserialize(deserializer)?;
        let bytes = base64::engine::general_purpose::STANDARD.decode(text).map_err(serde::de::Error::custom)?;
        Ok(Bytes(Arc::new(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_survives_the_way_through_json() {
        let effect = Effect::WriteFile {
            path: "/etc/motd".into(),
            content: Bytes::from(&[0, 255, b'\n'][..]),
            mode: 0o644,
            uid: 0,
            gid: 0,
            at: Moment { seconds: 1, nanos: 2 },
        };
        let json = serde_json::to_string(&effect).unwrap();
        assert!(json.starts_with(r#"{"write_file":{"#) && json.contains(r#""AP8K""#), "{json}");
        assert_eq!(serde_json::from_str::<Effect>(&json).unwrap(), effect);
    }
}
