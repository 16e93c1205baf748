//! Paths as Python's `os.path` handles them: as text, without looking at files.

/// The part after the last slash.
pub fn basename(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// The part before the last slash.
pub fn dirname(path: &str) -> &str {
    let head = path.rsplit_once('/').map_or("", |(head, _)| head);
    let start = &path[..path.len().min(head.len() + 1)];
    if head.bytes().all(|byte| byte == b'/') {
        if path.starts_with('/') { start } else { "" }
    } else {
        head.trim_end_matches('/')
    }
}

/// Without `.`, `..` and doubled slashes.
pub fn normalized(path: &str) -> String {
    let root = if path.starts_with("//") && !path.starts_with("///") {
        "//"
    } else if path.starts_with('/') {
        "/"
    } else {
        ""
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if !root.is_empty() => {}
            part => parts.push(part),
        }
    }
    let joined = format!("{root}{}", parts.join("/"));
    if joined.is_empty() { ".".to_owned() } else { joined }
}

/// `os.path.join`.
pub fn joined<'p>(parts: impl IntoIterator<Item = &'p str>) -> String {
    let mut out = String::new();
    for (index, part) in parts.into_iter().enumerate() {
        if index == 0 || part.starts_with('/') {
            part.clone_into(&mut out);
        } else {
            if !out.is_empty() && !out.ends_with('/') {
                out.push('/');
            }
            out.push_str(part);
        }
    }
    out
}

/// The path from the present directory.
pub fn absolute(path: &str) -> String {
    if path.starts_with('/') {
        return normalized(path);
    }
    let here = std::env::current_dir().map(|here| here.display().to_string()).unwrap_or_default();
    normalized(&joined([here.as_str(), path]))
}

/// With `~` replaced by the home directory.
pub fn expanded(path: &str) -> String {
    match path.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => match std::env::var("HOME") {
            Ok(home) => format!("{}{rest}", home.trim_end_matches('/')),
            Err(_) => path.to_owned(),
        },
        _ => path.to_owned(),
    }
}

/// Name and extension: a leading dot begins no extension.
pub fn split_extension(path: &str) -> (&str, &str) {
    let name_start = path.len() - basename(path).len();
    let name = &path[name_start..];
    let leading = name.len() - name.trim_start_matches('.').len();
    match name[leading..].rfind('.') {
        Some(dot) => path.split_at(name_start + leading + dot),
        None => (path, ""),
    }
}

/// The way from one directory to a path.
pub fn relative(path: &str, start: &str) -> String {
    let (path, start) = (absolute(path), absolute(start));
    let parts = |path: &str| path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let (path, start) = (parts(&path), parts(&start));
    let common = path.iter().zip(&start).take_while(|(one, other)| one == other).count();
    let up = std::iter::repeat_n("..", start.len() - common);
    let way: Vec<&str> = up.chain(path[common..].iter().map(String::as_str)).collect();
    if way.is_empty() { ".".to_owned() } else { way.join("/") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_apart_as_python_does() {
        assert_eq!((basename("/a/b/"), dirname("/a/b/"), dirname("/a"), dirname("a")), ("", "/a/b", "/", ""));
        assert_eq!(normalized("/a/../b/./c//d/.."), "/b/c");
        assert_eq!(normalized("../x/.."), "..");
        assert_eq!(split_extension("/a.b/.bashrc"), ("/a.b/.bashrc", ""));
        assert_eq!(split_extension("a.tar.gz"), ("a.tar", ".gz"));
        assert_eq!(relative("/a/b", "/a/c/d"), "../../b");
        assert_eq!(joined(["a/", "b", "", "c"]), "a/b/c");
    }
}
