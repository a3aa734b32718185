//! Limits that a credential has in the words of tokens and of older data models. Whoever wrote one meant it, and no step here would judge
//! it.

use serde_json::{Map, Value};

use crate::credential::malformed::Malformed;
use crate::jose;

/// `exp`, `nbf` and `aud` limit a token, `status` an SD-JWT, `expirationDate` credentials of version 1.1, the others those of BIF's.
const FOREIGN: [&str; 7] = [
    "aud",
    "exp",
    "expirationDate",
    "nbf",
    "revocationId",
    "status",
    "validBefore",
];

/// Refuses claims of this kind.
pub(super) fn refuse(claims: &Map<String, Value>) -> Result<(), Malformed> {
    jose::refuse_foreign(claims, &FOREIGN)
        .map_err(|error| Malformed::new(error.code(), error.to_string()))
}
