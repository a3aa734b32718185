//! Resolves a relative reference against an absolute URI (RFC 3986 §5.2).

/// The five components of RFC 3986 §3, none decoded.
struct Parts<'a> {
    scheme: Option<&'a str>,
    authority: Option<&'a str>,
    path: &'a str,
    query: Option<&'a str>,
    fragment: Option<&'a str>,
}

// RFC 3986 appendix B, without the regular expression.
fn split(text: &str) -> Parts<'_> {
    let (rest, fragment) = cut(text, '#');
    let (rest, query) = cut(rest, '?');
    let (scheme, rest) = match rest.split_once(':') {
        Some((scheme, rest)) if !scheme.contains('/') && !scheme.is_empty() => (Some(scheme), rest),
        Some(_) | None => (None, rest),
    };
    let (authority, path) = match rest.strip_prefix("//") {
        Some(rest) => {
            let end = rest.find('/').unwrap_or(rest.len());
            (Some(&rest[..end]), &rest[end..])
        }
        None => (None, rest),
    };
    Parts {
        scheme,
        authority,
        path,
        query,
        fragment,
    }
}

fn cut(text: &str, at: char) -> (&str, Option<&str>) {
    match text.split_once(at) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

/// Whether a reference names neither a scheme nor an authority, so that what it resolves to is of the base's host.
pub(crate) fn stays_with_its_base(reference: &str) -> bool {
    let parts = split(reference);
    parts.scheme.is_none() && parts.authority.is_none()
}

/// Whether a reference leads nowhere but below the directory of `base`, also for who reads escaped dots and slashes as dots and slashes.
/// One that begins with `/` names a path of its own.
// DID Resolution §13.7.1
pub(crate) fn stays_below(base: &str, reference: &str) -> bool {
    let (base, reference) = (split(base).path, split(reference).path);
    if reference.is_empty() || reference.starts_with('/') {
        return true;
    }
    let directory = unescaped(base.rfind('/').map_or("", |last| &base[..last]));
    let directory = walked(&directory, &[]);
    walked(&unescaped(reference), &directory).starts_with(&directory)
}

/// A path with the dots and slashes that percent signs stand for.
fn unescaped(path: &str) -> String {
    let dots = path.replace("%2e", ".").replace("%2E", ".");
    let slashes = dots.replace("%2f", "/").replace("%2F", "/");
    slashes.replace("%5c", "/").replace("%5C", "/")
}

/// The segments that a path leads to from a directory. Empty ones do not count: some read `//` as `/`.
fn walked<'a>(path: &'a str, from: &[&'a str]) -> Vec<&'a str> {
    let mut kept = from.to_vec();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            other => kept.push(other),
        }
    }
    kept
}

/// The URI that a reference with neither scheme nor authority means at `base`. `None`: the base is no URI with an authority, such
/// as a URN or a DID, below which there is nothing.
pub(crate) fn resolve(base: &str, reference: &str) -> Option<String> {
    let base = split(base);
    let (scheme, authority) = (base.scheme?, base.authority?);
    let reference = split(reference);
    let (path, query) = if reference.path.is_empty() {
        (base.path.to_owned(), reference.query.or(base.query))
    } else if reference.path.starts_with('/') {
        (without_dots(reference.path), reference.query)
    } else {
        // RFC 3986 §5.2.3
        let merged = match base.path.rfind('/') {
            Some(last) => format!("{}{}", &base.path[..=last], reference.path),
            None => format!("/{}", reference.path),
        };
        (without_dots(&merged), reference.query)
    };
    let mut text = format!("{scheme}://{authority}{path}");
    for (mark, part) in [('?', query), ('#', reference.fragment)] {
        if let Some(part) = part {
            text.push(mark);
            text.push_str(part);
        }
    }
    Some(text)
}

