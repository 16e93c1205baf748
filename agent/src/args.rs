//! Arguments of modules: declared once as a struct, from which validation, defaults, documentation and schema come.
//!
//! ```
//! use refit_agent::args;
//! args! {
//!     /// What `example` takes.
//!     pub struct Args {
//!         /// Where to write.
//!         [aliases = ["name", "destfile"]]
//!         dest: String,
//!         /// Keep the old content beside it.
//!         backup: bool = false,
//!         /// Who owns the file.
//!         owner: Option<String>,
//!     }
//! }
//! let given = serde_json::json!({"name": "/etc/motd", "backup": "yes"});
//! let args: Args = refit_agent::args::parse(given.as_object().unwrap()).unwrap();
//! assert_eq!(args.dest, "/etc/motd");
//! assert!(args.backup);
//! ```

use serde_json::{Map, Value};
use std::fmt;

/// How the value of an argument is written, for documentation, schema and static validation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Text. Numbers and booleans are taken as Ansible's `str` type takes them.
    Str,
    /// A whole number, or text that is one.
    Int,
    /// A number, or text that is one.
    Float,
    /// A boolean, or one of the words that Ansible takes for one (`yes`, `no`, `on`, `off`, `1`, `0`, `true`, ...).
    Bool,
    /// A path on the managed host (or on the controller, where the documentation says so).
    Path,
    /// Anything, untouched.
    Raw,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list; text is split at commas, a single value is a list of one.
    List(&'static Kind),
    /// A mapping, JSON text of one, or `k=v` words.
    Dict,
}

/// One argument of a module.
#[derive(Clone, Copy, Debug)]
pub struct ArgSpec {
    /// The name that the documentation uses.
    pub name: &'static str,
    /// Other names for the same argument.
    pub aliases: &'static [&'static str],
    /// What it means: the lines of the struct field's doc comment. An agent has none ([`DOCUMENTED`]).
    pub doc: &'static [&'static str],
    /// How it is written.
    pub kind: Kind,
    /// Whether a call without it is an error.
    pub required: bool,
    /// Makes the value where none is given.
    pub default: Option<fn() -> Value>,
    /// Whether the value must not be shown (a password).
    pub secret: bool,
}

/// Whether this program has the texts that explain modules and their arguments.
pub const DOCUMENTED: bool = cfg!(feature = "documentation");

impl ArgSpec {
    /// What it means.
    pub fn doc(&self) -> String {
        self.doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join("\n")
    }

    /// The value where none is given.
    pub fn default(&self) -> Option<Value> {
        self.default.map(|make| make())
    }

    /// Whether `name` is this argument's name or one of its aliases.
    pub fn answers_to(&self, name: &str) -> bool {
        self.name == name || self.aliases.contains(&name)
    }
}

/// A type that an argument can have.
pub trait Arg: Sized {
    /// How a value of this type is written.
    const KIND: Kind;
    /// Whether a call may leave such an argument out: then [`Arg::missing`] gives what it gets.
    const OPTIONAL: bool = false;
    /// Reads one. The error is a fragment that follows "argument `x`: ".
    fn parse(value: &Value) -> Result<Self, String>;
    /// What a call without the argument gets, where it is optional.
    fn missing() -> Option<Self> {
        None
    }
    /// The value as documentation shows it (a default).
    fn show(&self) -> Value;
}

/// What is wrong with a call's arguments.
#[derive(Clone, Debug, PartialEq)]
pub struct ArgError {
    /// The argument at fault, as the call spells it, where it is one argument's fault.
    pub arg: Option<String>,
    /// What is wrong: a sentence without a final stop.
    pub message: String,
}

