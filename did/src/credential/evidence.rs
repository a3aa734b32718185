//! What a verification may use besides the credential itself: whatever the caller has learned, and how sure it is of it.

use starfire_proto::v1;

use super::malformed::Malformed;
use super::parsed::{Relationship, Signed};
use super::verify::check_signed;
use crate::document::Document;
use crate::issuer::{self, Asked};
use crate::render;
use crate::verification_key::VerificationKey;

/// A key of a document, with what it may be used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Method {
    /// A DID URL.
    pub id: String,
    /// The key.
    pub key: VerificationKey,
    /// Its uses.
    pub relationships: Vec<Relationship>,
    /// From when on it is not to be used, as its document says (`revoked`, `expires`), Unix milliseconds.
    pub ends_ms: Option<i64>,
}

/// A key of a document in a form that is not known here, so that nothing is known of what it signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadMethod {
    /// A DID URL.
    pub id: String,
    /// Its uses.
    pub relationships: Vec<Relationship>,
    /// From when on it is not to be used, as its document says, Unix milliseconds.
    pub ends_ms: Option<i64>,
}

/// What is known of a signer: the document in force at the time that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// The DID, or another URL.
    pub id: String,
    /// Its keys then.
    pub methods: Vec<Method>,
    /// Those of its keys then that cannot be read here.
    pub unread: Vec<UnreadMethod>,
    /// Whether it was deactivated by then.
    pub deactivated: bool,
    /// The time of the state that this was read from, Unix milliseconds.
    pub known_at_ms: Option<i64>,
    /// Of when the keys are.
    pub state: KeyState,
}

/// Of when the keys of a document are that a signature is held against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyState {
    /// Of any time: the identifier itself says what they are.
    Fixed,
    /// Of now, whenever it was signed: nobody keeps the versions before.
    Now,
    /// Of a time that is not known: the document was handed in.
    HandedIn,
    /// Of a time that the signer wrote, by the history that a chain keeps.
    Then {
        /// The version that was in force.
        version: u64,
        /// Of so many.
        newest: u64,
        /// The time, Unix milliseconds.
        at_ms: i64,
        /// Those of its keys that the newest version does not have any more, by their ids.
        retired: Vec<String>,
    },
}

impl KeyState {
    /// What is said of a key, for people; nothing, where there is nothing to say.
    pub fn of_key(&self, id: &str) -> Option<String> {
        match self {
            Self::Fixed => None,
            Self::Now => Some("as its document is now".to_owned()),
            Self::HandedIn => Some("as the document that was handed in has it".to_owned()),
            Self::Then {
                version,
                newest,
                at_ms,
                retired,
            } => {
                let at = render::timestamp(*at_ms).unwrap_or_else(|| format!("{at_ms} ms"));
                let then = format!("in force at {at}, in version {version} of {newest}");
                Some(match retired.iter().any(|one| one == id) {
                    false => then,
                    true => format!(
                        "{then}, and no longer: that time is the signer's word, so whoever has the old key could have written it"
                    ),
                })
            }
        }
    }
}

impl Party {
    /// What a document of this program's chains says, as of a time. [`KeyState`] is for the caller to tell.
    pub fn of(
        document: &Document,
        deactivated: bool,
        known_at_ms: Option<i64>,
        state: KeyState,
    ) -> Self {
        let relationships = |id: &String| {
            Relationship::ALL
                .into_iter()
                .filter(|one| document.key_ids(*one).contains(id))
                .collect()
        };
        let method = |method: &crate::document::Method| Method {
            id: method.id.clone(),
            key: method.key,
            relationships: relationships(&method.id),
            ends_ms: None,
        };
        Self {
            id: document.id().to_string(),
            methods: document.methods().iter().map(method).collect(),
            unread: Vec::new(),
            deactivated,
            known_at_ms,
            state,
        }
    }

    /// The ids of those keys that another document of the same DID does not have, for all that they were for.
    pub fn not_in(&self, other: &Self) -> Vec<String> {
        let stays = |method: &&Method| {
            other.methods.iter().any(|one| {
                one.key == method.key
                    && method
                        .relationships
                        .iter()
                        .all(|use_| one.relationships.contains(use_))
            })
        };
        let gone = self.methods.iter().filter(|method| !stays(method));
        gone.map(|method| method.id.clone()).collect()
    }

