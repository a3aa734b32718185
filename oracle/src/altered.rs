//! The same with one character of it changed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// A document with the text at a pointer changed in one place.
pub fn text_at(document: &Value, pointer: &str, place: usize) -> Value {
    let mut document = document.clone();
    let found = document.pointer_mut(pointer).expect("it is there");
    let mut text = found.as_str().expect("a text").to_owned();
    change(&mut text, place);
    *found = text.into();
    document
}

/// A token with one character changed, in the middle of one of its parts.
pub fn token(token: &str, part: usize) -> String {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    let middle = parts[part].len() / 2;
    change(&mut parts[part], middle);
    parts.join(".")
}

/// A token with the text of one claim changed in one place.
pub fn claim(token: &str, pointer: &str, place: usize) -> String {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    let claims = URL_SAFE_NO_PAD.decode(&parts[1]).expect("base64url");
    let claims = serde_json::from_slice(&claims).expect("JSON");
    parts[1] = URL_SAFE_NO_PAD.encode(text_at(&claims, pointer, place).to_string());
    parts.join(".")
}

// 2 and 3 are digits, and letters of Base58 and of base64url.
fn change(text: &mut String, place: usize) {
    let other = if &text[place..=place] == "2" {
        "3"
    } else {
        "2"
    };
    text.replace_range(place..=place, other);
}
