//! Paths, resolved by what a facet says is there rather than by the kernel: the live host and its shadow share the rule.

use super::{HostError, HostResult};
use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

/// Links that one path may go through, as the kernel counts them.
const MAX_LINKS: usize = 40;

/// The path with links resolved, as `realpath -m` does: what does not exist is kept as written. `link` says where a
/// path points, if it is a symbolic link. With `last` the last component is resolved too.
pub(crate) fn resolve(
    path: &Path,
    last: bool,
    link: &dyn Fn(&Path) -> HostResult<Option<PathBuf>>,
) -> HostResult<PathBuf> {
    let mut done = PathBuf::from("/");
    let mut todo: VecDeque<OsString> = components(path);
    let mut links = 0;
    while let Some(name) = todo.pop_front() {
        if name == ".." {
            done.pop();
            continue;
        }
        done.push(&name);
        if !last && todo.is_empty() {
            break;
        }
        let Some(target) = link(&done)? else { continue };
        links += 1;
        if links > MAX_LINKS {
            return Err(HostError::Io {
                doing: "resolve",
                path: path.to_owned(),
                source: std::io::Error::from_raw_os_error(libc::ELOOP),
            });
        }
        done.pop();
        if target.is_absolute() {
            done = PathBuf::from("/");
        }
        for name in components(&target).into_iter().rev() {
            todo.push_front(name);
        }
    }
    Ok(done)
}

fn components(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("..".into()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(path: &Path) -> HostResult<Option<PathBuf>> {
        Ok(match path.to_str() {
            Some("/a") => Some("/x/y".into()),
            Some("/x/up") => Some("../z".into()),
            Some("/loop") => Some("loop".into()),
            _ => None,
        })
    }

    #[test]
    fn links_in_the_middle_and_at_the_end_are_resolved() {
        let real = |path: &str| resolve(Path::new(path), true, &links).unwrap();
        assert_eq!(real("/a/b"), Path::new("/x/y/b"));
        assert_eq!(real("/x/up"), Path::new("/z"));
        assert_eq!(real("/a/../c"), Path::new("/x/c"), "`..` goes up from where the link leads");
        assert_eq!(real("/no/such/./thing/"), Path::new("/no/such/thing"));
        assert_eq!(real("/../.."), Path::new("/"));
    }

    #[test]
    fn the_last_link_stays_where_it_is_not_followed() {
        assert_eq!(resolve(Path::new("/x/up"), false, &links).unwrap(), Path::new("/x/up"));
        assert_eq!(resolve(Path::new("/a/up"), false, &links).unwrap(), Path::new("/x/y/up"));
    }

    #[test]
    fn a_loop_is_an_error() {
        assert!(resolve(Path::new("/loop/x"), true, &links).is_err());
    }
}
