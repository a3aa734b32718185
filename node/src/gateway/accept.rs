//! The `Accept` header as RFC 9110 §12.5.1 has it: media ranges with weights, of which 0 means "not acceptable".

use axum::http::{HeaderMap, header};

/// The weight of a range that names none, in thousandths.
pub(super) const WEIGHT_MAX: u16 = 1000;

/// Names of media ranges with their weights in thousandths, in the header's order. What is no media range is passed over.
pub(super) fn ranges(headers: &HeaderMap) -> impl Iterator<Item = (&str, u16)> {
    let values = headers.get_all(header::ACCEPT).into_iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| split(text, ',')).filter_map(range)
}

fn range(text: &str) -> Option<(&str, u16)> {
    let mut parts = split(text, ';');
    let name = parts.next()?.trim();
    let mut weight = WEIGHT_MAX;
    for part in parts {
        if let Some((key, value)) = part.split_once('=')
            && key.trim().eq_ignore_ascii_case("q")
        {
            weight = parse_weight(value.trim())?;
        }
    }
    name.contains('/').then_some((name, weight))
}

/// `0`, `1`, `0.5`, `0.125`: thousandths.
// RFC 9110 §12.4.2: qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] )
pub(super) fn parse_weight(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let thousandths: u16 = format!("{fraction:0<3}").parse().ok()?;
    match whole {
        "0" => Some(thousandths),
        "1" if thousandths == 0 => Some(WEIGHT_MAX),
        _ => None,
    }
}

/// Parts of a header's value; what stands in quotes is not taken apart.
pub(super) fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let parts = text.split(move |letter| {
        quoted ^= letter == '"';
        letter == separator && !quoted
    });
    parts.filter(|part| !part.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn ranges_have_names_and_weights() {
        let mut headers = HeaderMap::new();
        assert_eq!(ranges(&headers).count(), 0);
        for value in [
            "application/vc;q=0, a/b;x=\",;q=0\" ; Q=0.5",
            "nonsense, c/d;q=2",
            "*/*",
        ] {
            headers.append(header::ACCEPT, HeaderValue::from_static(value));
        }
        let all: Vec<_> = ranges(&headers).collect();
        assert_eq!(all, [("application/vc", 0), ("a/b", 500), ("*/*", 1000)]);
    }
}