    /// Whether a key of its own made a signature.
    pub fn made(&self, signed: &Signed) -> bool {
        self.method(signed)
            .is_some_and(|method| check_signed(signed, method).is_ok())
    }

    /// Whether none of its keys is known.
    pub(crate) fn is_keyless(&self) -> bool {
        self.methods.is_empty() && self.unread.is_empty()
    }

    /// The key that a signature names. Of one that names its signer alone, the key that made it, or else one that could have.
    pub(crate) fn method(&self, signed: &Signed) -> Option<&Method> {
        // CID 1.0 §3.3: a verification method without a fragment is an INVALID_VERIFICATION_METHOD.
        if !signed.signer_alone && !signed.method.contains('#') {
            return None;
        }
        if signed.method != self.id {
            return self
                .methods
                .iter()
                .find(|method| method.id == signed.method);
        }
        let fits = |method: &&Method| method.key.curve() == signed.curve;
        self.maker(signed)
            .or_else(|| self.methods.iter().find(fits))
    }

    /// The key that cannot be read here, where it is the one that a signature names, or may be.
    pub(crate) fn unread(&self, signed: &Signed) -> Option<&UnreadMethod> {
        let nameless = signed.signer_alone && signed.method == self.id;
        // A document of one's own may list keys under another's name: they say nothing of that one's.
        let own = signed.method.split_once('#');
        let own = own.is_some_and(|(owner, _)| owner == self.id);
        let named = |one: &&UnreadMethod| own && one.id == signed.method;
        let may_be = |one: &&UnreadMethod| one.relationships.contains(&signed.relationship);
        match nameless {
            true if self.maker(signed).is_some() => None,
            true => self.unread.iter().find(may_be),
            false => self.unread.iter().find(named),
        }
    }

    /// The key that made a signature.
    fn maker(&self, signed: &Signed) -> Option<&Method> {
        self.methods
            .iter()
            .find(|method| check_signed(signed, method).is_ok())
    }
}

/// Why something could not be learned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Unknown {
    /// What stood in the way, for people.
    pub why: String,
    /// What the verifier can do about it.
    pub hint: String,
}

impl Unknown {
    /// With both sentences.
    pub fn new(why: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            hint: hint.into(),
        }
    }
}

/// What became of looking a signer up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// It was found.
    Found(Party),
    /// There is, or was then, no such one: this is certain.
    NotFound,
    /// It could not be looked up.
    Unknown(Unknown),
}

impl Lookup {
    /// What was found.
    pub fn party(&self) -> Option<&Party> {
        match self {
            Self::Found(party) => Some(party),
            Self::NotFound | Self::Unknown(_) => None,
        }
    }
}

/// Whether the issuer was accredited for this type, in this jurisdiction, at the time of issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accreditation {
    /// The verifier does not ask for one.
    NotAsked,
    /// It was.
    Held {
        /// By whom, up to the root of trust.
        detail: String,
        /// The time of the state that this was read from.
        known_at_ms: Option<i64>,
    },
    /// It was not.
    Refused {
        /// `ACCREDITATION_EXPIRED` and so on.
        code: &'static str,
        /// What was found.
        detail: String,
        /// The time of the state that this was read from.
        known_at_ms: Option<i64>,
    },
    /// It could not be learned.
    Unknown(Unknown),
}

impl Accreditation {
    /// What accreditations, as they were read or proved, say of a moment.
    pub fn of(
        levels: &[v1::AccreditationRecord],
        asked: Asked<'_>,
        at_ms: i64,
        known_at_ms: Option<i64>,
    ) -> Self {
        match issuer::judge(levels, asked, at_ms) {
            Ok(()) => Self::Held {
                detail: issuer::describe(levels),
                known_at_ms,
            },
            Err(refused) => Self::Refused {
                code: refused.code.name,
                detail: refused.detail,
                known_at_ms,
            },
        }
    }
}

/// What became of checking the credential against a schema that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaCheck {
    /// The schema's URL, as the credential has it.
    pub id: String,
    /// What was found.
    pub outcome: SchemaOutcome,
}

/// Whether a credential satisfies a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchemaOutcome {
    /// It does.
    Satisfied,
    /// It does not: what is wrong, and where.
    Violated(String),
    /// The schema could not be had, or is not one to check by.
    Unknown(Unknown),
}

