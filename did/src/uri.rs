//! The little of RFC 3986 that documents need: fragments of key and service ids, and absolute URIs.

pub(crate) mod reference;

/// The longest fragment, characters.
pub(crate) const FRAGMENT_CHARS_MAX: usize = 64;
/// The longest URI, bytes.
pub(crate) const URI_BYTES_MAX: usize = 2048;

/// Schemes whose URIs are a program, a document or a file of the reader's own.
const SCHEMES_WITHOUT_A_SERVICE: [&str; 4] = ["data", "file", "javascript", "vbscript"];

/// Whether this names a key or a service within its document: RFC 3986's unreserved characters, so that it needs no escaping.
pub(crate) fn is_fragment(text: &str) -> bool {
    (1..=FRAGMENT_CHARS_MAX).contains(&text.len()) && text.bytes().all(is_unreserved)
}

/// Whether this may stand behind the "#" of a URI: what documents of others name their parts by.
// RFC 3986 §3.5: fragment = *( pchar / "/" / "?" )
pub(crate) fn is_any_fragment(text: &str) -> bool {
    (1..=URI_BYTES_MAX).contains(&text.len())
        && has_only_uri_characters(text)
        && !text.contains(['#', '[', ']'])
}

/// Whether this is an absolute URI: a scheme, a colon, and only characters that a URI may have.
pub(crate) fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else {
        return false;
    };
    text.len() <= URI_BYTES_MAX
        && is_scheme(scheme)
        && !rest.is_empty()
        && has_only_uri_characters(rest)
}

/// The scheme of a URI that leads to no service: whoever opens it runs or shows what stands in it, or reads a file of their own.
// RFC 3986 §3.1: "schemes are case-insensitive".
pub(crate) fn scheme_without_a_service(uri: &str) -> Option<&'static str> {
    let (scheme, _) = uri.split_once(':')?;
    let mut known = SCHEMES_WITHOUT_A_SERVICE.into_iter();
    known.find(|known| known.eq_ignore_ascii_case(scheme))
}

/// Whether this is a DID of any method, without path, query or fragment.
// DID Core §3.1: "did:" method-name ":" method-specific-id, of idchars and ":", not ending in ":".
pub(crate) fn is_did(text: &str) -> bool {
    let Some((method, id)) = text.strip_prefix("did:").and_then(|r| r.split_once(':')) else {
        return false;
    };
    text.len() <= URI_BYTES_MAX
        && !method.is_empty()
        && method
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        && !id.is_empty()
        && !id.ends_with(':')
        && has_only_uri_characters(id)
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-_:%".contains(&byte))
}

// RFC 3986 §3.1: scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." )
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// Whether a URI, or a part of one, may have all these characters.
// RFC 3986 §2: unreserved, reserved, and "%" with two hexadecimal digits.
pub(crate) fn has_only_uri_characters(text: &str) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let known = match byte {
            b'%' => {
                bytes.next().is_some_and(|a| a.is_ascii_hexdigit())
                    && bytes.next().is_some_and(|b| b.is_ascii_hexdigit())
            }
            _ => is_unreserved(byte) || b":/?#[]@!$&'()*+,;=".contains(&byte),
        };
        if !known {
            return false;
        }
    }
    true
}

/// The text with percent signs for spaces, for what is beyond ASCII, and for visible characters that no URI has. What could be
/// taken for more than text stays, and is no URI: control characters, backslashes, percent signs.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte >= 0x80 || b" \"<>^`{|}".contains(&byte) {
            let digit = |value: u8| char::from(b"0123456789ABCDEF"[usize::from(value)]);
            escaped.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        } else {
            escaped.push(char::from(byte));
        }
    }
    escaped
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_need_no_escaping() {
        for good in ["key-1", "a", "A.b_c~d", &"k".repeat(64)] {
            assert!(is_fragment(good), "{good}");
        }
        for bad in [
            "",
            "key 1",
            "key#1",
            "key/1",
            "钥匙",
            "%20",
            &"k".repeat(65),
        ] {
            assert!(!is_fragment(bad), "{bad}");
        }
    }

    #[test]
    fn others_name_parts_by_any_fragment() {
        for good in [
            "key-1",
            "urn:ietf:params:oauth:jwk-thumbprint:sha-256:NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
            "a/b?c",
            "%20",
            &"k".repeat(URI_BYTES_MAX),
        ] {
            assert!(is_any_fragment(good), "{good}");
        }
        let long = "k".repeat(URI_BYTES_MAX + 1);
        for bad in ["", "a#b", "a[0]", "a b", "%2", "钥匙", &long] {
            assert!(!is_any_fragment(bad), "{bad}");
        }
    }

    #[test]
    fn dids_of_any_method_are_told_from_did_urls() {
        for good in [
            "did:web:example.org%3A8443:user",
            "did:key:z6MkmRYbz4YPX9vkwDtasNUjre28WBKPfxCHxB2Bc5wvAoUh",
            "did:a1::x",
        ] {
            assert!(is_did(good), "{good}");
        }
        for bad in [
            "did:web:",
            "did::x",
            "did:Web:x",
            "did:web:x:",
            "did:web:x/y",
            "did:web:x?y",
            "did:web:x#y",
            "did:web:x%2",
            "did:web",
            "urn:web:x",
        ] {
            assert!(!is_did(bad), "{bad}");
        }
    }

    #[test]
    fn a_uri_that_leads_to_no_service_is_told_by_its_scheme() {
        for (uri, scheme) in [
            ("javascript:alert(1)", "javascript"),
            ("JavaScript:x", "javascript"),
            ("DATA:,x", "data"),
            ("vbscript:x", "vbscript"),
            ("file:///etc", "file"),
        ] {
            assert!(is_uri(uri));
            assert_eq!(scheme_without_a_service(uri), Some(scheme), "{uri}");
        }
        for uri in [
            "https://javascript.example/",
            "did:web:file",
            "mailto:data@example.org",
            "urn:data:x",
        ] {
            assert!(is_uri(uri));
            assert_eq!(scheme_without_a_service(uri), None, "{uri}");
        }
    }

    #[test]
    fn uris_are_absolute_and_escaped() {
        for good in [
            "https://example.org/path?q=%E4%B8%AD#top",
            "did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2",
            "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
            "https://[2001:db8::1]:8080/",
        ] {
            assert!(is_uri(good), "{good}");
        }
        for bad in [
            "",
            "example.org",
            "/path",
            "https:",
            ":x",
            "1http://x",
            "http://a b",
            "http://x/\"",
            "http://例子",
            "http://x/%2",
            "http://x/%zz",
            "http://x/\n",
            &format!("http://{}", "a".repeat(URI_BYTES_MAX)),
        ] {
            assert!(!is_uri(bad), "{bad}");
        }
    }
}
