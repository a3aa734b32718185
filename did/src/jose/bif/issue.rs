//! Making a credential of BIF's.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::{Algorithm, Encoding, JoseError, ParseType, canonical, disclosure, name, subject};
use crate::signing_key::SigningKey;

/// Bytes of a salt.
pub const SALT_BYTES: usize = 16;

/// Makes a credential. `salt` is called once for each member of the subject that may be hidden; what it gives must be random.
///
/// A hidden value is kept as text: numbers and truth values as JavaScript prints them, lists and objects in canonical form.
pub fn issue(
    credential: &Map<String, Value>,
    parse_type: ParseType,
    encoding: Encoding,
    key: &SigningKey,
    salt: &mut dyn FnMut() -> [u8; SALT_BYTES],
) -> Result<String, JoseError> {
    let public = key.verification_key();
    let refused = || JoseError::Algorithm(public.curve().to_owned());
    let algorithm = Algorithm::of(&public).ok_or_else(refused)?;
    let name = name(algorithm).ok_or_else(refused)?;
    let mut claims = credential.clone();
    let parse_type_name = parse_type.name(algorithm).ok_or_else(refused)?;
    claims.insert("parseType".to_owned(), parse_type_name.into());
    let signed = match parse_type {
        ParseType::Direct => claims.clone(),
        ParseType::Selective => {
            let mut hidden = subject(&claims)?.clone();
            for (name, value) in &mut hidden {
                if name != "id" {
                    *value = hide(algorithm, value, &salt_text(salt()));
                }
            }
            claims.insert("credentialSubject".to_owned(), Value::Object(hidden));
            disclosure::stripped(&claims)?
        }
    };
    let header = URL_SAFE_NO_PAD.encode(json!({ "alg": name }).to_string());
    let signature = key.sign(signing_input(&header, &signed).as_bytes());
    let signature = match encoding {
        Encoding::HexText => URL_SAFE_NO_PAD.encode(hex::encode_upper(signature)),
        Encoding::Raw => URL_SAFE_NO_PAD.encode(signature),
    };
    let token = format!("{}.{signature}", signing_input(&header, &claims));
    // What is made here must be read here.
    super::decode(&token)?.parse()?;
    Ok(token)
}

/// A salt whose second half begins with a letter, so that its last 16 characters are no salt of BIF's by themselves: the first 16
/// cannot be taken for the end of the value. It has 126 random bits.
fn salt_text(mut salt: [u8; SALT_BYTES]) -> String {
    salt[SALT_BYTES / 2] |= 0xa0;
    hex::encode(salt)
}

fn hide(algorithm: Algorithm, value: &Value, salt: &str) -> Value {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            serde_json_canonicalizer::to_string(value)
                .expect("names are strings and numbers are finite, so it encodes")
        }
    };
    let hash = disclosure::hash(algorithm, &text, salt);
    json!({ "value": text, "salt": salt, "hash": hash })
}

/// The first two parts, with these claims in canonical form.
pub(super) fn signing_input(header: &str, claims: &Map<String, Value>) -> String {
    format!("{header}.{}", URL_SAFE_NO_PAD.encode(canonical(claims)))
}