impl fmt::Display for ArgError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.arg {
            Some(arg) => write!(f, "argument `{arg}`: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for ArgError {}

/// Arguments declared by [`args!`].
pub trait Args: Sized {
    /// The declaration of each argument, in the order of the struct's fields.
    fn specs() -> &'static [ArgSpec];
    /// Reads a call's arguments; names that no argument answers to are not looked at here (see [`parse`]).
    fn from_map(given: &Map<String, Value>) -> Result<Self, ArgError>;
}

/// Reads a call's arguments, and refuses names that no argument answers to.
pub fn parse<A: Args>(given: &Map<String, Value>) -> Result<A, ArgError> {
    check_names(A::specs(), given.keys().map(String::as_str))?;
    A::from_map(given)
}

/// Refuses the first name that no argument answers to. Names with a leading underscore are the controller's own.
pub fn check_names<'a>(specs: &[ArgSpec], names: impl Iterator<Item = &'a str>) -> Result<(), ArgError> {
    for name in names {
        if !name.starts_with('_') && !specs.iter().any(|spec| spec.answers_to(name)) {
            return Err(ArgError { arg: Some(name.to_owned()), message: "there is no such argument".to_owned() });
        }
    }
    Ok(())
}

/// The value given under the argument's name or one of its aliases. `null` counts as not given, as in Ansible.
#[doc(hidden)]
pub fn given<'a>(map: &'a Map<String, Value>, name: &str, aliases: &[&str]) -> Option<(&'a str, &'a Value)> {
    map.iter()
        .find(|(key, value)| (key.as_str() == name || aliases.contains(&key.as_str())) && !value.is_null())
        .map(|(key, value)| (key.as_str(), value))
}

#[doc(hidden)]
pub fn take<T: Arg>(map: &Map<String, Value>, name: &str, aliases: &[&str], default: Option<T>) -> Result<T, ArgError> {
    match given(map, name, aliases) {
        Some((key, value)) => T::parse(value).map_err(|message| ArgError { arg: Some(key.to_owned()), message }),
        None => default
            .or_else(T::missing)
            .ok_or_else(|| ArgError { arg: Some(name.to_owned()), message: "is required".to_owned() }),
    }
}

/// Text of a value as Ansible's `str` type reads it.
fn text(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(true) => Ok("True".to_owned()),
        Value::Bool(false) => Ok("False".to_owned()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Null => Ok(String::new()),
        // Ansible prints Python's repr of containers here; JSON is what the programs that read such values take.
        Value::Array(_) | Value::Object(_) => Ok(value.to_string()),
    }
}

impl Arg for String {
    const KIND: Kind = Kind::Str;
    fn parse(value: &Value) -> Result<Self, String> {
        text(value)
    }
    fn show(&self) -> Value {
        Value::String(self.clone())
    }
}

impl Arg for std::path::PathBuf {
    const KIND: Kind = Kind::Path;
    fn parse(value: &Value) -> Result<Self, String> {
        match value {
            Value::String(text) => Ok(text.into()),
            // Ansible takes these for their texts, too: `creates: yes`.
            Value::Bool(_) | Value::Number(_) => text(value).map(Into::into),
            other => Err(format!("{other} is not a path")),
        }
    }
    fn show(&self) -> Value {
        Value::String(self.to_string_lossy().into_owned())
    }
}

/// Reads one of the words that Ansible takes for a boolean.
pub fn boolean(word: &str) -> Option<bool> {
    match word.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" | "on" | "1" | "true" | "t" | "1.0" => Some(true),
        "n" | "no" | "off" | "0" | "false" | "f" | "0.0" => Some(false),
        _ => None,
    }
}

impl Arg for bool {
    const KIND: Kind = Kind::Bool;
    fn parse(value: &Value) -> Result<Self, String> {
        let read = match value {
            Value::Bool(flag) => Some(*flag),
            Value::String(word) => boolean(word),
            Value::Number(number) => match number.as_f64() {
                Some(1.0) => Some(true),
                Some(0.0) => Some(false),
                _ => None,
            },
            _ => None,
        };
        read.ok_or_else(|| format!("{value} is not a boolean (yes or no)"))
    }
    fn show(&self) -> Value {
        Value::Bool(*self)
    }
}

