//! Bitstring Status List 1.0: the same bits, whoever packs them.

use proptest::prelude::*;
use serde_json::{Value, json};
use ssi::claims::data_integrity::AnySuite;
use ssi::status::bitstring_status_list::{
    BitstringStatusListCredential, BitstringStatusListEntry, EncodedList, SizedBitString,
    StatusSize,
};
use starfire_did::credential::bitstring::{self, ENTRIES_MIN, Entry, StatusList};
use starfire_did::credential::integrity::{self, Suite};
use starfire_oracle::person::{Curve, Person};
use starfire_oracle::{ISSUED_MS, NOW_MS, altered, ours, theirs};

const URL: &str = "https://example.org/status/3";

/// Bytes of a list of the shortest length that is allowed, or a little more, with these bits set.
fn bits(set: &[u64], more: usize) -> Vec<u8> {
    let mut bits = vec![0; usize::try_from(ENTRIES_MIN / 8).unwrap() + more];
    for index in set {
        bits[usize::try_from(index / 8).unwrap()] |= 0x80 >> (index % 8);
    }
    bits
}

fn text(list: &EncodedList) -> String {
    let text = serde_json::to_value(list).unwrap();
    text.as_str().unwrap().to_owned()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_list_packed_by_either_is_unpacked_by_both_bit_for_bit(
        set in prop::collection::vec(0..ENTRIES_MIN, 0..200),
        noise in prop::collection::vec(any::<u8>(), 0..2000),
        asked in prop::collection::vec(0..ENTRIES_MIN, 50),
    ) {
        let mut bits = bits(&set, noise.len());
        let end = bits.len() - noise.len();
        bits[end..].copy_from_slice(&noise);
        for encoded in [bitstring::encode(&bits), text(&EncodedList::encode(&bits))] {
            prop_assert_eq!(&bitstring::decode(&encoded).unwrap(), &bits);
            prop_assert_eq!(&EncodedList::new(encoded).decode(None).unwrap(), &bits);
        }
        let theirs = SizedBitString::from_bytes(StatusSize::DEFAULT, bits.clone());
        for index in set.iter().chain(&asked) {
            let bit = bitstring::bit(&bits, *index).unwrap();
            let place = usize::try_from(*index).unwrap();
            prop_assert_eq!(theirs.get(place), Some(u8::from(bit)));
        }
        prop_assert!(set.iter().all(|index| bitstring::bit(&bits, *index).unwrap()));
        let beyond = bits.len() * 8;
        prop_assert_eq!(theirs.get(beyond), None);
        prop_assert!(bitstring::bit(&bits, u64::try_from(beyond).unwrap()).is_err());
    }

    #[test]
    fn a_byte_less_of_a_packed_list_is_refused_by_both(cut in 1..20_usize) {
        let encoded = bitstring::encode(&bits(&[3, 77_777], 0));
        let cut = encoded[..encoded.len() - cut].to_owned();
        prop_assert!(bitstring::decode(&cut).is_err());
        prop_assert!(EncodedList::new(cut).decode(None).is_err());
    }
}

fn list(issuer: &Person) -> StatusList {
    StatusList {
        id: Some(URL.to_owned()),
        issuer: issuer.did.clone(),
        purposes: vec!["revocation".to_owned()],
        bits: bits(&[3, 77_777], 0),
        ttl_ms: Some(60_000),
        valid_from_ms: Some(ISSUED_MS),
    }
}

fn entry(index: u64) -> Entry {
    Entry {
        purpose: "revocation".to_owned(),
        index,
        list: URL.to_owned(),
    }
}

/// What a credential of a list says of an entry: to us, to ssi.
fn said(credential: &Value, index: u64) -> (bool, bool) {
    let parsed = integrity::credential(credential.clone(), Some(&ours::rdfc)).unwrap();
    let ours = StatusList::parse(&parsed)
        .unwrap()
        .status(&entry(index))
        .unwrap();
    let theirs: BitstringStatusListCredential = serde_json::from_value(credential.clone()).unwrap();
    let theirs = theirs.decode_status_list().unwrap();
    let place = usize::try_from(index).unwrap();
    (ours, theirs.get(StatusSize::DEFAULT, place) == Some(1))
}

#[test]
fn a_signed_list_of_either_says_the_same_to_both() {
    let issuer = Person::of_key(Curve::Ed25519, [7; 32]);
    let unsigned = list(&issuer).to_credential(URL).unwrap();
    for secured in [
        ours::issue(&unsigned, Suite::EddsaRdfc2022, &issuer),
        theirs::issue(&unsigned, AnySuite::EdDsaRdfc2022, &issuer),
    ] {
        assert_eq!(ours::check(&secured, &issuer, NOW_MS), Ok(()));
        assert_eq!(theirs::check(&secured, &[&issuer], NOW_MS), Ok(()));
        for (index, revoked) in [
            (3, true),
            (4, false),
            (77_777, true),
            (ENTRIES_MIN - 1, false),
        ] {
            assert_eq!(said(&secured, index), (revoked, revoked), "{index}");
        }
        let altered = altered::text_at(&secured, "/credentialSubject/encodedList", 30);
        assert!(ours::check(&altered, &issuer, NOW_MS).is_err());
        assert!(theirs::check(&altered, &[&issuer], NOW_MS).is_err());
    }
}

#[test]
fn an_entry_of_either_is_read_by_both() {
    let ours = entry(77_777);
    let theirs: BitstringStatusListEntry = serde_json::from_value(ours.to_value()).unwrap();
    assert_eq!(theirs.status_list_index, 77_777);
    assert_eq!(theirs.status_list_credential.as_str(), URL);
    assert_eq!(theirs.status_purpose.name(), "revocation");
    let mut written = serde_json::to_value(&theirs).unwrap();
    // What it has no id for, it writes null for.
    assert_eq!(
        written.as_object_mut().unwrap().remove("id"),
        Some(Value::Null)
    );
    assert_eq!(Entry::parse(written.as_object().unwrap()), Ok(ours));
}

#[test]
fn what_is_no_index_is_read_by_neither() {
    for index in ["-1", "1.5", "0x3", "", "many"] {
        let mut value = entry(3).to_value();
        value["statusListIndex"] = json!(index);
        assert!(Entry::parse(value.as_object().unwrap()).is_err(), "{index}");
        assert!(
            serde_json::from_value::<BitstringStatusListEntry>(value).is_err(),
            "{index}"
        );
    }
}
