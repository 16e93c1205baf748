//! Output in Ansible's own formats, for people and scripts that know it.

mod adhoc;
mod diff;
mod playbook;
mod text;
mod tree;

pub use adhoc::AdHocView;
pub use playbook::PlaybookView;
pub use text::python_str;
pub use tree::TreeView;

/// JSON as Ansible writes it: keys sorted, indented by four.
pub fn json_text(value: &serde_json::Value) -> String {
    text::json(value, text::Layout::Indented)
}

/// What Ansible's settings say of its output.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// How many `-v`.
    pub verbosity: u8,
    /// Whether to use colours.
    pub colour: bool,
    /// How wide banners are.
    pub width: usize,
    /// Lines around each difference.
    pub diff_context: usize,
    /// `display_ok_hosts`.
    pub show_ok: bool,
    /// `display_skipped_hosts`.
    pub show_skipped: bool,
    /// `show_custom_stats`.
    pub show_custom_stats: bool,
    /// What paths of playbooks are relative to: Ansible prints them whole.
    pub root: std::path::PathBuf,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            verbosity: 0,
            colour: false,
            width: 79,
            diff_context: 3,
            show_ok: true,
            show_skipped: true,
            show_custom_stats: false,
            root: std::path::PathBuf::new(),
        }
    }
}