impl Arg for i64 {
    const KIND: Kind = Kind::Int;
    fn parse(value: &Value) -> Result<Self, String> {
        let read = match value {
            Value::Number(number) => {
                number.as_i64().or_else(|| number.as_f64().filter(|f| f.fract() == 0.0).map(|f| f as i64))
            }
            Value::String(text) => text.trim().parse().ok(),
            Value::Bool(flag) => Some(i64::from(*flag)),
            _ => None,
        };
        read.ok_or_else(|| format!("{value} is not a whole number"))
    }
    fn show(&self) -> Value {
        Value::from(*self)
    }
}

impl Arg for u64 {
    const KIND: Kind = Kind::Int;
    fn parse(value: &Value) -> Result<Self, String> {
        u64::try_from(i64::parse(value)?).map_err(|_| format!("{value} is negative"))
    }
    fn show(&self) -> Value {
        Value::from(*self)
    }
}

impl Arg for f64 {
    const KIND: Kind = Kind::Float;
    fn parse(value: &Value) -> Result<Self, String> {
        let read = match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        read.ok_or_else(|| format!("{value} is not a number"))
    }
    fn show(&self) -> Value {
        Value::from(*self)
    }
}

impl Arg for Value {
    const KIND: Kind = Kind::Raw;
    fn parse(value: &Value) -> Result<Self, String> {
        Ok(value.clone())
    }
    fn show(&self) -> Value {
        self.clone()
    }
}

impl Arg for Map<String, Value> {
    const KIND: Kind = Kind::Dict;
    fn parse(value: &Value) -> Result<Self, String> {
        match value {
            Value::Object(map) => Ok(map.clone()),
            Value::String(text) => {
                if let Ok(Value::Object(map)) = serde_json::from_str(text) {
                    return Ok(map);
                }
                text.split([',', ' '])
                    .map(str::trim)
                    .filter(|word| !word.is_empty())
                    .map(|word| match word.split_once('=') {
                        Some((key, value)) => Ok((key.trim().to_owned(), Value::String(value.trim().to_owned()))),
                        None => Err(format!("{word:?} is not of the form key=value")),
                    })
                    .collect()
            }
            other => Err(format!("{other} is not a mapping")),
        }
    }
    fn show(&self) -> Value {
        Value::Object(self.clone())
    }
}

impl<T: Arg> Arg for Vec<T> {
    const KIND: Kind = Kind::List(&T::KIND);
    fn parse(value: &Value) -> Result<Self, String> {
        match value {
            Value::Array(items) => items.iter().map(T::parse).collect(),
            Value::String(text) => {
                text.split(',').map(|item| T::parse(&Value::String(item.trim().to_owned()))).collect()
            }
            Value::Object(_) => Ok(vec![T::parse(value)?]),
            other => Ok(vec![T::parse(&Value::String(text(other)?))?]),
        }
    }
    fn show(&self) -> Value {
        self.iter().map(T::show).collect()
    }
}

impl<T: Arg> Arg for Option<T> {
    const KIND: Kind = T::KIND;
    const OPTIONAL: bool = true;
    fn parse(value: &Value) -> Result<Self, String> {
        T::parse(value).map(Some)
    }
    fn missing() -> Option<Self> {
        Some(None)
    }
    fn show(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::show)
    }
}

