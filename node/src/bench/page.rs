//! A page with generated tables: each stands between `<!-- table NAME -->` and `<!-- end -->`, and nothing else is touched.

/// Why a page cannot be filled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PageError {
    /// A table begins and does not end.
    #[error("the table {0:?} has no {END:?}")]
    Open(String),
    /// Nobody knows the table.
    #[error("there is no table {0:?}")]
    Unknown(String),
}

/// A page with its tables written anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filled {
    /// The page.
    pub(crate) text: String,
    /// How many tables it has.
    pub(crate) tables: usize,
}

const BEGIN: &str = "<!-- table ";
const BEGIN_END: &str = " -->";
const END: &str = "<!-- end -->";

/// Writes every table of the page anew.
pub(crate) fn fill(
    page: &str,
    table: impl Fn(&str) -> Option<String>,
) -> Result<Filled, PageError> {
    let mut filled = Filled {
        text: String::new(),
        tables: 0,
    };
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        filled.text.push_str(line);
        filled.text.push('\n');
        let name = line
            .strip_prefix(BEGIN)
            .and_then(|rest| rest.strip_suffix(BEGIN_END));
        let Some(name) = name else { continue };
        let Some(content) = table(name) else {
            return Err(PageError::Unknown(name.to_owned()));
        };
        if !lines.any(|line| line == END) {
            return Err(PageError::Open(name.to_owned()));
        }
        filled.text.push_str(&format!("{content}\n{END}\n"));
        filled.tables += 1;
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# Title\n\n<!-- table one -->\nold\nold\n<!-- end -->\ntext\n";

    #[test]
    fn a_table_is_replaced_and_the_rest_stays() {
        let filled = fill(PAGE, |name| Some(format!("new {name}"))).unwrap();
        assert_eq!(filled.tables, 1);
        assert_eq!(
            filled.text,
            "# Title\n\n<!-- table one -->\nnew one\n<!-- end -->\ntext\n"
        );
        let again = fill(&filled.text, |name| Some(format!("new {name}"))).unwrap();
        assert_eq!(again, filled);
    }

    #[test]
    fn a_table_without_end_and_one_that_nobody_knows_are_refused() {
        let open = PAGE.replace(END, "");
        let table = |_: &str| Some(String::new());
        assert_eq!(fill(&open, table), Err(PageError::Open("one".to_owned())));
        assert_eq!(
            fill(PAGE, |_| None),
            Err(PageError::Unknown("one".to_owned()))
        );
    }
}
