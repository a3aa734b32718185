//! The specification's examples, its errors, and what a hostile list may try.

use proptest::prelude::*;

use super::*;
use crate::credential::model;

// Bitstring Status List 1.0, example 3: 16 KB of zeros.
const EXAMPLE: &str = "uH4sIAAAAAAAAA-3BMQEAAADCoPVPbQwfoAAAAAAAAAAAAAAAAAAAAIC3AYbSVKsAQAAA";
const URL: &str = "https://example.com/status/3";

fn list(purposes: &[&str], bits: Vec<u8>) -> StatusList {
    StatusList {
        id: Some(URL.into()),
        issuer: "did:example:12345".into(),
        purposes: purposes.iter().map(|one| (*one).to_owned()).collect(),
        bits,
        ttl_ms: Some(300_000),
        valid_from_ms: Some(1_617_632_860_000),
    }
}

fn entry(purpose: &str, index: u64) -> Entry {
    Entry {
        purpose: purpose.into(),
        index,
        list: URL.into(),
    }
}

fn minimum() -> Vec<u8> {
    vec![0; usize::try_from(ENTRIES_MIN / 8).unwrap()]
}

#[test]
fn the_published_list_is_read() {
    assert_eq!(decode(EXAMPLE).unwrap(), minimum());
}

// tests/clients/credentials/make_vectors.mjs: @digitalbazaar/vc-bitstring-status-list.
#[test]
fn a_list_of_a_javascript_library_is_read() {
    let text = include_str!("../../../../tests/vectors/credentials/status.json");
    let vectors: Value = serde_json::from_str(text).unwrap();
    let list = model::credential(vectors["statusList"].clone()).unwrap();
    let list = StatusList::parse(&list).unwrap();
    for credential in vectors["credentials"].as_array().unwrap() {
        let status = &credential["document"]["credentialStatus"];
        let entry = Entry::parse(status.as_object().unwrap()).unwrap();
        assert_eq!(
            Value::from(list.status(&entry).unwrap()),
            credential["revoked"]
        );
    }
}

#[test]
fn the_first_entry_is_the_highest_bit() {
    let mut bits = minimum();
    bits[0] = 0b1000_0001;
    bits[16_383] = 1;
    for (index, set) in [
        (0, true),
        (1, false),
        (7, true),
        (8, false),
        (131_071, true),
    ] {
        assert_eq!(bit(&bits, index), Ok(set), "{index}");
    }
    for index in [131_072, u64::MAX] {
        assert_eq!(bit(&bits, index).unwrap_err().code, code::RANGE_ERROR);
    }
}

#[test]
fn a_list_survives_its_credential() {
    let mut bits = minimum();
    bits[100] = 0x42;
    for purposes in [&["revocation"][..], &["revocation", "suspension"]] {
        let list = list(purposes, bits.clone());
        let credential = model::credential(list.to_credential(URL).unwrap()).unwrap();
        assert_eq!(StatusList::parse(&credential).unwrap(), list);
    }
    let list = list(&["revocation"], bits);
    assert_eq!(list.status(&entry("revocation", 801)), Ok(true));
    assert_eq!(list.status(&entry("revocation", 800)), Ok(false));
}

#[test]
fn a_list_is_read_whether_its_subject_and_types_stand_in_lists_or_not() {
    let list = list(&["revocation"], minimum());
    let read = |change: &dyn Fn(&mut Value)| {
        let mut credential = list.to_credential(URL).unwrap();
        change(&mut credential["credentialSubject"]);
        StatusList::parse(&model::credential(credential).unwrap()).map_err(|error| error.code)
    };
    let same: [&dyn Fn(&mut Value); 3] = [
        &|subject| *subject = json!([subject.clone()]),
        &|subject| subject["type"] = json!(["BitstringStatusList"]),
        &|subject| subject["type"] = json!(["BitstringStatusList", "https://example.org/#Other"]),
    ];
    for change in same {
        assert_eq!(read(change).as_ref(), Ok(&list));
    }
}

#[test]
fn a_list_answers_only_for_its_purpose_and_url_and_length() {
    let revocation = list(&["revocation"], minimum());
    let code = |list: &StatusList, entry: &Entry| list.status(entry).unwrap_err().code;
    assert_eq!(
        code(&revocation, &entry("suspension", 0)),
        code::STATUS_VERIFICATION_ERROR
    );
    let mut elsewhere = entry("revocation", 0);
    elsewhere.list = "https://example.com/status/4".into();
    assert_eq!(
        code(&revocation, &elsewhere),
        code::STATUS_VERIFICATION_ERROR
    );
    assert_eq!(
        code(&revocation, &entry("revocation", ENTRIES_MIN)),
        code::RANGE_ERROR
    );
    let short = list(&["revocation"], minimum()[1..].to_vec());
    assert_eq!(
        code(&short, &entry("revocation", 0)),
        code::STATUS_LIST_LENGTH_ERROR
    );
    assert_eq!(
        short.to_credential(URL).unwrap_err().code,
        code::STATUS_LIST_LENGTH_ERROR
    );
}

