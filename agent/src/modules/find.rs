//! `find`: the files below some directories that have all of some properties.

use super::byte_text::Encoding;
use super::checksum::Algorithm;
use super::file_mode::Mode;
use super::glob;
use super::host_path::absolute;
use super::python_regex::{Flags, Regex, Subject};
use super::stat::{kind_and_numbers, permissions};
use super::{Call, Module};
use crate::args::Args as _;
use crate::host::{Host, Kind, Stat};
use crate::outcome::{ModuleResult, Outcome, Stop};
use crate::{args, choices};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

choices! {
    /// What kind of thing is looked for.
    pub enum FileType {
        /// All kinds.
        Any = "any",
        /// Directories.
        Directory = "directory",
        /// Regular files.
        File = "file",
        /// Symbolic links.
        Link = "link",
    }
}

choices! {
    /// The time that an age counts from.
    pub enum AgeStamp {
        /// Last read.
        Atime = "atime",
        /// Last status change.
        Ctime = "ctime",
        /// Last content change.
        Mtime = "mtime",
    }
}

args! {
    /// What `find` takes.
    pub struct Args {
        /// The directories to look in.
        [aliases = ["name", "path"]]
        paths: Vec<PathBuf>,
        /// Names to take, as shell patterns or with `use_regex` as Python regular expressions that match from the start
        /// of the name; all names where there is none.
        [aliases = ["pattern"]]
        patterns: Vec<String> = Vec::new(),
        /// Names not to take, in the same form.
        [aliases = ["exclude"]]
        excludes: Option<Vec<String>>,
        /// Patterns are regular expressions.
        use_regex: bool = false,
        /// What to take.
        file_type: FileType = FileType::File,
        /// Take what is at least this old (`30`, `2h`, `1w`); with a minus sign, what is at most this old.
        age: Option<String>,
        /// The time that the age counts from.
        age_stamp: AgeStamp = AgeStamp::Mtime,
        /// Take what is at least this long (`10`, `4k`, `1g`); with a minus sign, at most this long. Directories have
        /// no size here.
        size: Option<String>,
        /// Take files with this mode, exactly or with `exact_mode: false` at least.
        mode: Option<Mode>,
        /// Whether a mode must match exactly.
        exact_mode: bool = true,
        /// Take files with a line whose beginning this regular expression matches.
        contains: Option<String>,
        /// Search the whole file at once for `contains`, anywhere.
        read_whole_file: bool = false,
        /// The encoding of the files for `contains`.
        encoding: Option<String>,
        /// Look in the directories' directories too.
        recurse: bool = false,
        /// Most levels to descend.
        depth: Option<u64>,
        /// Look at names that begin with a dot, too.
        hidden: bool = false,
        /// Descend into what links point to.
        follow: bool = false,
        /// Tell the checksum of each file.
        get_checksum: bool = false,
        /// The algorithm of the checksum.
        [aliases = ["checksum", "checksum_algo"]]
        checksum_algorithm: Algorithm = Algorithm::Sha1,
        /// Stop after this many.
        limit: Option<u64>,
    }
}

/// The declaration.
pub static MODULE: Module = Module {
    name: "find",
    aliases: &[],
    summary: "Find files by name, age, size, mode and content",
    args: Args::specs,
    rules: &[],
    free_form: None,
    run: Some(run),
};

/// At least so much; at most where negative.
struct Bound(i64);

impl Bound {
    /// `units` are the letters with what each multiplies by.
    fn read(text: &str, units: &[(char, i64)]) -> Option<Bound> {
        let text = text.trim().to_ascii_lowercase();
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = &text[digits.len()..];
        let factor = match unit.chars().next() {
            None => 1,
            Some(letter) if unit.len() == 1 => units.iter().find(|(known, _)| *known == letter)?.1,
            Some(_) => return None,
        };
        digits.parse::<i64>().ok()?.checked_mul(factor).map(Bound)
    }

    fn holds(&self, value: i64) -> bool {
        if self.0 >= 0 { value >= self.0 } else { value <= self.0.saturating_abs() }
    }
}

const AGES: [(char, i64); 5] = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400), ('w', 604_800)];
const SIZES: [(char, i64); 6] =
    [('b', 1), ('k', 1 << 10), ('m', 1 << 20), ('g', 1 << 30), ('t', 1 << 40), ('p', 1 << 50)];

/// What is asked for, compiled.
struct Search<'a> {
    host: &'a Host<'a>,
    args: &'a Args,
    patterns: Vec<Pattern>,
    excludes: Vec<Pattern>,
    age: Option<Bound>,
    size: Option<Bound>,
    contains: Option<Regex>,
    encoding: Encoding,
    now: i64,
    examined: u64,
    files: Vec<Value>,
    skipped: Map<String, Value>,
}

