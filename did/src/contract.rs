//! BIF's system contracts, as its SDKs call them: a payment of nothing to a fixed address, with JSON that names a method.
//!
//! There is no contract behind these addresses. A call is read into the native operation that does the same and is carried out by
//! its code, so that there is one set of rules: [`ddo`] for documents, [`tds`] for issuers, templates and revocations ("credential
//! trust set", RFC-015). Where BIF's contract would allow what a native operation does not, the call is refused, by the native
//! code; the detail begins with the number that BIF's contract has for it, where it has one.
//!
//! A call comes as a payment, so an account's threshold for payments is all that the ledger has asked for. An account may ask for
//! more keys where its document changes; a call asks for the same ([`Call::apply`]).

use serde_json::Value;
use starfire_state::{Code, Env, Overlay, Rejection, View};

use crate::credential::json;
use crate::document::FormError;
use crate::document::json::Object;
use crate::{code, policy};

mod ddo;
pub mod tds;

/// The document contract, in BIF's Java SDK.
pub const DDO_JAVA: &str = "did:bid:efspy6btdcuzP5BH2N899Ycti5Sd7n3z";
/// The document contract, in BIF's TypeScript SDK.
pub const DDO_TYPESCRIPT: &str = "did:bid:efosSF8ce2ifUDvuQj8hkZoG9iRuKuDM";
/// The trust contract.
pub const TDS: &str = "did:bid:ef3bXwGBcqmJyw314ZWh5jadKq7X48nf";
/// The longest call, bytes: the longest document in JSON, and room.
pub const INPUT_BYTES_MAX: usize = 64 << 10;
/// The deepest nesting of a call.
const INPUT_DEPTH_MAX: usize = 16;

/// A system contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contract {
    /// Keeps documents.
    Ddo,
    /// Keeps issuers, templates and revocations.
    Tds,
}

/// A call that changes state, parsed.
#[derive(Debug, Clone)]
pub struct Call {
    kind: Kind,
    /// A form of earlier SDKs that it has.
    legacy: Option<&'static str>,
}

#[derive(Debug, Clone)]
enum Kind {
    Ddo(ddo::Call),
    Tds(tds::Call),
}

impl Contract {
    /// The contract at this address. It is the same on every chain, since the SDKs have it built in.
    pub fn at(address: &str) -> Option<Self> {
        match address {
            DDO_JAVA | DDO_TYPESCRIPT => Some(Self::Ddo),
            TDS => Some(Self::Tds),
            _ => None,
        }
    }
}

impl Call {
    /// Reads what is paid and said to a contract.
    pub fn parse(contract: Contract, amount: i64, input: &str) -> Result<Self, Rejection> {
        if amount != 0 {
            return Err(invalid(format!(
                "nobody has the key of this address: coins ({amount}) would be lost"
            )));
        }
        let input = read(input)?;
        let (method, params) = method(&input)?;
        Ok(match contract {
            Contract::Ddo => {
                let (call, legacy) = ddo::Call::parse(method, params)?;
                Self {
                    kind: Kind::Ddo(call),
                    legacy,
                }
            }
            Contract::Tds => Self {
                kind: Kind::Tds(tds::Call::parse(method, params)?),
                legacy: None,
            },
        })
    }

    /// A form of earlier SDKs that it has, for people: only chains of BIF's profile take it.
    pub fn legacy(&self) -> Option<&'static str> {
        self.legacy
    }

    /// Carries it out. `governs`: the sender is one of those who decide on motions.
    pub fn apply(
        self,
        state: &mut Overlay<'_>,
        env: &Env,
        signers: &[&str],
        governs: bool,
    ) -> Result<(), Rejection> {
        if let Some(form) = self.legacy.filter(|_| !env.chain.bif_profile) {
            let detail = format!("a chain without BIF's profile does not take {form}");
            return Err(Rejection::new(code::CONTRACT_LEGACY_FORM, detail));
        }
        if !policy::keys_weigh_enough(state, &env.sender, signers) {
            let detail = format!("{} asks for more keys where a document changes", env.sender);
            return Err(Rejection::new(code::CONTRACT_CALL_UNDERSIGNED, detail));
        }
        match self.kind {
            Kind::Ddo(call) => call.apply(state, env, signers),
            Kind::Tds(call) => call.apply(state, env, governs),
        }
    }
}

/// Answers a question to the contract at `address`. Pure: what it answers from is `view` alone.
pub fn query(view: &dyn View, address: &str, input: &str) -> Result<Value, Rejection> {
    let Some(contract) = Contract::at(address) else {
        let detail = format!("there is no system contract at {address:?}");
        return Err(Rejection::new(code::CONTRACT_CALL_INVALID, detail));
    };
    let input = read(input)?;
    let (method, params) = method(&input)?;
    match contract {
        Contract::Ddo => ddo::query(view, method, params),
        Contract::Tds => tds::query(view, method, params),
    }
}

fn read(input: &str) -> Result<Value, Rejection> {
    let input = json::parse_within(input.as_bytes(), INPUT_BYTES_MAX, INPUT_DEPTH_MAX)
        .map_err(|malformed| invalid(malformed.detail))?;
    if has_fraction(&input) {
        return Err(invalid(
            "numbers are integers, without fraction or exponent: write others as strings",
        ));
    }
    Ok(input)
}

/// Whether a number is a floating-point one. What a call says is stored in canonical form, and no float reaches state.
fn has_fraction(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => false,
        Value::Number(number) => number.is_f64(),
        Value::Array(elements) => elements.iter().any(has_fraction),
        Value::Object(members) => members.values().any(has_fraction),
    }
}

fn method(input: &Value) -> Result<(&str, Object<'_>), Rejection> {
    let mut object = Object::of("input", input).map_err(form)?;
    let method = object.text("method").map_err(form)?;
    let Some(params) = object.object("params").map_err(form)? else {
        return Err(form(FormError::Missing(object.path("params"))));
    };
    object.finish().map_err(form)?;
    Ok((method, params))
}

fn form(error: FormError) -> Rejection {
    invalid(error.to_string())
}

fn invalid(detail: impl Into<String>) -> Rejection {
    Rejection::new(code::CONTRACT_CALL_INVALID, detail)
}

fn unknown(method: &str) -> Rejection {
    const SHOWN_CHARACTERS: usize = 40;
    let shown: String = method.chars().take(SHOWN_CHARACTERS).collect();
    let detail = format!("this contract does nothing by the name {shown:?}");
    Rejection::new(code::CONTRACT_METHOD_UNKNOWN, detail)
}

/// A method that only answers was sent in a transaction, or the other way round.
fn elsewhere(method: &str, where_to: &str) -> Rejection {
    let detail = format!("{method} goes into {where_to}");
    Rejection::new(code::CONTRACT_METHOD_UNKNOWN, detail)
}

/// Where questions go.
const QUESTION: &str = "a question (POST /callContract), not into a transaction";
/// Where changes go.
const TRANSACTION: &str = "a transaction, not into a question";

/// A refusal with the number that BIF's contract has for it.
fn with_number(number: u32, code: Code, detail: &str) -> Rejection {
    Rejection::new(code, format!("{number} {detail}"))
}

#[cfg(test)]
mod tests;