/// What became of looking up an entry of a status list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusCheck {
    /// The list's URL, as the credential has it.
    pub list: String,
    /// The purpose that the credential names.
    pub purpose: String,
    /// Which entry.
    pub index: u64,
    /// What was found.
    pub outcome: Result<StatusFact, Unknown>,
}

/// What is known of an entry of a status list. Whoever fills it has checked the list's own proof, issuer and purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusFact {
    /// The entry's value, 0 where it is not set; or why the list has none for it ([`bitstring`](super::bitstring)).
    pub value: Result<u8, Malformed>,
    /// Of when that is known: the block's time, or the list's `validFrom`.
    pub known_at_ms: i64,
}

/// Who shows the credential, where it came in a presentation whose own proof was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presenter {
    /// The holder, which signed it.
    pub holder: String,
    /// The key that signed it.
    pub key: VerificationKey,
    /// Whether the presentation names its holder, and not only the key.
    pub named: bool,
}

/// All that a verification may use besides the credential itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence<'a> {
    /// The time, Unix milliseconds.
    pub now_ms: i64,
    /// How far clocks may differ, milliseconds.
    pub clock_skew_ms: i64,
    /// The issuer at the time of issue ([`signed_ms`](super::parsed::Parsed::signed_ms)), or, if no signature says when, at one that fits.
    pub issuer: &'a Lookup,
    /// Who made each signature, in the order of the signatures: as of the time that it says, or, if it says none, at one that fits. Where
    /// there is none for a signature of the issuer's, it is by `issuer`.
    pub signers: &'a [Lookup],
    /// Of the issuer.
    pub accreditation: &'a Accreditation,
    /// Of the schemas that the credential names.
    pub schemas: &'a [SchemaCheck],
    /// Of the status lists that the credential names.
    pub statuses: &'a [StatusCheck],
    /// How old what is known of a status may be; `None`: any age.
    pub status_age_max_ms: Option<i64>,
    /// Whether its term counts, `validFrom` to `validUntil`. That of a proof does in any case.
    pub term_wanted: bool,
    /// Who shows it.
    pub presenter: Option<&'a Presenter>,
    /// Whether who shows it must be one of its subjects. If not, only a key that it is bound to must be proven.
    pub holder_is_subject: bool,
    /// Whether the verifier itself asks who shows it. Then somebody must, and nothing about that is left open.
    pub holder_wanted: bool,
    /// The challenge that a proof of the holder must answer. With it, or with a domain, such a proof must be there, unless a presenter
    /// answers for it.
    pub challenge: Option<&'a str>,
    /// For whom such a proof must be.
    pub domain: Option<&'a str>,
    /// The name of the verifier, whoever proves what: a credential may be made for some verifiers only.
    pub audience: Option<&'a str>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code;
    use crate::fixture::person;

    #[test]
    fn a_document_s_keys_keep_their_uses() {
        let person = person(1);
        let document = Document::for_key(&person.did, &person.key);
        let party = Party::of(&document, false, Some(7), KeyState::Fixed);
        let id = format!("{}#key-1", person.did);
        let method = party.methods.iter().find(|method| method.id == id);
        let method = method.unwrap();
        assert_eq!(method.key, person.key.into());
        for (relationship, has) in [
            (Relationship::AssertionMethod, true),
            (Relationship::Authentication, true),
            (Relationship::KeyAgreement, false),
        ] {
            assert_eq!(method.relationships.contains(&relationship), has);
        }
    }

    #[test]
    fn an_accreditation_counts_within_its_term() {
        let person = person(1);
        let level = v1::AccreditationRecord {
            issuer: person.did.to_string(),
            r#type: "Origin".into(),
            jurisdiction: "CN".into(),
            valid_from_ms: 100,
            valid_until_ms: 200,
            motion: 3,
            ..v1::AccreditationRecord::default()
        };
        let asked = Asked {
            issuer: &person.did,
            kind: "Origin",
            jurisdiction: "CN",
        };
        let at = |at_ms| Accreditation::of(std::slice::from_ref(&level), asked, at_ms, None);
        assert!(matches!(at(150), Accreditation::Held { .. }));
        for (at_ms, expected) in [
            (99, code::ACCREDITATION_NOT_YET_VALID),
            (200, code::ACCREDITATION_EXPIRED),
        ] {
            let Accreditation::Refused { code, .. } = at(at_ms) else {
                panic!("{at_ms} is out of the term");
            };
            assert_eq!(code, expected.name);
        }
    }
}
