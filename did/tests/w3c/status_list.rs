//! Bitstring Status List 1.0: the list as a credential, and how an entry is looked up in it.

use serde_json::{Value, json};
use starfire_did::credential::bitstring::{self, ENTRIES_MIN, Entry, StatusList};
use starfire_did::credential::code;
use starfire_did::credential::integrity::{self, Options};
use starfire_did::credential::parsed::Parsed;

use super::{NOW_MS, Signer};

const LIST: &str = "https://example.com/credentials/status/3";
/// The entry that is set.
const SET: u64 = 94_567;

fn bits() -> Vec<u8> {
    let place = |entry: u64| usize::try_from(entry / 8).expect("a list fits into memory");
    let mut bits = vec![0; place(ENTRIES_MIN)];
    bits[place(SET)] |= 0x80 >> (SET % 8);
    bits
}

/// The credential of a list, signed.
fn published(change: impl FnOnce(&mut Value)) -> Parsed {
    let [signer, _] = Signer::all();
    let mut claims = signer.claims();
    claims["id"] = json!(LIST);
    claims["type"] = json!(["VerifiableCredential", "BitstringStatusListCredential"]);
    claims["credentialSubject"] = json!({
        "id": format!("{LIST}#list"),
        "type": "BitstringStatusList",
        "statusPurpose": "revocation",
        "encodedList": bitstring::encode(&bits()),
    });
    change(&mut claims);
    let options = Options::assertion(signer.suite, signer.method(), NOW_MS - 1000);
    let secured = integrity::issue(claims, &options, &signer.key, None).expect("a credential");
    integrity::credential(secured, None).expect("a credential")
}

fn entry(purpose: &str, index: u64) -> Entry {
    Entry {
        purpose: purpose.into(),
        index,
        list: LIST.into(),
    }
}

/// What became of reading a list, and of looking entry [`SET`] up in it.
fn looked_up(change: impl FnOnce(&mut Value)) -> Result<bool, &'static str> {
    let list = StatusList::parse(&published(change)).map_err(|error| error.code)?;
    let status = list.status(&entry("revocation", SET));
    status.map_err(|error| error.code)
}

#[test]
fn a_list_says_of_each_entry_whether_it_is_set() {
    assert_eq!(looked_up(|_| {}), Ok(true));
    let list = StatusList::parse(&published(|_| {})).unwrap();
    for index in [0, SET - 1, SET + 1, ENTRIES_MIN - 1] {
        assert_eq!(list.status(&entry("revocation", index)), Ok(false));
    }
    let several = |claims: &mut Value| {
        claims["credentialSubject"]["statusPurpose"] = json!(["revocation", "suspension"]);
    };
    assert_eq!(
        looked_up(several),
        Ok(true),
        "a list may serve two purposes"
    );
}

#[test]
fn a_list_keeps_every_rule_of_its_form() {
    let subject = |name: &'static str, value: Value| {
        move |claims: &mut Value| claims["credentialSubject"][name] = value
    };
    let short = bitstring::encode(&[0; 1024]);
    for (rule, change, expected) in [
        (
            "§2.2 the credential is a BitstringStatusListCredential",
            Box::new(|claims: &mut Value| claims["type"] = json!(["VerifiableCredential"]))
                as Box<dyn Fn(&mut Value)>,
            code::MALFORMED_VALUE_ERROR,
        ),
        (
            "§2.2 the subject is a BitstringStatusList",
            Box::new(|claims: &mut Value| {
                claims["credentialSubject"]["type"] = json!("https://example.org/#List");
            }),
            code::MALFORMED_VALUE_ERROR,
        ),
        (
            "§2.2 the purpose is one text, or some",
            Box::new(|claims: &mut Value| claims["credentialSubject"]["statusPurpose"] = json!([])),
            code::MALFORMED_VALUE_ERROR,
        ),
        (
            "§2.2 encodedList is multibase",
            Box::new(|claims: &mut Value| {
                let encoded =
                    claims["credentialSubject"]["encodedList"].as_str().unwrap()[1..].to_owned();
                claims["credentialSubject"]["encodedList"] = json!(encoded);
            }),
            code::MALFORMED_VALUE_ERROR,
        ),
        (
            "§2.2 encodedList has no padding",
            Box::new(|claims: &mut Value| {
                let encoded = claims["credentialSubject"]["encodedList"].as_str().unwrap();
                claims["credentialSubject"]["encodedList"] = json!(format!("{encoded}="));
            }),
            code::MALFORMED_VALUE_ERROR,
        ),
        (
            "§2.2 encodedList is compressed by gzip",
            Box::new(|claims: &mut Value| {
                claims["credentialSubject"]["encodedList"] = json!("uAAAAAAAA");
            }),
            code::MALFORMED_VALUE_ERROR,
        ),
        (
            "§3.2 the list is long enough that an entry tells nobody apart",
            Box::new(move |claims: &mut Value| {
                claims["credentialSubject"]["encodedList"] = json!(short);
            }),
            code::STATUS_LIST_LENGTH_ERROR,
        ),
        (
            "§3.2 the list serves the entry's purpose",
            Box::new(|claims: &mut Value| {
                claims["credentialSubject"]["statusPurpose"] = json!("suspension");
            }),
            code::STATUS_VERIFICATION_ERROR,
        ),
        (
            "§3.2 the list is the one that the entry names",
            Box::new(|claims: &mut Value| {
                claims["id"] = json!("https://example.com/credentials/status/4");
            }),
            code::STATUS_VERIFICATION_ERROR,
        ),
    ] {
        assert_eq!(looked_up(change), Err(expected), "{rule}");
    }
    assert_eq!(looked_up(subject("ttl", json!(300_000))), Ok(true));
    let negative = looked_up(subject("ttl", json!(-1)));
    assert_eq!(negative, Err(code::MALFORMED_VALUE_ERROR));
}

#[test]
fn an_entry_beyond_the_list_is_a_range_error() {
    let list = StatusList::parse(&published(|_| {})).unwrap();
    let beyond = list.status(&entry("revocation", ENTRIES_MIN));
    assert_eq!(beyond.unwrap_err().code, code::RANGE_ERROR);
}

#[test]
fn a_list_that_is_published_is_read_again() {
    let list = StatusList::parse(&published(|_| {})).unwrap();
    assert_eq!(list.bits, bits());
    let [signer, _] = Signer::all();
    let options = Options::assertion(signer.suite, signer.method(), NOW_MS - 1000);
    let claims = list.to_credential(LIST).unwrap();
    let secured = integrity::issue(claims, &options, &signer.key, None).unwrap();
    let read = StatusList::parse(&integrity::credential(secured, None).unwrap()).unwrap();
    assert_eq!(read, list);
}
