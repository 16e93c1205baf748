//! The lines of `/etc/apt/sources.list` and of the files beside it.

use super::file_content::content_diff;
use crate::host::{Host, HostResult, WriteOptions};
use crate::outcome::Diff;
use std::path::{Path, PathBuf};

const MAIN: &str = "/etc/apt/sources.list";
const PARTS: &str = "/etc/apt/sources.list.d";

/// A source, or one that is commented out.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    pub(super) enabled: bool,
    /// `deb [arch=amd64] URL suite component`, words apart by one space.
    source: String,
    comment: String,
}

impl Line {
    /// Reads a line; `None` for what is no source.
    pub(super) fn parse(line: &str) -> Option<Line> {
        let line = line.trim();
        let (enabled, line) = match line.strip_prefix('#') {
            Some(rest) => (false, rest.trim_start_matches('#').trim()),
            None => (true, line),
        };
        let (source, comment) = match line.split_once('#') {
            Some((source, comment)) => (source.trim(), comment.trim()),
            None => (line, ""),
        };
        let mut words: Vec<&str> = source.split_whitespace().collect();
        if !matches!(words.first(), Some(&("deb" | "deb-src"))) {
            return None;
        }
        let source = words.join(" ");
        if words.get(1).is_some_and(|word| word.starts_with('[')) {
            let end = words.iter().position(|word| word.ends_with(']'))?;
            words.drain(1..=end);
        }
        // Kind, address, suite: a suite that ends with a slash has no components.
        let complete = match words.as_slice() {
            [_, _, suite] => suite.ends_with('/'),
            [_, _, _, _, ..] => true,
            _ => false,
        };
        complete.then(|| Line { enabled, source, comment: comment.to_owned() })
    }

    fn text(&self) -> String {
        let comment = if self.comment.is_empty() { String::new() } else { format!(" # {}", self.comment) };
        format!("{}{}{comment}\n", if self.enabled { "" } else { "# " }, self.source)
    }

    /// The name of a file for it, after its address.
    pub(super) fn suggested_file(&self) -> String {
        let mut rest = self.source.clone();
        if let (Some(start), Some(end)) = (rest.find('['), rest.find(']')) {
            rest.replace_range(start..=end, "");
        }
        let words: Vec<&str> = rest.split_whitespace().collect();
        let address = words.get(1).copied().unwrap_or_default();
        let address = address.split_once("://").map_or(address, |(_, rest)| rest);
        let address = address.rsplit_once('@').map_or(address, |(_, rest)| rest);
        let cleaned: String =
            address.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { ' ' }).collect();
        cleaned.split_whitespace().collect::<Vec<_>>().join("_")
    }
}

struct File {
    path: PathBuf,
    before: Option<String>,
    /// Each line as written, with the source that it is.
    lines: Vec<(String, Option<Line>)>,
    edited: bool,
}

/// The files of sources.
pub(super) struct Files(Vec<File>);

/// What was done to them.
pub(super) struct Written {
    pub(super) added: Vec<PathBuf>,
    pub(super) removed: Vec<PathBuf>,
    pub(super) diffs: Vec<Diff>,
}

