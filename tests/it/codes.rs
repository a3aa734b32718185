//! docs/codes.md held against the codes in the source: none is missing there, none is there that the program does not know.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use starfire_did::credential::code::UNDECIDED;

/// Our crates, whose sources may name codes.
const CRATES: [&str; 8] = [
    "consensus",
    "crosschain",
    "did",
    "ledger",
    "node",
    "rdfc",
    "registry",
    "state",
];
/// Calls whose first argument is the code of a refusal.
const REFUSALS: [&str; 4] = [
    "Failure::new(",
    "Failure::caused(",
    "ClientError::new(",
    "Malformed::new(",
];
/// Files of which every upper-case literal is a code by which a check of a credential fails.
const OF_CREDENTIALS: [&str; 4] = [
    "did/src/credential/code.rs",
    "did/src/jose/error.rs",
    "did/src/sd_jwt/error.rs",
    "rdfc/src/error.rs",
];
/// The file whose upper-case literals are codes to which the command line has a hint.
const OF_HINTS: &str = "node/src/client/hint.rs";
/// The mark of a code that says that something could not be learned.
const UNDECIDED_MARK: &str = "¿";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests crate stands in the workspace")
        .to_path_buf()
}

/// Each file of our crates that is not a test's, with its tests cut off.
fn sources() -> BTreeMap<String, String> {
    let root = root();
    let mut folders: Vec<PathBuf> = CRATES
        .iter()
        .map(|one| root.join(one).join("src"))
        .collect();
    let mut found = BTreeMap::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of ours") {
            let path = entry.expect("an entry").path();
            let name = path.strip_prefix(&root).expect("it is below the root");
            let name = name.to_str().expect("our paths are text").to_owned();
            if path.is_dir() {
                if !name.ends_with("/tests") {
                    folders.push(path);
                }
            } else if name.ends_with(".rs") && !name.ends_with("tests.rs") {
                let text = std::fs::read_to_string(&path).expect("a source file is text");
                let code = text.split("#[cfg(test)]\nmod tests {").next();
                found.insert(name, code.unwrap_or_default().to_owned());
            }
        }
    }
    found
}

fn is_code(text: &str) -> bool {
    text.len() > 2
        && text.starts_with(|first: char| first.is_ascii_uppercase())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// The code that a text begins with, as a literal, and what follows it.
fn literal(text: &str) -> Option<(&str, &str)> {
    let (code, rest) = text.trim_start().strip_prefix('"')?.split_once('"')?;
    is_code(code).then_some((code, rest))
}

fn upper_case_literals(source: &str) -> BTreeSet<&str> {
    let literals = source.split('"').skip(1).step_by(2);
    literals.filter(|text| is_code(text)).collect()
}

/// The codes that stand as the first argument of a call, each with what follows.
fn first_arguments<'a>(source: &'a str, call: &str) -> Vec<(&'a str, &'a str)> {
    source.split(call).skip(1).filter_map(literal).collect()
}

/// A row of a table: its codes, whether they are marked as undecided, and its other cells.
struct Row {
    codes: Vec<String>,
    undecided: bool,
    cells: Vec<String>,
}

/// The rows of the tables of codes below a heading; all of the page, if none is named.
fn rows(heading: Option<&str>) -> Vec<Row> {
    let page = std::fs::read_to_string(root().join("docs/codes.md")).expect("the page is there");
    let page = match heading {
        None => page,
        Some(heading) => {
            let (_, below) = page
                .split_once(&format!("\n## {heading}\n"))
                .expect("the heading is there");
            below.split("\n## ").next().unwrap_or_default().to_owned()
        }
    };
    let row = |line: &str| {
        let line = line.strip_prefix("| ")?.strip_suffix(" |")?;
        let mut cells = line.split(" | ").map(str::to_owned);
        let first = cells.next()?;
        let codes: Vec<String> = first
            .split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect();
        let named = !codes.is_empty() && codes.iter().all(|code| is_code(code));
        named.then(|| Row {
            codes,
            undecided: first.ends_with(UNDECIDED_MARK),
            cells: cells.collect(),
        })
    };
    page.lines().filter_map(row).collect()
}

fn all_codes(rows: &[Row]) -> BTreeSet<&str> {
    rows.iter()
        .flat_map(|row| &row.codes)
        .map(String::as_str)
        .collect()
}

#[test]
fn every_rejection_stands_in_the_page_with_its_number() {
    let rows = rows(None);
    let mut seen = 0;
    for (file, source) in sources() {
        for (code, rest) in first_arguments(&source, "Code::new(") {
            let number: String = rest
                .trim_start_matches([',', ' ', '\n'])
                .chars()
                .take_while(|one| one.is_ascii_digit() || *one == '_')
                .filter(|one| *one != '_')
                .collect();
            let stands = |row: &Row| {
                row.codes.iter().any(|one| one == code) && row.cells.first() == Some(&number)
            };
            assert!(rows.iter().any(stands), "{file}: {code} {number}");
            seen += 1;
        }
    }
    assert!(seen > 100, "{seen} codes were found");
}

#[test]
fn every_refusal_of_the_command_line_stands_in_the_page() {
    let rows = rows(None);
    let known = all_codes(&rows);
    let mut seen = BTreeSet::new();
    for (file, source) in sources() {
        for call in REFUSALS {
            for (code, _) in first_arguments(&source, call) {
                assert!(known.contains(code), "{file}: {code}");
                seen.insert(code.to_owned());
            }
        }
    }
    assert!(seen.len() > 40, "{seen:?}");
}

#[test]
fn every_hint_is_for_a_code_of_the_page() {
    let rows = rows(None);
    let known = all_codes(&rows);
    let sources = sources();
    let hinted = upper_case_literals(&sources[OF_HINTS]);
    assert!(hinted.len() > 20, "{hinted:?}");
    assert_eq!(hinted.difference(&known).collect::<Vec<_>>(), [&""; 0]);
}

#[test]
fn every_code_of_a_credential_has_its_row_and_its_mark() {
    let rows = rows(Some("Credentials"));
    let known = all_codes(&rows);
    let sources = sources();
    let mut seen = BTreeSet::new();
    for file in OF_CREDENTIALS {
        seen.extend(upper_case_literals(&sources[file]));
    }
    assert!(seen.len() > 80, "{seen:?}");
    assert_eq!(seen.difference(&known).collect::<Vec<_>>(), [&""; 0]);
    assert_eq!(known.difference(&seen).collect::<Vec<_>>(), [&""; 0]);
    for row in &rows {
        let undecided = row
            .codes
            .iter()
            .all(|code| UNDECIDED.contains(&code.as_str()));
        assert_eq!(row.undecided, undecided, "{:?}", row.codes);
    }
}

#[test]
fn the_page_names_no_code_that_the_program_does_not_know() {
    let all: String = sources().into_values().collect();
    let words: BTreeSet<&str> = all
        .split(|one: char| !one.is_ascii_alphanumeric() && one != '_')
        .collect();
    for code in all_codes(&rows(None)) {
        let variant: String = code
            .split('_')
            .map(|word| {
                let (first, rest) = word.split_at(1);
                format!("{first}{}", rest.to_lowercase())
            })
            .collect();
        let known = words.contains(code) || words.contains(variant.as_str());
        assert!(known, "{code} is nowhere in the source");
    }
}

#[test]
fn every_row_says_what_it_means() {
    for row in rows(None) {
        assert!(
            row.cells.len() >= 2 && row.cells.iter().any(|cell| cell.len() > 5),
            "{:?}",
            row.codes
        );
    }
}
