//! Who signs: the document of an issuer or holder in force at a time, whatever its DID's method.
//!
//! `did:bid` is read from its chain, version by version; `did:key` and `did:jwk` say all there is to know themselves; `did:web` is
//! fetched where that is configured. Other documents are known only if the verifier handed them in.

use std::collections::BTreeMap;

use serde_json::Value;
use starfire_did::credential::code;
use starfire_did::credential::evidence::{KeyState, Lookup, Method, Party, Unknown, UnreadMethod};
use starfire_did::credential::json::one_or_some;
use starfire_did::credential::malformed::Malformed;
use starfire_did::credential::parsed::{Parsed, Relationship, Signed};
use starfire_did::credential::{jwk, timestamp};
use starfire_did::did_url::DidUrl;
use starfire_did::resolution::ProblemKind;
use starfire_did::{Did, Document, VerificationKey, foreign, path};
use starfire_proto::v1;

use super::Issued;
use super::facts::Facts;
use super::source::ASK_ANOTHER;
use crate::web_did::{self, Refusal};

/// What to do about a document that nobody here looks up.
const HAND_IN: &str =
    "resolve it elsewhere, and hand in its document: `starfire vc verify --documents`";
/// Keys of a document that are looked at.
const METHODS_MAX: usize = 256;
/// The type of keys whose 32 bytes may stand in Base58.
// Security Vocabulary, Ed25519VerificationKey2018: "publicKeyBase58".
const ED25519_2018: &str = "Ed25519VerificationKey2018";
/// Types of keys that agree on other keys and sign nothing.
const AGREEING_TYPES: [&str; 2] = ["X25519KeyAgreementKey2019", "X25519KeyAgreementKey2020"];

/// Who an identifier is, as of a time.
pub(super) async fn look_up(facts: &Facts<'_>, id: &str, at_ms: i64) -> Lookup {
    if id.is_empty() {
        return Lookup::Unknown(Unknown::new(
            "it does not say who issued it but by a certificate, perhaps, and those are not looked at",
            "ask its issuer for one that names a DID",
        ));
    }
    if let Some(party) = facts.party(id) {
        return Lookup::Found(party.clone());
    }
    if let Ok(did) = Did::parse(id) {
        return match registered(facts, &did, at_ms).await {
            Ok(Some(party)) => Lookup::Found(party),
            Ok(None) => Lookup::NotFound,
            Err(unknown) => Lookup::Unknown(unknown),
        };
    }
    if web_did::is_of_method(id) {
        return on_the_web(facts, id).await;
    }
    match foreign::document(id) {
        Ok(document) => of_document(&document, KeyState::Fixed).map_or_else(
            |error| Lookup::Unknown(Unknown::new(error.detail, "check the identifier")),
            Lookup::Found,
        ),
        Err(problem) if problem.kind == ProblemKind::InvalidDid && id.starts_with("did:") => {
            Lookup::NotFound
        }
        Err(_) => Lookup::Unknown(Unknown::new(
            format!("{id} is of a kind that is not looked up"),
            HAND_IN,
        )),
    }
}

/// Who a `did:web` is now: its website tells of no other time.
async fn on_the_web(facts: &Facts<'_>, id: &str) -> Lookup {
    match facts.web_document(id).await {
        Ok(fetched) => match of_document(&fetched.document, KeyState::Now) {
            Ok(party) => Lookup::Found(Party {
                known_at_ms: Some(fetched.at_ms),
                ..party
            }),
            Err(error) => Lookup::Unknown(Unknown::new(error.detail, HAND_IN)),
        },
        Err(Refusal::Invalid(_) | Refusal::NotFound(_)) => Lookup::NotFound,
        Err(
            refusal @ (Refusal::Off
            | Refusal::HostNotAllowed(_)
            | Refusal::Unreachable(_)
            | Refusal::TooLarge(_)
            | Refusal::NotADocument(_)
            | Refusal::OtherId(_)),
        ) => Lookup::Unknown(Unknown::new(refusal.to_string(), web_hint(&refusal))),
    }
}