impl Files {
    pub(super) fn read(host: &Host<'_>) -> HostResult<Files> {
        let mut paths = vec![PathBuf::from(MAIN)];
        match host.files.list(Path::new(PARTS)) {
            Ok(names) => paths.extend(names.into_iter().map(|name| Path::new(PARTS).join(name))),
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
        }
        paths.retain(|path| path == Path::new(MAIN) || path.extension().is_some_and(|extension| extension == "list"));
        let mut files = Vec::new();
        for path in paths {
            match host.files.read(&path) {
                Ok(bytes) => files.push(File::parse(path, Some(String::from_utf8_lossy(&bytes).into_owned()))),
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Files(files))
    }

    /// Has the source, in this file where no other has it. Whether that changes anything.
    pub(super) fn add(&mut self, line: &Line, path: &Path) -> bool {
        let mut found = false;
        for file in &mut self.0 {
            for (text, source) in &mut file.lines {
                let Some(there) = source.as_mut().filter(|there| there.source == line.source) else { continue };
                found = true;
                if !there.enabled {
                    there.enabled = true;
                    *text = there.text();
                    file.edited = true;
                }
            }
        }
        if !found {
            let at = self.0.iter().position(|file| file.path == path).unwrap_or_else(|| {
                self.0.push(File::parse(path.to_owned(), None));
                self.0.len() - 1
            });
            let file = &mut self.0[at];
            if let Some((text, _)) = file.lines.last_mut().filter(|(text, _)| !text.ends_with('\n')) {
                text.push('\n');
            }
            file.lines.push((format!("{}\n", line.source), Some(line.clone())));
            file.edited = true;
        }
        self.0.iter().any(|file| file.edited)
    }

    /// Has the source no more. Whether that changes anything.
    pub(super) fn remove(&mut self, line: &Line) -> bool {
        for file in &mut self.0 {
            let before = file.lines.len();
            file.lines
                .retain(|(_, there)| !there.as_ref().is_some_and(|there| there.enabled && there.source == line.source));
            file.edited |= file.lines.len() != before;
        }
        self.0.iter().any(|file| file.edited)
    }

    /// Writes what was edited; files in which nothing is left go.
    pub(super) fn write(&self, host: &Host<'_>, mode: Option<u32>) -> HostResult<Written> {
        let mut written = Written { added: Vec::new(), removed: Vec::new(), diffs: Vec::new() };
        for file in self.0.iter().filter(|file| file.edited) {
            let text: String = file.lines.iter().map(|(text, _)| text.as_str()).collect();
            let shown = file.path.to_string_lossy().into_owned();
            let before = file.before.as_deref().map(str::as_bytes);
            if text.is_empty() {
                host.files.remove_file(&file.path)?;
                written.removed.push(file.path.clone());
                written.diffs.push(content_diff(&shown, "/dev/null", before, None));
                continue;
            }
            if let Some(directory) = file.path.parent()
                && host.files.stat(directory, true)?.is_none()
            {
                host.files.create_dir(directory, None)?;
            }
            let mode = if file.before.is_none() { mode } else { None };
            host.files.write(&file.path, text.as_bytes(), &WriteOptions { mode, ..WriteOptions::default() })?;
            if file.before.is_none() {
                written.added.push(file.path.clone());
            }
            let header = if file.before.is_none() { "/dev/null" } else { &shown };
            written.diffs.push(content_diff(header, &shown, before, Some(text.as_bytes())));
        }
        Ok(written)
    }
}

impl Files {
    /// Puts everything back as it was.
    pub(super) fn restore(&self, host: &Host<'_>) -> HostResult<()> {
        self.0.iter().filter(|file| file.edited).try_for_each(|file| match &file.before {
            Some(before) => host.files.write(&file.path, before.as_bytes(), &WriteOptions::default()),
            None => host.files.remove_file(&file.path),
        })
    }
}

impl File {
    fn parse(path: PathBuf, before: Option<String>) -> File {
        let text = before.as_deref().unwrap_or_default();
        let lines = text.split_inclusive('\n').map(|line| (line.to_owned(), Line::parse(line))).collect();
        File { path, before, lines, edited: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_sources_with_options_or_not() {
        let line = Line::parse("deb  [arch=amd64 signed-by=/k.gpg] https://a.org/apt  stable main # note\n").unwrap();
        assert_eq!(line.source, "deb [arch=amd64 signed-by=/k.gpg] https://a.org/apt stable main");
        assert_eq!((line.enabled, line.comment.as_str()), (true, "note"));
        assert!(!Line::parse("# deb http://a.org x y").unwrap().enabled);
        assert!(Line::parse("deb file:/srv/apt ./").is_some());
        for wrong in ["", "# words", "deb", "deb http://a.org stable", "rpm http://a.org x y"] {
            assert!(Line::parse(wrong).is_none(), "{wrong}");
        }
    }

    // The names are those that Ansible gives.
    #[test]
    fn files_are_named_after_the_address() {
        for (line, name) in [
            ("deb https://artifacts.elastic.co/packages/6.x/apt stable main", "artifacts_elastic_co_packages_6_x_apt"),
            (
                "deb [arch=amd64] http://user:pw@dl.google.com:80/linux/chrome/deb/ stable main",
                "dl_google_com_80_linux_chrome_deb",
            ),
        ] {
            assert_eq!(Line::parse(line).unwrap().suggested_file(), name);
        }
    }
}
