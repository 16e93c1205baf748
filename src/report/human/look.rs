//! The styles of the human view.

use console::Style;

/// A style for each meaning. Without colours all are plain.
pub struct Look {
    pub ok: Style,
    pub changed: Style,
    pub failed: Style,
    pub unknown: Style,
    pub quiet: Style,
    pub strong: Style,
    pub added: Style,
    pub added_part: Style,
    pub removed: Style,
    pub removed_part: Style,
    pub hunk: Style,
    pub plain: Style,
}

impl Look {
    /// With colours or without.
    pub fn new(colour: bool) -> Look {
        let style = || Style::new().force_styling(colour);
        Look {
            ok: style().green(),
            changed: style().yellow(),
            failed: style().red().bold(),
            unknown: style().magenta(),
            quiet: style().dim(),
            strong: style().bold(),
            added: style().green(),
            added_part: style().green().bold().underlined(),
            removed: style().red(),
            removed_part: style().red().bold().underlined(),
            hunk: style().cyan(),
            plain: style(),
        }
    }
}