#[test]
fn entries_have_one_spelling() {
    let good = entry("revocation", 94_567).to_value();
    let parse = |value: &Value| Entry::parse(value.as_object().unwrap());
    assert_eq!(parse(&good), Ok(entry("revocation", 94_567)));
    let mut other = good.clone();
    other["id"] = json!("https://example.com/status/3#94567");
    other["statusSize"] = json!(1);
    other["statusMessage"] =
        json!([{ "status": "0x0", "message": "valid" }, { "status": "0x1", "message": "invalid" }]);
    assert_eq!(parse(&other), Ok(entry("revocation", 94_567)));
    let messages = |count: usize| -> Value {
        let message = |value| json!({ "status": format!("0x{value:x}"), "message": "m" });
        (0..count).map(message).collect()
    };
    let sized = |size: u64, count: usize| {
        let mut sized = good.clone();
        (sized["statusSize"], sized["statusMessage"]) = (json!(size), messages(count));
        parse(&sized).map_err(|error| error.code)
    };
    assert_eq!(sized(1, 2), Ok(entry("revocation", 94_567)));
    for (size, count) in [(2, 4), (3, 8), (8, 256)] {
        assert_eq!(sized(size, count), Err(code::STATUS_UNKNOWN));
        assert_eq!(sized(size, count - 1), Err(code::MALFORMED_VALUE_ERROR));
    }
    for size in [0, 63, 64, u64::MAX] {
        assert_eq!(sized(size, 2), Err(code::MALFORMED_VALUE_ERROR));
    }
    for (name, bad) in [
        ("statusPurpose", json!(null)),
        ("statusPurpose", json!("")),
        ("statusPurpose", json!(["revocation"])),
        ("statusPurpose", json!("x".repeat(PURPOSE_BYTES_MAX + 1))),
        ("statusListIndex", json!(94_567)),
        ("statusListIndex", json!("")),
        ("statusListIndex", json!("-1")),
        ("statusListIndex", json!("+1")),
        ("statusListIndex", json!("0x10")),
        ("statusListIndex", json!("01")),
        ("statusListIndex", json!("1.0")),
        ("statusListIndex", json!(" 1")),
        ("statusListIndex", json!("1".repeat(20))),
        ("statusListCredential", json!("status/3")),
        ("statusListCredential", json!({})),
        ("statusSize", json!(0)),
        ("statusSize", json!(2)),
        ("statusSize", json!("1")),
        ("statusSize", json!(-1)),
        ("statusMessage", json!([])),
        (
            "statusMessage",
            json!([{ "status": "0x0", "message": "valid" }]),
        ),
        (
            "statusMessage",
            json!([{ "status": "0x0" }, { "status": "0x1" }]),
        ),
        ("id", json!(URL)),
    ] {
        let mut entry = good.clone();
        entry[name] = bad.clone();
        let error = parse(&entry).unwrap_err();
        assert_eq!(error.code, code::MALFORMED_VALUE_ERROR, "{name}: {bad}");
    }
}

#[test]
fn what_is_no_list_is_refused() {
    let good = list(&["revocation"], minimum()).to_credential(URL).unwrap();
    let check = |change: &dyn Fn(&mut Value)| {
        let mut bad = good.clone();
        change(&mut bad);
        let error = StatusList::parse(&model::credential(bad).unwrap()).unwrap_err();
        assert_eq!(error.code, code::MALFORMED_VALUE_ERROR);
    };
    check(&|list| list["type"] = json!(["VerifiableCredential"]));
    check(&|list| list["credentialSubject"]["type"] = json!("BitstringStatusListEntry"));
    let twice = |subject: &Value| json!([subject, subject]);
    check(&|list| list["credentialSubject"] = twice(&list["credentialSubject"]));
    check(&|list| list["credentialSubject"]["statusPurpose"] = json!([]));
    check(&|list| list["credentialSubject"]["statusPurpose"] = json!(1));
    check(&|list| list["credentialSubject"]["ttl"] = json!("300000"));
    for encoded in [
        json!(null),
        json!(""),
        json!(&EXAMPLE[1..]),
        json!(format!("{EXAMPLE}=")),
        json!("uAAAA"),
    ] {
        check(&|list| list["credentialSubject"]["encodedList"] = encoded.clone());
    }
    let mut cut = EXAMPLE.to_owned();
    cut.truncate(40);
    assert!(decode(&cut).is_err());
}

#[test]
fn a_list_that_inflates_without_end_is_refused() {
    let bomb = encode(&vec![0; LIST_BYTES_MAX + 1]);
    assert!(bomb.len() < 32_768);
    assert_eq!(decode(&bomb).unwrap_err().code, code::MALFORMED_VALUE_ERROR);
    let longest = vec![0; LIST_BYTES_MAX];
    assert_eq!(decode(&encode(&longest)).unwrap(), longest);
    // Many small streams, one after the other, are bounded together.
    let half = URL_SAFE_NO_PAD.decode(&encode(&longest)[1..]).unwrap();
    let twice = format!("u{}", URL_SAFE_NO_PAD.encode([half.clone(), half].concat()));
    assert!(decode(&twice).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn bits_survive_and_have_one_encoding(bits: Vec<u8>, repeat in 1..64_usize) {
        let bits = bits.repeat(repeat);
        let encoded = encode(&bits);
        prop_assert_eq!(&encode(&bits), &encoded);
        // RFC 1952 §2.3.1: MTIME 0 says that there is none.
        let gzip = URL_SAFE_NO_PAD.decode(&encoded[1..]).unwrap();
        prop_assert_eq!(&gzip[4..8], &[0; 4]);
        prop_assert_eq!(decode(&encoded), Ok(bits));
    }

    #[test]
    fn no_text_makes_the_decoder_panic(bytes: Vec<u8>, at in any::<prop::sample::Index>(), byte: u8) {
        drop(decode(&format!("u{}", URL_SAFE_NO_PAD.encode(bytes))));
        let mut damaged = URL_SAFE_NO_PAD.decode(&EXAMPLE[1..]).unwrap();
        let at = at.index(damaged.len());
        damaged[at] = byte;
        drop(decode(&format!("u{}", URL_SAFE_NO_PAD.encode(damaged))));
    }
}