/// What to do about a website's document that is not had.
fn web_hint(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Off | Refusal::HostNotAllowed(_) => {
            "allow its host (`starfire vc verify --did-web`), or hand in its document (`--documents`)"
        }
        Refusal::Invalid(_)
        | Refusal::NotFound(_)
        | Refusal::Unreachable(_)
        | Refusal::TooLarge(_)
        | Refusal::NotADocument(_)
        | Refusal::OtherId(_) => HAND_IN,
    }
}

/// Who signed a credential.
#[derive(Debug)]
pub(super) struct Signers {
    /// Its issuer, as of the time of issue.
    pub(super) issuer: Lookup,
    /// Who made each of its signatures, in their order, as of the time that the signature says.
    pub(super) each: Vec<Lookup>,
}

/// Looks up who signed a credential. Each signature has its own time: another may add one to a set long after the issuer did.
// Of one credential `integrity::PROOFS_MAX` are read.
pub(super) async fn signers(
    facts: &Facts<'_>,
    parsed: &Parsed,
    issued: &Issued,
    now_ms: i64,
) -> Signers {
    let mut known = BTreeMap::new();
    let issued_ms = parsed.signed_ms();
    let dates_it =
        |signed: &&Signed| signed.controller() == parsed.issuer && signed.created_ms == issued_ms;
    let dating: Vec<&Signed> = parsed.signatures.iter().filter(dates_it).collect();
    let issuer = signer(facts, &parsed.issuer, issued, &dating, &mut known).await;
    let mut each = Vec::new();
    for signed in &parsed.signatures {
        let made = Issued::of_signature(signed, parsed, now_ms);
        each.push(signer(facts, signed.controller(), &made, &[signed], &mut known).await);
    }
    Signers { issuer, each }
}

/// Who an identifier was: as of the first moment at which it made these signatures, or else of the first moment.
async fn signer(
    facts: &Facts<'_>,
    id: &str,
    moments: &Issued,
    signatures: &[&Signed],
    known: &mut BTreeMap<(String, i64), Lookup>,
) -> Lookup {
    let fits =
        |party: &Party| !party.deactivated && signatures.iter().all(|signed| party.made(signed));
    let mut first = None;
    for at_ms in moments.moments() {
        let question = (id.to_owned(), at_ms);
        let found = match known.get(&question) {
            Some(found) => found.clone(),
            None => {
                let found = look_up(facts, id, at_ms).await;
                known.insert(question, found.clone());
                found
            }
        };
        if found.party().is_some_and(fits) {
            return found;
        }
        first.get_or_insert(found);
    }
    first.expect("there is one moment at least")
}

/// The document of a registered DID that was in force at a time. `None`: it was not registered by then.
async fn registered(facts: &Facts<'_>, did: &Did, at_ms: i64) -> Result<Option<Party>, Unknown> {
    let (newest, known_at_ms) = record(facts, did, path::record(did)).await?;
    let Some(newest) = newest else {
        return Ok(None);
    };
    let Some(in_force) = version_at(facts, did, newest.clone(), at_ms).await? else {
        return Ok(None);
    };
    let deactivated = in_force.document.is_none();
    let with_keys = match deactivated {
        // The keys before the end, so that a signature can be told right from wrong.
        true if in_force.version > 1 => expect_version(facts, did, in_force.version - 1).await?,
        true | false => in_force,
    };
    let state = KeyState::Then {
        version: with_keys.version,
        newest: newest.version,
        at_ms,
        retired: Vec::new(),
    };
    let party = |document: Option<v1::DidDocument>, state: KeyState| {
        let Some(document) = document else {
            return Ok(Party {
                id: did.to_string(),
                methods: Vec::new(),
                unread: Vec::new(),
                deactivated,
                known_at_ms: Some(known_at_ms),
                state,
            });
        };
        let document = Document::try_from(document).map_err(|error| {
            let why = format!("the document of {did} is not well formed: {error}");
            Unknown::new(why, ASK_ANOTHER)
        })?;
        Ok(Party::of(&document, deactivated, Some(known_at_ms), state))
    };
    let mut found = party(with_keys.document, state)?;
    let now = party(newest.document, KeyState::Now)?;
    let gone = found.not_in(&now);
    if let KeyState::Then { retired, .. } = &mut found.state {
        *retired = gone;
    }
    Ok(Some(found))
}

