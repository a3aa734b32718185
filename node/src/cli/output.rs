//! What commands print: the one place that does.
//!
//! A command makes one [`Report`]; it is printed as JSON or as aligned lines. Progress goes to standard error, and only when a
//! person watches. Failures go to standard error in both forms.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::Path;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::failure::Failure;

/// How to print.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
    watched: bool,
}

/// A command's answer: named values in the order in which they read best.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Report(Vec<(&'static str, Item)>);

#[derive(Debug, Clone, PartialEq)]
enum Item {
    Value(Value),
    Report(Report),
    Rows(Vec<Report>),
}

impl Report {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a value.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.push((name, Item::Value(value.into())));
        self
    }

    /// Adds a value if there is one.
    pub(crate) fn with_some(self, name: &'static str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Adds a group.
    pub(crate) fn group(mut self, name: &'static str, report: Self) -> Self {
        self.0.push((name, Item::Report(report)));
        self
    }

    /// Adds a list.
    pub(crate) fn rows(mut self, name: &'static str, rows: Vec<Self>) -> Self {
        self.0.push((name, Item::Rows(rows)));
        self
    }

    /// Aligned lines.
    fn lines(&self, indent: usize) -> Vec<String> {
        let width = self.0.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let pad = " ".repeat(indent);
        let mut lines = Vec::new();
        for (name, item) in &self.0 {
            match item {
                Item::Value(value) => lines.push(format!("{pad}{name:width$}  {}", plain(value))),
                Item::Report(report) => {
                    lines.push(format!("{pad}{name}"));
                    lines.extend(report.lines(indent + 2));
                }
                Item::Rows(rows) => {
                    lines.push(format!(
                        "{pad}{name}{}",
                        if rows.is_empty() { "  none" } else { "" }
                    ));
                    lines.extend(table(rows).into_iter().map(|line| format!("{pad}  {line}")));
                }
            }
        }
        lines
    }
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, item) in &self.0 {
            match item {
                Item::Value(value) => map.serialize_entry(name, value)?,
                Item::Report(report) => map.serialize_entry(name, report)?,
                Item::Rows(rows) => map.serialize_entry(name, rows)?,
            }
        }
        map.end()
    }
}

/// A value as people read it.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

