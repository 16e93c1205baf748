//! Diagnostics as a terminal shows them: the message, the place, the line of the file with a marker under what is meant,
//! other places that have to do with it, hints.

use super::message::{Diagnostic, Severity};
use super::span::Span;
use console::{Style, measure_text_width};
use std::fmt::Write;

/// Columns of a line that are shown: of a longer one the part around the marker.
const WIDTH: usize = 110;

/// Columns that stand before the marker where a line is cut.
const BEFORE: usize = 30;

/// A tab, as shown.
const TAB: &str = "    ";

/// The diagnostics one after the other, with their count at the end where there are several. `colour` says whether
/// escape sequences are wanted.
pub fn render(diagnostics: &[Diagnostic], colour: bool) -> String {
    let look = Look::new(colour);
    let mut out = String::new();
    for diagnostic in diagnostics {
        look.diagnostic(&mut out, diagnostic);
        out.push('\n');
    }
    if diagnostics.len() > 1 {
        let count = |severity| diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count();
        let counts: Vec<String> = [(count(Severity::Error), "error"), (count(Severity::Warning), "warning")]
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}{}", if count == 1 { "" } else { "s" }))
            .collect();
        out.push_str(&look.strong.apply_to(counts.join(", ")).to_string());
        out.push('\n');
    }
    out
}

/// The styles of each part.
struct Look {
    error: Style,
    warning: Style,
    frame: Style,
    strong: Style,
}

impl Look {
    fn new(colour: bool) -> Look {
        let style = || Style::new().force_styling(colour);
        Look {
            error: style().red().bold(),
            warning: style().yellow().bold(),
            frame: style().blue().bold(),
            strong: style().bold(),
        }
    }

    fn diagnostic(&self, out: &mut String, diagnostic: &Diagnostic) {
        let (word, style) = match diagnostic.severity {
            Severity::Error => ("error", &self.error),
            Severity::Warning => ("warning", &self.warning),
        };
        let mut lines = diagnostic.message.lines();
        let first = lines.next().unwrap_or_default();
        line(out, &format!("{}{}", style.apply_to(word), self.strong.apply_to(format!(": {first}"))));
        for more in lines {
            line(out, &format!("  {more}"));
        }
        let spans = diagnostic.span.iter().chain(diagnostic.related.iter().map(|(span, _)| span));
        let gutter = spans.map(|span| span.line.to_string().len()).max().unwrap_or(1);
        if let Some(span) = &diagnostic.span {
            self.place(out, gutter, "-->", span, None, style);
        }
        for (span, label) in &diagnostic.related {
            self.place(out, gutter, ":::", span, Some(label), &self.frame);
        }
        for hint in &diagnostic.hints {
            let mut lines = hint.lines();
            let first = lines.next().unwrap_or_default();
            let pad = " ".repeat(gutter);
            line(out, &format!("{pad} {} {}: {first}", self.frame.apply_to("="), self.strong.apply_to("hint")));
            for more in lines {
                line(out, &format!("{pad}         {more}"));
            }
        }
    }

    fn place(&self, out: &mut String, gutter: usize, arrow: &str, span: &Span, label: Option<&str>, marker: &Style) {
        let pad = " ".repeat(gutter);
        let shown = Excerpt::of(span);
        let label = label.unwrap_or_default();
        let beside = if shown.is_none() && !label.is_empty() { format!(" ({label})") } else { String::new() };
        line(out, &format!("{pad}{} {}{beside}", self.frame.apply_to(arrow), span.place()));
        let Some(excerpt) = shown else { return };
        let bar = self.frame.apply_to("|");
        line(out, &format!("{pad} {bar}"));
        let number = self.frame.apply_to(format!("{:>gutter$}", span.line));
        line(out, &format!("{number} {bar} {}", excerpt.text));
        let under = format!("{} {label}", "^".repeat(excerpt.width));
        line(out, &format!("{pad} {bar} {}{}", " ".repeat(excerpt.column), marker.apply_to(under.trim_end())));
    }
}

fn line(out: &mut String, text: &str) {
    // Writing to a string does not fail.
    let _ = writeln!(out, "{}", text.trim_end());
}

/// What is shown of a place's line.
struct Excerpt {
    text: String,
    /// Where the marker starts, in columns of the terminal.
    column: usize,
    /// How wide it is; at least one.
    width: usize,
}

impl Excerpt {
    /// `None` where the text is not at hand, or is a vault's.
    fn of(span: &Span) -> Option<Excerpt> {
        let text = span.file.text.as_str();
        let (start, end) = (span.start as usize, span.end as usize);
        if span.line == 0 || text.is_empty() || !text.is_char_boundary(start) || !text.is_char_boundary(end) {
            return None;
        }
        let from = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let to = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
        let line = text[from..to].trim_end();
        if is_ciphertext(line.trim()) {
            return None;
        }
        let marked_to = end.clamp(start, from + line.len().max(start - from));
        let before = visible(text[from..start].trim_start_matches('\u{feff}'));
        let marked = visible(text[start..marked_to].trim_end());
        let after = visible(line.get(marked_to - from..).unwrap_or_default());
        let column = measure_text_width(&before);
        let width = measure_text_width(&marked).max(1);
        let whole = format!("{before}{marked}{after}");
        if measure_text_width(&whole) <= WIDTH {
            return Some(Excerpt { text: whole, column, width });
        }
        let (text, skipped) = cut(&whole, column.saturating_sub(BEFORE));
        let column = column - skipped;
        let width = width.min(WIDTH.saturating_sub(column).max(1));
        Some(Excerpt { text, column, width })
    }
}