/// The latest version that is not younger than a time. Versions are in order of time, so halving finds it.
async fn version_at(
    facts: &Facts<'_>,
    did: &Did,
    newest: v1::DidRecord,
    at_ms: i64,
) -> Result<Option<v1::DidRecord>, Unknown> {
    if newest.updated_ms <= at_ms {
        return Ok(Some(newest));
    }
    if let Some(found) = facts.handed_version(did, at_ms) {
        return Ok(found);
    }
    let mut found = None;
    // All before `low` are not younger, `high` and all after it are.
    let (mut low, mut high) = (1, newest.version);
    while low < high {
        let middle = low + (high - low) / 2;
        let record = expect_version(facts, did, middle).await?;
        if record.updated_ms <= at_ms {
            found = Some(record);
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(found)
}

async fn expect_version(
    facts: &Facts<'_>,
    did: &Did,
    version: u64,
) -> Result<v1::DidRecord, Unknown> {
    let (record, _) = record(facts, did, path::version(did, version)).await?;
    record
        .filter(|record| record.version == version)
        .ok_or_else(|| {
            Unknown::new(
                format!("version {version} of {did} is not kept"),
                ASK_ANOTHER,
            )
        })
}

async fn record(
    facts: &Facts<'_>,
    did: &Did,
    path: Vec<u8>,
) -> Result<(Option<v1::DidRecord>, i64), Unknown> {
    facts.record(did.chain_code(), path).await
}

/// A document that was handed in: by itself, or as the result of a resolution.
pub(super) fn of_resolution(handed: &Value) -> Result<Party, Malformed> {
    let deactivated = handed["didDocumentMetadata"]["deactivated"] == true;
    let document = &handed["didDocument"];
    if deactivated && document["id"].is_null() {
        return without_document(handed);
    }
    if !document.is_object() {
        return of_document(handed, KeyState::HandedIn);
    }
    Ok(Party {
        deactivated,
        ..of_document(document, KeyState::HandedIn)?
    })
}

/// Whose the end is that a result tells. What its keys were, the result does not say.
// DID Resolution §4.3: of a DID that is deactivated there need be no document. "didUrl" is ours; "canonicalId" stands in §4.3.
fn without_document(handed: &Value) -> Result<Party, Malformed> {
    let names = [
        &handed["didResolutionMetadata"]["didUrl"],
        &handed["didDocumentMetadata"]["canonicalId"],
    ];
    let url = names.into_iter().find_map(Value::as_str);
    let Some(url) = url.and_then(|url| DidUrl::parse(url).ok()) else {
        return Err(Malformed::new(
            code::ID_INVALID,
            "a result without a document says whose it is by \"didUrl\"",
        ));
    };
    Ok(Party {
        id: url.did().to_owned(),
        methods: Vec::new(),
        unread: Vec::new(),
        deactivated: true,
        known_at_ms: None,
        state: KeyState::HandedIn,
    })
}

/// What a DID document says of its keys. Those of others, and those that are not for verifying, are passed over.
fn of_document(document: &Value, state: KeyState) -> Result<Party, Malformed> {
    let Some(id) = document["id"].as_str() else {
        return Err(Malformed::new(
            code::ID_INVALID,
            "a DID document says whose it is by \"id\"",
        ));
    };
    let mut party = Party {
        id: id.to_owned(),
        methods: Vec::new(),
        unread: Vec::new(),
        deactivated: false,
        known_at_ms: None,
        state,
    };
    for method in one_or_some(&document["verificationMethod"]) {
        add(&mut party, method);
    }
    for relationship in Relationship::ALL {
        for reference in one_or_some(&document[relationship.name()]) {
            let named = match reference {
                Value::String(name) => Some(absolute(id, name)),
                Value::Object(_) => add(&mut party, reference),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
            };
            let read = party.methods.iter_mut();
            let read = read.map(|one| (&one.id, &mut one.relationships));
            let unread = party.unread.iter_mut();
            let unread = unread.map(|one| (&one.id, &mut one.relationships));
            let found = read
                .chain(unread)
                .find(|(id, _)| named.as_ref() == Some(*id));
            if let Some((_, uses)) = found.filter(|(_, uses)| !uses.contains(&relationship)) {
                uses.push(relationship);
            }
        }
    }
    Ok(party)
}

/// Adds a key, and says by what id.
fn add(party: &mut Party, method: &Value) -> Option<String> {
    let id = absolute(&party.id, method["id"].as_str()?);
    // DID Core §5.2: a verification method has an id, a type and a controller. CID 1.0 §3.3: who that is, is who its document is of, or the
    // key is another's.
    let controller = method["controller"].as_str()?;
    let key = material(method)?;
    let ends_ms = ends_ms(method)?;
    let is_read = party.methods.iter().any(|known| known.id == id);
    let unread_at = party.unread.iter().position(|known| known.id == id);
    let known = is_read || unread_at.is_some() && key.is_none();
    if known || controller != party.id || party.methods.len() + party.unread.len() >= METHODS_MAX {
        return None;
    }
    match key {
        Some(key) => party.methods.push(Method {
            id: id.clone(),
            key,
            // What stood there in another form is the same key, or none.
            relationships: unread_at
                .map(|at| party.unread.remove(at).relationships)
                .unwrap_or_default(),
            ends_ms,
        }),
        None => party.unread.push(UnreadMethod {
            id: id.clone(),
            relationships: Vec::new(),
            ends_ms,
        }),
    }
    Some(id)
}

/// The key itself: `Some(None)`, that its form is not known here; `None`, that it is none for verifying, whoever reads it, or not of the
/// type that it says.
fn material(method: &Value) -> Option<Option<VerificationKey>> {
    let kind = method["type"].as_str()?;
    let (text, jwk, raw) = (
        &method["publicKeyMultibase"],
        &method["publicKeyJwk"],
        &method["publicKeyBase58"],
    );
    let key = match (text, jwk, raw) {
        (Value::String(text), Value::Null, Value::Null) => VerificationKey::from_multikey(text),
        (Value::Null, jwk @ Value::Object(_), Value::Null) => match jwk::verifying(jwk) {
            None if !jwk::is_of_another_kind(jwk) => return None,
            key => key,
        },
        (Value::Null, Value::Null, Value::String(raw)) if kind == ED25519_2018 => {
            Some(VerificationKey::ed25519_from_base58(raw)?)
        }
        (Value::Null, Value::Null, Value::Null | Value::String(_)) => None,
        (_, _, _) => return None,
    };
    let Some(key) = key else {
        return (!AGREEING_TYPES.contains(&kind)).then_some(None);
    };
    let fits = match kind {
        "Multikey" => jwk.is_null(),
        "JsonWebKey" | "JsonWebKey2020" => !jwk.is_null(),
        ED25519_2018 | "Ed25519VerificationKey2020" => key.curve() == "Ed25519",
        "EcdsaSecp256r1VerificationKey2019" => key.curve() == "P-256",
        // Of another type, another form of signature may be meant.
        _ => return (key.signs() && !AGREEING_TYPES.contains(&kind)).then_some(None),
    };
    fits.then_some(Some(key))
}

/// From when on a key is not to be used: `Some(None)`, that nothing ends it; `None`, that what does is no time.
fn ends_ms(method: &Value) -> Option<Option<i64>> {
    let mut ends_ms = None;
    for name in ["revoked", "expires"] {
        if let Some(time) = method.get(name) {
            let time_ms = timestamp::parse(time.as_str()?)?;
            ends_ms = Some(ends_ms.map_or(time_ms, |other: i64| other.min(time_ms)));
        }
    }
    Some(ends_ms)
}

fn absolute(did: &str, reference: &str) -> String {
    match reference.strip_prefix('#') {
        Some(fragment) => format!("{did}#{fragment}"),
        None => reference.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_s_keys_are_read_in_every_form() {
        let key = starfire_did::PrivateKey::generate([3; 32], starfire_did::KeyAlgorithm::Ed25519);
        let key: VerificationKey = key.public().into();
        let document = json!({
            "id": "did:web:a.example",
            "verificationMethod": [
                {"id": "#one", "type": "Multikey", "controller": "did:web:a.example", "publicKeyMultibase": key.to_multikey()},
                {"id": "did:web:a.example#other", "controller": "did:web:b.example", "publicKeyMultibase": key.to_multikey()},
                {"id": "#strange", "type": "Strange", "controller": "did:web:a.example", "publicKeyMultibase": key.to_multikey()}
            ],
            "assertionMethod": ["#one", "#other", "#strange", {"id": "#two", "type": "JsonWebKey", "controller": "did:web:a.example", "publicKeyJwk": key.to_jwk()}],
            "authentication": ["did:web:a.example#one"]
        });
        let party = of_resolution(&json!({
            "didDocument": document, "didDocumentMetadata": {"deactivated": true}
        }))
        .unwrap();
        assert!(party.deactivated);
        let methods: Vec<_> = party
            .methods
            .iter()
            .map(|method| (method.id.as_str(), method.relationships.len()))
            .collect();
        assert_eq!(
            methods,
            [("did:web:a.example#one", 2), ("did:web:a.example#two", 1)]
        );
        let unread: Vec<_> = party
            .unread
            .iter()
            .map(|method| (method.id.as_str(), method.relationships.len()))
            .collect();
        assert_eq!(unread, [("did:web:a.example#strange", 1)]);
        assert!(!of_resolution(&document).unwrap().deactivated);
        assert_eq!(
            of_resolution(&json!({})).unwrap_err().code,
            code::ID_INVALID
        );
    }

    #[test]
    fn a_result_that_tells_the_end_of_a_did_needs_no_document() {
        let id = "did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2";
        let result = |document: Value, url: &str| {
            json!({
                "didDocument": document,
                "didDocumentMetadata": { "deactivated": true, "versionId": "2" },
                "didResolutionMetadata": { "didUrl": url },
            })
        };
        for told in [
            result(Value::Null, id),
            result(json!({}), id),
            result(Value::Null, &format!("{id}?versionId=2")),
            json!({ "didDocumentMetadata": { "deactivated": true, "canonicalId": id } }),
        ] {
            let party = of_resolution(&told).unwrap();
            assert_eq!((party.id.as_str(), party.deactivated), (id, true), "{told}");
            assert!(party.methods.is_empty() && party.unread.is_empty());
        }
        let mut active = result(Value::Null, id);
        active["didDocumentMetadata"] = json!({});
        for nobody in [active, result(Value::Null, "nobody")] {
            let error = of_resolution(&nobody).unwrap_err();
            assert_eq!(error.code, code::ID_INVALID, "{nobody}");
        }
    }

    /// What a document makes of a key with these members; `null`: without it.
    fn with(members: &Value) -> Option<Method> {
        party_with(members).methods.pop()
    }

    fn party_with(members: &Value) -> Party {
        let key = starfire_did::PrivateKey::generate([3; 32], starfire_did::KeyAlgorithm::Ed25519);
        let key: VerificationKey = key.public().into();
        let id = "did:web:a.example";
        let mut method = json!({
            "id": "#one", "type": "JsonWebKey", "controller": id, "publicKeyJwk": key.to_jwk(),
        });
        put(&mut method, members);
        let document =
            json!({ "id": id, "verificationMethod": [method], "assertionMethod": ["#one"] });
        of_resolution(&document).unwrap()
    }

    fn put(into: &mut Value, members: &Value) {
        for (name, value) in members.as_object().unwrap() {
            if value.is_null() {
                into.as_object_mut().unwrap().remove(name);
            } else if value.is_object() {
                put(&mut into[name], value);
            } else {
                into[name] = value.clone();
            }
        }
    }

    #[test]
    fn a_key_is_passed_over_that_is_not_for_verifying() {
        assert!(with(&json!({})).is_some());
        for bad in [
            json!({ "controller": null }),
            json!({ "controller": ["did:web:a.example"] }),
            json!({ "publicKeyJwk": { "use": "enc" } }),
            json!({ "publicKeyJwk": { "kty": "RSA", "n": "0vx7", "e": "AQAB", "d": "AwMD", "crv": null, "x": null } }),
            json!({ "publicKeyMultibase": "z6Mk" }),
            json!({ "publicKeyJwk": { "key_ops": ["encrypt"] } }),
            json!({ "publicKeyJwk": { "alg": "ES256" } }),
            json!({ "publicKeyJwk": { "d": "AwMD" } }),
            json!({ "type": "Multikey" }),
            json!({ "type": "X25519KeyAgreementKey2020" }),
            json!({ "type": "EcdsaSecp256r1VerificationKey2019" }),
            json!({ "revoked": "yes" }),
        ] {
            let party = party_with(&bad);
            assert_eq!(party.methods, [], "{bad}");
            assert_eq!(party.unread, [], "{bad}");
        }
    }

    #[test]
    fn a_key_in_a_form_that_is_not_known_here_is_told_from_none() {
        let p384 = json!({ "kty": "EC", "crv": "P-384", "x": "AAAA", "y": "AAAA" });
        for strange in [
            json!({ "type": "Strange" }),
            json!({ "type": "Strange", "publicKeyJwk": null, "publicKeyPem": "…" }),
            json!({ "type": "EcdsaSecp256k1RecoveryMethod2020", "publicKeyJwk": null, "blockchainAccountId": "eip155:1:0x" }),
            json!({ "type": "Multikey", "publicKeyJwk": null, "publicKeyMultibase": "z82L" }),
            json!({ "publicKeyJwk": p384 }),
        ] {
            let party = party_with(&strange);
            assert_eq!(party.methods, [], "{strange}");
            let unread: Vec<_> = party
                .unread
                .iter()
                .map(|method| (method.id.as_str(), method.relationships.as_slice()))
                .collect();
            let uses = &[Relationship::AssertionMethod][..];
            assert_eq!(unread, [("did:web:a.example#one", uses)], "{strange}");
        }
    }

    #[test]
    fn a_key_that_can_be_read_stands_before_one_of_its_name_that_cannot() {
        let known = party_with(&json!({})).methods.remove(0);
        let id = "did:web:a.example";
        let strange = json!({ "id": "#one", "type": "Strange", "controller": id });
        let readable = json!({
            "id": "#one", "type": "JsonWebKey", "controller": id, "publicKeyJwk": known.key.to_jwk(),
        });
        let document = json!({
            "id": id, "verificationMethod": [strange, readable], "assertionMethod": ["#one"],
        });
        let party = of_resolution(&document).unwrap();
        assert_eq!((party.methods, party.unread), (vec![known], Vec::new()));
    }

    // The example of the Security Vocabulary's Ed25519VerificationKey2018.
    #[test]
    fn a_key_of_2018_stands_in_base58() {
        let raw = "H3C2AVvLMv6gmMNam3uVAjZpfkcJCwDwnZn6z3wXmqPV";
        let of = |kind: &str, text: &str| {
            party_with(&json!({ "type": kind, "publicKeyJwk": null, "publicKeyBase58": text }))
        };
        let party = of(ED25519_2018, raw);
        let key = VerificationKey::ed25519_from_base58(raw);
        assert!(key.is_some());
        let found = party.methods.first().map(|method| method.key);
        assert_eq!((found, party.unread), (key, Vec::new()));
        // Too short; and a key of another type, which may mean another thing by it.
        let party = of(ED25519_2018, &raw[4..]);
        assert_eq!((party.methods, party.unread), (Vec::new(), Vec::new()));
        let party = of("Strange", raw);
        assert_eq!((party.methods.len(), party.unread.len()), (0, 1));
        let party = of("X25519KeyAgreementKey2019", raw);
        assert_eq!((party.methods, party.unread), (Vec::new(), Vec::new()));
    }

    #[test]
    fn a_key_ends_when_its_document_says() {
        let (second, third) = ("1970-01-01T00:00:02Z", "1970-01-01T00:00:03Z");
        for (members, ends_ms) in [
            (json!({}), None),
            (json!({ "revoked": second }), Some(2_000)),
            (json!({ "expires": third }), Some(3_000)),
            (json!({ "revoked": third, "expires": second }), Some(2_000)),
        ] {
            assert_eq!(with(&members).unwrap().ends_ms, ends_ms, "{members}");
        }
    }
}
