//! What effects make of one file: for who has their list, and no shadow.

use super::effect::{Bytes, Effect};
use std::path::{Path, PathBuf};

/// A file after effects.
#[derive(Clone, Debug, PartialEq)]
pub enum ForeseenFile {
    /// What this path has now: the file's own, or another one that it would be a copy of.
    Live(PathBuf),
    /// This.
    Content(Bytes),
    /// There is none.
    Gone,
    /// Known only when it runs; why.
    Unknown(String),
}

impl ForeseenFile {
    /// The file of a path, which has no links in it but for the last component, after these effects.
    pub fn after<'e>(effects: impl DoubleEndedIterator<Item = &'e Effect>, path: &Path) -> ForeseenFile {
        let mut at = path.to_owned();
        // From the last one back: what made it what it is decides.
        for effect in effects.rev() {
            match effect {
                Effect::WriteFile { path, content, .. } if *path == at => {
                    return ForeseenFile::Content(content.clone());
                }
                Effect::CopyFile { path, from, .. } if *path == at => at.clone_from(from),
                Effect::HardLink { path, target, .. } if *path == at => at.clone_from(target),
                Effect::Symlink { path, target, .. } if *path == at => {
                    at = path.parent().unwrap_or(Path::new("/")).join(target);
                }
                Effect::CreateDir { path, .. } if at.starts_with(path) && *path != at => return ForeseenFile::Gone,
                Effect::Rename { from, to, .. } => {
                    if let Ok(rest) = at.strip_prefix(to) {
                        at = if rest.as_os_str().is_empty() { from.clone() } else { from.join(rest) };
                    } else if at.starts_with(from) {
                        return ForeseenFile::Gone;
                    }
                }
                Effect::Remove { path, .. } if at.starts_with(path) => return ForeseenFile::Gone,
                Effect::Hide { path, why, .. } if at.starts_with(path) => {
                    return ForeseenFile::Unknown(format!("what is in {}: {why}", at.display()));
                }
                _ => {}
            }
        }
        ForeseenFile::Live(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Moment;

    const AT: Moment = Moment { seconds: 1, nanos: 0 };

    fn write(path: &str, content: &str) -> Effect {
        let content = Bytes::from(content.as_bytes());
        Effect::WriteFile { path: path.into(), content, mode: 0o644, uid: 0, gid: 0, at: AT }
    }

    fn rename(from: &str, to: &str) -> Effect {
        Effect::Rename { from: from.into(), to: to.into(), at: AT }
    }

    fn after(effects: &[Effect], path: &str) -> ForeseenFile {
        ForeseenFile::after(effects.iter(), Path::new(path))
    }

    #[test]
    fn the_last_effect_that_concerns_a_file_decides() {
        let content = |text: &str| ForeseenFile::Content(Bytes::from(text.as_bytes()));
        let copy = Effect::CopyFile { from: "/a".into(), path: "/copy".into(), uid: 0, gid: 0, at: AT };
        let effects = [write("/a", "1"), copy, write("/a", "2"), rename("/a", "/d/b")];
        assert_eq!(after(&effects, "/copy"), content("1"));
        assert_eq!(after(&effects, "/d/b"), content("2"));
        assert_eq!(after(&effects, "/a"), ForeseenFile::Gone);
        assert_eq!(after(&effects, "/other"), ForeseenFile::Live("/other".into()));
        assert_eq!(after(&[rename("/old", "/new")], "/new/x"), ForeseenFile::Live("/old/x".into()));
        let hide = Effect::Hide { path: "/tree".into(), entirely: false, why: "what git brings".to_owned() };
        assert!(matches!(after(&[hide], "/tree/x"), ForeseenFile::Unknown(why) if why.ends_with("what git brings")));
        let gone = [write("/d/x", "1"), Effect::Remove { path: "/d".into(), at: AT }];
        assert_eq!(after(&gone, "/d/x"), ForeseenFile::Gone);
    }
}