/// The text without what a terminal would not show as one thing beside the other.
fn visible(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '\t' => out.push_str(TAB),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
        out
    })
}

/// The part of a long line from about this column on, and how many columns less it has in front.
fn cut(text: &str, from: usize) -> (String, usize) {
    let mut at = 0;
    let mut skipped = 0;
    let mut out = String::new();
    let mut width = 0;
    for c in text.chars() {
        let wide = measure_text_width(c.encode_utf8(&mut [0; 4]));
        if at < from {
            at += wide;
            skipped += wide;
            continue;
        }
        if out.is_empty() && skipped > 0 {
            out.push_str("...");
            width = 3;
        }
        if width + wide > WIDTH {
            out.push_str("...");
            break;
        }
        out.push(c);
        width += wide;
    }
    (out, skipped.saturating_sub(if skipped > 0 { 3 } else { 0 }))
}

/// Whether a line is of an encrypted text.
fn is_ciphertext(line: &str) -> bool {
    line.starts_with("$ANSIBLE_VAULT;") || (line.len() >= 32 && line.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::SourceFile;
    use std::sync::Arc;

    fn span(text: &str, marked: &str) -> Span {
        let start = text.find(marked).unwrap();
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        Span {
            file: Arc::new(SourceFile { path: "site.yml".into(), text: text.to_owned() }),
            start: u32::try_from(start).unwrap(),
            end: u32::try_from(start + marked.len()).unwrap(),
            line: u32::try_from(text[..start].matches('\n').count() + 1).unwrap(),
            column: u32::try_from(text[line_start..start].chars().count() + 1).unwrap(),
        }
    }

    #[test]
    fn a_diagnostic_shows_its_line_the_marker_other_places_and_hints() {
        let text = "- copy:\n    onwer: root\n    owner: me\n";
        let diagnostics = [
            Diagnostic::error(&span(text, "onwer"), "no argument `onwer` in `copy`")
                .related(&span(text, "owner"), "the one that is meant")
                .hint("did you mean `owner`?"),
            Diagnostic::plain("no inventory\nnone at all").warning(),
        ];
        assert_eq!(
            render(&diagnostics, false),
            "\
error: no argument `onwer` in `copy`
 --> site.yml:2:5
  |
2 |     onwer: root
  |     ^^^^^
 ::: site.yml:3:5
  |
3 |     owner: me
  |     ^^^^^ the one that is meant
  = hint: did you mean `owner`?

warning: no inventory
  none at all

1 error, 1 warning
"
        );
        assert!(render(&diagnostics, true).contains("\u{1b}[31m"));
    }

    #[test]
    fn the_marker_stands_right_under_wide_characters_and_tabs() {
        let text = "\u{feff}名前:\tx: 値段 y\n";
        let shown = render(&[Diagnostic::error(&span(text, "値段"), "m")], false);
        assert!(shown.contains("1 | 名前:    x: 値段 y\n  |             ^^^^\n"), "{shown}");
    }

    #[test]
    fn a_long_line_is_cut_around_the_marker_and_a_long_span_at_the_end_of_its_line() {
        let text = format!("{}HERE{}\nnext\n", "é".repeat(5000), "z".repeat(5000));
        let shown = render(&[Diagnostic::error(&span(&text, "HERE"), "m")], false);
        let lines: Vec<&str> = shown.lines().collect();
        let marker = lines[4].find('^').unwrap();
        let column = lines[3].chars().position(|c| c == 'H').unwrap();
        assert_eq!(column, marker, "{shown}");
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH + 10), "{shown}");
        let whole = render(&[Diagnostic::error(&span(&text, &text), "m")], false);
        assert!(whole.lines().all(|line| line.chars().count() <= WIDTH + 10), "{whole}");
        let text = "a:\n  - b\n  - c\n";
        let shown = render(&[Diagnostic::error(&span(text, "- b\n  - c"), "m")], false);
        assert!(shown.contains("2 |   - b\n  |   ^^^\n"), "{shown}");
    }

    #[test]
    fn nothing_is_shown_of_what_is_encrypted_or_not_at_hand() {
        let cipher = "p: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  66386439653236336462626566653063336164663966303231363934653561363964363833313662\n";
        for marked in ["$ANSIBLE", "6638"] {
            let shown = render(&[Diagnostic::error(&span(cipher, marked), "m")], false);
            assert!(!shown.contains("6638") && !shown.contains("$ANSIBLE"), "{shown}");
        }
        let mut gone = span("a: b\n", "b");
        gone.file = Arc::new(SourceFile { path: "site.yml".into(), text: String::new() });
        assert_eq!(render(&[Diagnostic::error(&gone, "m")], false), "error: m\n --> site.yml:1:4\n\n");
    }
}