/// Declares the arguments of a module: a struct whose fields are [`Arg`] types. A field without a default whose type
/// is no `Option` is required. `[aliases = [..]]`, `[name = ".."]` (where the name is a Rust keyword) and `[secret]` may
/// stand before a field. Arguments that several modules share are a struct of their own, which
/// `} with { field: SharedArgs }` takes in: to the user they are the module's own.
#[macro_export]
macro_rules! args {
    ($(#[$meta:meta])* $vis:vis struct $Args:ident { $(
        $(#[doc = $doc:literal])*
        $([ $($option:tt)* ])*
        $field:ident : $type:ty $(= $default:expr)?
    ),* $(,)? } $(with { $( $(#[doc = $part_doc:literal])* $part:ident : $Part:ty ),+ $(,)? })?) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        $vis struct $Args { $( $(#[doc = $doc])* pub $field: $type, )* $($( $(#[doc = $part_doc])* pub $part: $Part, )+)? }

        impl $crate::args::Args for $Args {
            fn specs() -> &'static [$crate::args::ArgSpec] {
                #[allow(unused_mut)]
                static OWN: &[$crate::args::ArgSpec] = &[$({
                    let mut spec = $crate::args::ArgSpec {
                        name: stringify!($field),
                        aliases: &[],
                        doc: if $crate::args::DOCUMENTED { &[$($doc),*] } else { &[] },
                        kind: <$type as $crate::args::Arg>::KIND,
                        required: !<$type as $crate::args::Arg>::OPTIONAL,
                        default: None,
                        secret: false,
                    };
                    $(
                        spec.required = false;
                        spec.default = Some(|| {
                            let default: $type = $default;
                            $crate::args::Arg::show(&default)
                        });
                    )?
                    $( $crate::args!(@option spec $($option)*); )*
                    spec
                }),*];
                $crate::args!(@specs OWN $($($Part)+)?)
            }

            // Some modules take no arguments at all.
            #[allow(unused_mut, unused_variables)]
            fn from_map(given: &serde_json::Map<String, serde_json::Value>) -> Result<Self, $crate::args::ArgError> {
                let mut specs = <Self as $crate::args::Args>::specs().iter();
                Ok($Args { $( $field: {
                    let spec = specs.next().expect("a declaration for each field");
                    #[allow(unused_mut, unused_assignments)]
                    let mut default: Option<$type> = None;
                    $( default = Some($default); )?
                    $crate::args::take(given, spec.name, spec.aliases, default)?
                }, )* $($( $part: <$Part as $crate::args::Args>::from_map(given)?, )+)? })
            }
        }
    };
    (@specs $own:ident) => { $own };
    (@specs $own:ident $($Part:ty)+) => {{
        static SPECS: std::sync::OnceLock<Vec<$crate::args::ArgSpec>> = std::sync::OnceLock::new();
        SPECS.get_or_init(|| [$own, $(<$Part as $crate::args::Args>::specs()),+].concat())
    }};
    (@option $spec:ident aliases = [$($alias:literal),* $(,)?]) => { $spec.aliases = &[$($alias),*]; };
    (@option $spec:ident name = $name:literal) => { $spec.name = $name; };
    (@option $spec:ident secret) => { $spec.secret = true; };
}

/// Declares an argument's type with a fixed set of words.
#[macro_export]
macro_rules! choices {
    ($(#[$meta:meta])* $vis:vis enum $Name:ident { $( $(#[$vmeta:meta])* $Variant:ident = $word:literal ),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $vis enum $Name { $( $(#[$vmeta])* $Variant ),* }

        impl $Name {
            /// The word for it.
            pub fn word(self) -> &'static str {
                match self { $( $Name::$Variant => $word ),* }
            }
        }

        impl $crate::args::Arg for $Name {
            const KIND: $crate::args::Kind = $crate::args::Kind::Choice(&[$($word),*]);
            fn parse(value: &serde_json::Value) -> Result<Self, String> {
                let word = <String as $crate::args::Arg>::parse(value)?;
                $( if word == $word { return Ok($Name::$Variant); } )*
                // `state: yes` and the like: a YAML boolean stands for whichever word of the set reads as that boolean.
                if let serde_json::Value::Bool(flag) = value {
                    $( if $crate::args::boolean($word) == Some(*flag) { return Ok($Name::$Variant); } )*
                }
                Err(format!("{word:?} is not one of {}", [$($word),*].join(", ")))
            }
            fn show(&self) -> serde_json::Value {
                serde_json::Value::String(self.word().to_owned())
            }
        }
    };
}
