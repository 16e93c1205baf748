//! Findings for programs: JSON, SARIF, GitHub's annotations.

use super::Report;
use super::finding::{Finding, Rule};
use crate::diagnostic::{Severity, Span};
use serde_json::{Value, json};

fn severity(finding: &Finding) -> &'static str {
    match finding.diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn path(span: &Span) -> String {
    span.file.path.display().to_string()
}

/// The message with the hints.
fn told(finding: &Finding) -> String {
    let mut text = finding.diagnostic.message.clone();
    for hint in &finding.diagnostic.hints {
        text.push_str("; ");
        text.push_str(hint);
    }
    text
}

/// A list of objects: `rule`, `severity`, `message`, `file`, `line`, `column`, `hints`, `fixable`.
pub fn json(report: &Report) -> Value {
    let all = report.findings.iter().map(|finding| {
        let span = finding.diagnostic.span.as_ref();
        json!({
            "rule": finding.rule.name(),
            "severity": severity(finding),
            "message": finding.diagnostic.message,
            "file": span.map(path),
            "line": span.map(|span| span.line),
            "column": span.map(|span| span.column),
            "hints": finding.diagnostic.hints,
            "fixable": finding.fix.is_some(),
        })
    });
    all.collect()
}

/// SARIF 2.1.0. <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>
pub fn sarif(report: &Report) -> Value {
    let rules: Vec<Value> =
        Rule::ALL.iter().map(|rule| json!({"id": rule.name(), "shortDescription": {"text": rule.about()}})).collect();
    let results: Vec<Value> = report
        .findings
        .iter()
        .map(|finding| {
            let mut result = json!({
                "ruleId": finding.rule.name(),
                "level": severity(finding),
                "message": {"text": told(finding)},
            });
            if let Some(span) = &finding.diagnostic.span {
                // A place without a line is the whole file; lines and columns count from 1 there, too.
                let region = (span.line > 0).then(|| json!({"startLine": span.line, "startColumn": span.column}));
                let mut place = json!({"artifactLocation": {"uri": path(span)}});
                if let Some(region) = region {
                    place["region"] = region;
                }
                result["locations"] = json!([{"physicalLocation": place}]);
            }
            result
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "refit", "version": env!("CARGO_PKG_VERSION"), "rules": rules}},
            "results": results,
        }],
    })
}

/// Workflow commands, a line each.
pub fn github(report: &Report) -> String {
    let escape = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| escape(text).replace(':', "%3A").replace(',', "%2C");
    let line = |finding: &Finding| {
        let at = finding.diagnostic.span.as_ref().map(|span| {
            format!("file={},line={},col={},", property(&path(span)), span.line.max(1), span.column.max(1))
        });
        let title = property(finding.rule.name());
        format!("::{} {}title={title}::{}\n", severity(finding), at.unwrap_or_default(), escape(&told(finding)))
    };
    report.findings.iter().map(line).collect()
}
