//! Which key a token asks for.
//!
//! A `kid` is the URL of a verification method, or only its fragment; then it belongs to who is said to sign. One that is the signer's
//! own identifier says no more than none. Where a DID signs, a `kid` that names somebody else's key is refused, so that nobody signs in
//! another's name with a key of his own. Others (`https:`) may call their keys what they like: a `kid` that is no such URL says nothing
//! here, and any key of theirs is asked for.

use super::JoseError;
use crate::uri;

/// The method's URL. Without a `kid`, the signer's own identifier: any of its keys that fits.
pub fn method(kid: Option<&str>, controller: Option<&str>) -> Result<String, JoseError> {
    let Some(kid) = kid else {
        return controller.map(str::to_owned).ok_or(JoseError::Signer);
    };
    let refused = || JoseError::KeyId {
        kid: kid.to_owned(),
        controller: controller.unwrap_or_default().to_owned(),
    };
    if controller == Some(kid) {
        return Ok(kid.to_owned());
    }
    let (owner, fragment, is_one) = match kid.split_once('#') {
        Some((owner, fragment)) => (owner, fragment, uri::is_any_fragment(fragment)),
        // Without the "#" it could be the URL of something else.
        None => ("", kid, uri::is_fragment(kid)),
    };
    if let Some(other) = controller.filter(|controller| !controller.starts_with("did:"))
        && (!is_one || !["", other].contains(&owner))
    {
        return Ok(other.to_owned());
    }
    if !is_one {
        return Err(refused());
    }
    match (owner, controller) {
        ("", Some(controller)) => Ok(format!("{controller}#{fragment}")),
        ("", None) => Err(JoseError::Signer),
        (owner, Some(controller)) if owner == controller => Ok(kid.to_owned()),
        (_, Some(_)) => Err(refused()),
        (owner, None) if uri::is_uri(owner) => Ok(kid.to_owned()),
        (_, None) => Err(refused()),
    }
}

/// Who signs, and the method's URL, of a token that need not say who signs: X.509 certificates may (`x5c`), which are not looked at. Then
/// both are empty, and nobody is found by them.
pub fn signer(kid: Option<&str>, said: Option<&str>) -> Result<(String, String), JoseError> {
    let names_a_key = |kid: &&str| kid.starts_with("did:") || method(Some(kid), None).is_ok();
    match (said, kid.filter(names_a_key)) {
        (Some(said), _) => Ok((said.to_owned(), method(kid, Some(said))?)),
        (None, Some(kid)) => {
            let method = method(Some(kid), None)?;
            Ok((controller(&method).to_owned(), method))
        }
        (None, None) => Ok((String::new(), String::new())),
    }
}

/// Who the key of this method belongs to.
pub fn controller(method: &str) -> &str {
    method.split_once('#').map_or(method, |(owner, _)| owner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_id_is_absolute_or_of_the_signer() {
        let issuer = Some("did:bid:ef1");
        for (kid, controller, expected) in [
            (Some("did:bid:ef1#key-1"), issuer, "did:bid:ef1#key-1"),
            (Some("#key-1"), issuer, "did:bid:ef1#key-1"),
            (Some("key-1"), issuer, "did:bid:ef1#key-1"),
            (
                Some("#urn:ietf:params:oauth:jwk-thumbprint:sha-256:NzbLs"),
                issuer,
                "did:bid:ef1#urn:ietf:params:oauth:jwk-thumbprint:sha-256:NzbLs",
            ),
            (Some("did:bid:ef1#a/b"), issuer, "did:bid:ef1#a/b"),
            (Some("did:bid:ef1"), issuer, "did:bid:ef1"),
            (None, issuer, "did:bid:ef1"),
            (Some("did:bid:ef2#key-1"), None, "did:bid:ef2#key-1"),
        ] {
            assert_eq!(method(kid, controller).unwrap(), expected);
            assert!(expected.starts_with(self::controller(expected)));
        }
    }

    #[test]
    fn the_key_of_another_is_refused() {
        let issuer = Some("did:bid:ef1");
        for (kid, controller) in [
            (Some("did:bid:ef2#key-1"), issuer),
            (Some("did:bid:ef2"), issuer),
            (Some("did:bid:ef2"), None),
            (Some("did:bid:ef1#"), issuer),
            (Some("did:bid:ef1#a b"), issuer),
            (
                Some("urn:ietf:params:oauth:jwk-thumbprint:sha-256:NzbLs"),
                issuer,
            ),
            (Some("a/b"), issuer),
            (Some("did:bid:ef1?versionId=1#key-1"), issuer),
            (Some("did:bid:ef1#a#b"), issuer),
            (Some(""), issuer),
            (Some("#key-1"), None),
            (Some("x#key-1"), None),
            (None, None),
        ] {
            let error = method(kid, controller).unwrap_err();
            assert_eq!(error.code(), "JOSE_KEY_ID_INVALID", "{kid:?}");
        }
    }
}