fn run(call: &Call<'_>) -> ModuleResult {
    let args: Args = call.args()?;
    let compile = |patterns: &[String]| {
        patterns
            .iter()
            .map(|pattern| match args.use_regex {
                true => Regex::anchored(pattern, Subject::Text).map(Pattern::Regexp),
                false => Ok(Pattern::Shell(pattern.clone())),
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(Stop::failed)
    };
    let bound = |text: &Option<String>, units: &[(char, i64)], what: &str| match text {
        None => Ok(None),
        Some(text) => match Bound::read(text, units) {
            Some(bound) => Ok(Some(bound)),
            None => Err(Stop::failed(format!("failed to process {what}: {text:?} is no number with a unit"))),
        },
    };
    let contains = match &args.contains {
        None => None,
        Some(pattern) if args.read_whole_file => Some(Regex::new(pattern, Subject::Text, Flags::default())),
        Some(pattern) => Some(Regex::anchored(pattern, Subject::Text)),
    };
    let mut search = Search {
        host: call.host,
        patterns: compile(&args.patterns)?,
        excludes: compile(args.excludes.as_deref().unwrap_or_default())?,
        age: bound(&args.age, &AGES, "age")?,
        size: bound(&args.size, &SIZES, "size")?,
        contains: contains.transpose().map_err(Stop::failed)?,
        encoding: Encoding::named(args.encoding.as_deref().unwrap_or("utf-8")).map_err(Stop::failed)?,
        now: call.host.clock.now().seconds,
        examined: 0,
        files: Vec::new(),
        skipped: Map::new(),
        args: &args,
    };
    for path in &args.paths {
        let path = absolute(call.host, path)?;
        match call.host.files.stat(&path, true)? {
            Some(stat) if stat.kind == Kind::Directory => search.directory(&path, 1, &mut Vec::new())?,
            _ => search.skip(&path, format!("'{}' is not a directory", path.display())),
        }
    }
    let msg = match search.skipped.is_empty() {
        true if search.full() => "Limit of matches reached",
        true => "All paths examined",
        false => "Not all paths examined, check warnings for details",
    };
    let mut outcome = Outcome::ok()
        .with("matched", search.files.len())
        .with("examined", search.examined)
        .with("msg", msg)
        .with("skipped_paths", search.skipped.clone());
    for (path, why) in &search.skipped {
        outcome = outcome
            .warn(format!("Skipped '{path}' path due to this access issue: {}", why.as_str().unwrap_or_default()));
    }
    Ok(outcome.with("files", search.files))
}

/// A pattern of names.
enum Pattern {
    Shell(String),
    Regexp(Regex),
}

impl Pattern {
    fn matches(&self, name: &str) -> Result<bool, String> {
        match self {
            Pattern::Shell(pattern) => Ok(glob::matches(pattern, name)),
            Pattern::Regexp(regex) => regex.matches(name),
        }
    }
}

impl Search<'_> {
    fn skip(&mut self, path: &Path, why: String) {
        self.skipped.insert(path.to_string_lossy().into_owned(), why.into());
    }

    fn full(&self) -> bool {
        self.args.limit.is_some_and(|limit| self.files.len() as u64 >= limit)
    }

    /// One directory: what is in it first, then the directories in it. `above` are the real paths of those that it is
    /// in: with `follow`, links may lead back.
    fn directory(&mut self, directory: &Path, level: u64, above: &mut Vec<PathBuf>) -> Result<(), Stop> {
        let names = match self.host.files.list(directory) {
            Ok(names) => names,
            Err(error @ crate::host::HostError::Io { .. }) => {
                self.skip(directory, error.to_string());
                return Ok(());
            }
            Err(other) => return Err(other.into()),
        };
        let mut below = Vec::new();
        for name in names {
            self.examined += 1;
            let path = directory.join(&name);
            // Gone between the listing and here.
            let Some(stat) = self.host.files.stat(&path, false)? else { continue };
            let leads_on = match stat.kind {
                Kind::Directory => true,
                Kind::Link => {
                    self.args.follow && self.host.files.stat(&path, true)?.is_some_and(|s| s.kind == Kind::Directory)
                }
                _ => false,
            };
            let name = name.to_string_lossy().into_owned();
            if name.starts_with('.') && !self.args.hidden {
                continue;
            }
            if leads_on {
                below.push(path.clone());
            }
            if self.full() {
                return Ok(());
            }
            if self.matches(&path, &name, &stat)? {
                let told = self.told(&path, &stat)?;
                self.files.push(told);
            }
        }
        let deeper = self.args.recurse && self.args.depth.is_none_or(|depth| depth == 0 || level < depth);
        if !deeper || self.full() {
            return Ok(());
        }
        let real = self.host.files.canonical(directory)?;
        above.push(real);
        for path in below {
            if !above.contains(&self.host.files.canonical(&path)?) {
                self.directory(&path, level + 1, above)?;
            }
        }
        above.pop();
        Ok(())
    }

    fn matches(&self, path: &Path, name: &str, stat: &Stat) -> Result<bool, Stop> {
        let kind = match self.args.file_type {
            FileType::Any => true,
            FileType::Directory => stat.kind == Kind::Directory,
            FileType::File => stat.kind == Kind::File,
            FileType::Link => stat.kind == Kind::Link,
        };
        if !kind || !self.named(name)? {
            return Ok(false);
        }
        let stamp = match self.args.age_stamp {
            AgeStamp::Atime => stat.atime,
            AgeStamp::Ctime => stat.ctime,
            AgeStamp::Mtime => stat.mtime,
        };
        if self.age.as_ref().is_some_and(|age| !age.holds(self.now - stamp.seconds)) {
            return Ok(false);
        }
        let measured = stat.kind == Kind::File;
        let size = i64::try_from(stat.size).unwrap_or(i64::MAX);
        if measured && self.size.as_ref().is_some_and(|bound| !bound.holds(size)) {
            return Ok(false);
        }
        if let Some(mode) = &self.args.mode {
            let bits = mode.bits(0, stat.kind == Kind::Directory, 0, None);
            let right = if self.args.exact_mode { stat.mode == bits } else { stat.mode & bits == bits };
            if !right {
                return Ok(false);
            }
        }
        match &self.contains {
            Some(regex) if self.args.file_type == FileType::File => self.contains(path, regex),
            _ => Ok(true),
        }
    }

    fn named(&self, name: &str) -> Result<bool, Stop> {
        let any = |patterns: &[Pattern]| {
            for pattern in patterns {
                if pattern.matches(name)? {
                    return Ok(true);
                }
            }
            Ok::<_, String>(false)
        };
        let taken = self.patterns.is_empty() || any(&self.patterns).map_err(Stop::failed)?;
        Ok(taken && !any(&self.excludes).map_err(Stop::failed)?)
    }

    fn contains(&self, path: &Path, regex: &Regex) -> Result<bool, Stop> {
        let text = match self.host.files.read(path) {
            Ok(content) => self.encoding.decode(&content),
            // A file that may not be read contains nothing that can be told.
            Err(crate::host::HostError::Io { .. }) => return Ok(false),
            Err(other) => return Err(other.into()),
        };
        let Ok(text) = text else { return Ok(false) };
        if self.args.read_whole_file {
            return regex.matches(&text).map_err(Stop::failed);
        }
        for line in text.split_inclusive('\n') {
            if regex.matches(line).map_err(Stop::failed)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn told(&self, path: &Path, stat: &Stat) -> Result<Value, Stop> {
        let mut told = Map::new();
        told.insert("path".to_owned(), path.to_string_lossy().into_owned().into());
        kind_and_numbers(stat, &mut told);
        let group = self.host.accounts.group_by_id(stat.gid)?.map(|group| group.name).unwrap_or_default();
        let owner = self.host.accounts.user_by_id(stat.uid)?.map(|user| user.name).unwrap_or_default();
        told.insert("gr_name".to_owned(), group.into());
        told.insert("pw_name".to_owned(), owner.into());
        permissions(stat, &mut told);
        told.insert("isuid".to_owned(), (stat.mode & 0o4000 != 0).into());
        told.insert("isgid".to_owned(), (stat.mode & 0o2000 != 0).into());
        if self.args.get_checksum && stat.kind == Kind::File {
            let sum = self.args.checksum_algorithm.of_file(self.host.files, path)?;
            told.insert("checksum".to_owned(), sum.into());
        }
        Ok(Value::Object(told))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds() {
        let age = |text: &str| Bound::read(text, &AGES).map(|bound| bound.0);
        assert_eq!(age("30"), Some(30));
        assert_eq!(age("-2h"), Some(-7200));
        assert_eq!(age("1W"), Some(604_800));
        assert_eq!(age("5x"), None);
        assert_eq!(age("5 days"), None);
        assert!(Bound(-5).holds(5) && !Bound(-5).holds(6) && Bound(5).holds(5));
    }
}