// RFC 3986 §5.2.4, of a path that begins with "/".
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            other => kept.push(other),
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 3986 §5.4, but for references that name a scheme or an authority.
    #[test]
    fn published_references_resolve_as_published() {
        let base = "http://a/b/c/d;p?q";
        for (reference, expected) in [
            ("g", "http://a/b/c/g"),
            ("./g", "http://a/b/c/g"),
            ("g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("?y", "http://a/b/c/d;p?y"),
            ("g?y", "http://a/b/c/g?y"),
            ("#s", "http://a/b/c/d;p?q#s"),
            ("g#s", "http://a/b/c/g#s"),
            ("g?y#s", "http://a/b/c/g?y#s"),
            (";x", "http://a/b/c/;x"),
            ("g;x", "http://a/b/c/g;x"),
            ("g;x?y#s", "http://a/b/c/g;x?y#s"),
            ("", "http://a/b/c/d;p?q"),
            (".", "http://a/b/c/"),
            ("./", "http://a/b/c/"),
            ("..", "http://a/b/"),
            ("../", "http://a/b/"),
            ("../g", "http://a/b/g"),
            ("../..", "http://a/"),
            ("../../", "http://a/"),
            ("../../g", "http://a/g"),
            ("../../../g", "http://a/g"),
            ("../../../../g", "http://a/g"),
            ("/./g", "http://a/g"),
            ("/../g", "http://a/g"),
            ("g.", "http://a/b/c/g."),
            (".g", "http://a/b/c/.g"),
            ("g..", "http://a/b/c/g.."),
            ("..g", "http://a/b/c/..g"),
            ("./../g", "http://a/b/g"),
            ("./g/.", "http://a/b/c/g/"),
            ("g/./h", "http://a/b/c/g/h"),
            ("g/../h", "http://a/b/c/h"),
            ("g;x=1/./y", "http://a/b/c/g;x=1/y"),
            ("g;x=1/../y", "http://a/b/c/y"),
            ("g?y/./x", "http://a/b/c/g?y/./x"),
            ("g#s/../x", "http://a/b/c/g#s/../x"),
        ] {
            assert_eq!(resolve(base, reference).as_deref(), Some(expected));
            assert!(stays_with_its_base(reference), "{reference}");
        }
        assert_eq!(resolve("http://a", "g").as_deref(), Some("http://a/g"));
        assert_eq!(resolve("urn:a:b", "g"), None);
        assert_eq!(resolve("did:web:a", "/g"), None);
    }

    #[test]
    fn a_reference_that_climbs_out_of_its_directory_is_told() {
        let base = "https://h/root/dir/list?page=1";
        for below in [
            "",
            "?y",
            "#s",
            "g",
            "g/",
            ".",
            "./g",
            "g/../h",
            "g/..",
            "../dir/g",
            "..g",
            "g..",
            "%2e/g",
            "g?../../x",
            "g#../../x",
            "%2Fg",
            "/g",
            "/../g",
            "/%2e%2e/g",
        ] {
            assert!(stays_below(base, below), "{below}");
        }
        for above in [
            "..",
            "../",
            "../g",
            "../../admin",
            "./../g",
            "g/../../h",
            "../dir2/g",
            "%2e%2e/g",
            "%2E./g",
            ".%2e",
            "%2e%2e%2fadmin",
            "g%2F..%2f..%2Fh",
            "..%5cadmin",
            "g//../../h",
        ] {
            assert!(!stays_below(base, above), "{above}");
        }
        // Of a service at the root of its host, all is below.
        for base in ["https://h", "https://h/", "https://h/list"] {
            assert!(stays_below(base, "../../g"), "{base}");
        }
        // What the service's own address escapes is its own.
        assert!(stays_below("https://h/a%2fb/", "g"));
        assert!(!stays_below("https://h/a/%2e%2e/b/", "../g"));
    }

    #[test]
    fn a_reference_to_another_host_is_told() {
        for reference in ["g:h", "//g", "https://example.org/", "javascript:x", "//"] {
            assert!(!stays_with_its_base(reference), "{reference}");
        }
        assert!(stays_with_its_base("/a:b") && stays_with_its_base("?a:b"));
    }
}