/// Rows of one shape as aligned columns under their names; other rows one below the other.
fn table(rows: &[Report]) -> Vec<String> {
    let Some(first) = rows.first() else {
        return Vec::new();
    };
    let names: Vec<&str> = first.0.iter().map(|(name, _)| *name).collect();
    let mut cells = vec![
        names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>(),
    ];
    for row in rows {
        let values: Option<Vec<String>> = row
            .0
            .iter()
            .map(|(_, item)| match item {
                Item::Value(value) => Some(plain(value)),
                Item::Report(_) | Item::Rows(_) => None,
            })
            .collect();
        match values {
            Some(values)
                if row
                    .0
                    .iter()
                    .map(|(name, _)| *name)
                    .eq(names.iter().copied()) =>
            {
                cells.push(values);
            }
            Some(_) | None => return rows.iter().flat_map(|row| row.lines(0)).collect(),
        }
    }
    let widths: Vec<usize> = (0..names.len())
        .map(|column| {
            cells
                .iter()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let line = |row: &Vec<String>| {
        let padded: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        padded.join("  ").trim_end().to_owned()
    };
    cells.iter().map(line).collect()
}

impl Output {
    /// Prints JSON or lines; progress only if a person watches.
    pub(crate) fn new(json: bool) -> Self {
        Self {
            json,
            watched: io::stderr().is_terminal(),
        }
    }

    /// Whether answers are JSON.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Prints a command's answer.
    pub(crate) fn report(self, report: &Report) -> Result<(), Failure> {
        if self.json {
            say(&format!(
                "{}\n",
                serde_json::to_string(report).expect("a report is plain JSON")
            ))
        } else {
            say(&report
                .lines(0)
                .into_iter()
                .map(|line| line + "\n")
                .collect::<String>())
        }
    }

    /// Prints a record: all of it as JSON, or what people want to read of it.
    pub(crate) fn record(self, record: &impl Serialize, report: &Report) -> Result<(), Failure> {
        if self.json {
            say(&format!(
                "{}\n",
                serde_json::to_string(record).expect("a record is plain JSON")
            ))
        } else {
            self.report(report)
        }
    }

    /// Prints one text and nothing else: as it is, or as a JSON string.
    pub(crate) fn text(self, text: &str) -> Result<(), Failure> {
        if self.json {
            say(&format!("{}\n", json!(text)))
        } else {
            say(&format!("{text}\n"))
        }
    }

    /// Prints one JSON value and nothing else.
    pub(crate) fn value(self, value: &Value) -> Result<(), Failure> {
        say(&format!("{value}\n"))
    }

    /// Tells who watches what is going on.
    pub(crate) fn progress(self, line: &str) {
        if self.watched {
            tell(&format!("{line}\n"));
        }
    }

    /// Says what is not as it should be, and goes on.
    pub(crate) fn warn(self, line: &str) {
        tell(&format!("warning: {line}\n"));
    }

    /// Replaces the last progress line on a terminal.
    pub(crate) fn progress_over(self, line: &str) {
        if self.watched {
            tell(&format!("\r\x1b[2K{line}"));
        }
    }

    /// Ends a line that was replaced over and over.
    pub(crate) fn progress_done(self) {
        if self.watched {
            tell("\n");
        }
    }

    /// Asks on the terminal; the answer is read elsewhere.
    pub(crate) fn prompt(self, question: &str) {
        tell(question);
    }

    /// Prints a failure.
    pub(crate) fn failure(self, failure: &Failure) {
        if failure.is_told() {
            return;
        }
        if self.json {
            let Failure {
                code,
                message,
                hint,
            } = failure;
            tell(&format!(
                "{}\n",
                json!({ "error": { "code": code, "message": message, "hint": hint } })
            ));
        } else {
            tell(&format!("{failure}\n"));
        }
    }
}

/// To standard output.
fn say(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    said(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// A reader that went away (`| head`) is no reason to fail. All else is: what was not written is not known to anybody.
pub(super) fn said(written: io::Result<()>) -> Result<(), Failure> {
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::file("write", Path::new("standard output"), &error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// To standard error.
fn tell(text: &str) {
    let _gone = io::stderr().lock().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Report {
        Report::new()
            .with("did", "did:bid:ef1")
            .with("height", 7)
            .with_some("absent", None::<&str>)
            .rows(
                "nodes",
                vec![
                    Report::new().with("name", "main-1").with("pid", 12),
                    Report::new().with("name", "m").with("pid", 3),
                ],
            )
    }

    #[test]
    fn what_cannot_be_written_fails_unless_the_reader_went_away() {
        assert_eq!(said(Ok(())), Ok(()));
        assert_eq!(said(Err(ErrorKind::BrokenPipe.into())), Ok(()));
        let full = said(Err(ErrorKind::StorageFull.into())).unwrap_err();
        assert_eq!(full.code, "FILE");
        assert!(full.message.contains("standard output"), "{full}");
    }

    #[test]
    fn json_keeps_the_order_of_the_report() {
        let text = serde_json::to_string(&sample()).unwrap();
        assert_eq!(
            text,
            r#"{"did":"did:bid:ef1","height":7,"nodes":[{"name":"main-1","pid":12},{"name":"m","pid":3}]}"#
        );
    }

    #[test]
    fn lines_are_aligned_and_rows_are_a_table() {
        let lines = sample().lines(0);
        assert_eq!(
            lines,
            [
                "did     did:bid:ef1",
                "height  7",
                "nodes",
                "  name    pid",
                "  main-1  12",
                "  m       3"
            ]
        );
    }
}
