//! What a verification says: a verdict, its reason, and every step on the way.

use serde::Serialize;

/// The outcome. Only `valid` may be acted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Everything holds.
    Valid,
    /// Everything holds, but the revocation state is older than allowed: get a newer proof file.
    Stale,
    /// It hangs on a main chain that the verifier has not pinned: it says nothing.
    Unpinned,
    /// It does not hold, for the reason given.
    Refused,
}

/// Why a verification did not end in `valid`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Reason {
    /// The revocation state is older than allowed.
    Stale,
    /// The trust bundle does not have the pinned fingerprint.
    BundleNotPinned,
    /// The proof's main chain is not the pinned one: another chain id, genesis or validator set.
    ChainNotPinned,
    /// A change of the main chain's validators does not follow from the pinned ones.
    ValidatorChangeInvalid,
    /// The proof file is damaged or malformed.
    ProofMalformed,
    /// The trust bundle is damaged or malformed.
    BundleMalformed,
    /// The main header or its validators do not decode.
    MainHeaderMalformed,
    /// The main header is not signed as it must be.
    MainHeaderNotSigned,
    /// A header's time is after the verifier's: one of the clocks is wrong.
    HeaderFromFuture,
    /// The file holds other values than its subject needs.
    ValuesUnexpected,
    /// A value's proof does not lead to the header.
    ValueNotProved,
    /// A proved record does not decode, or contradicts its own path.
    RecordMalformed,
    /// The subject belongs to another chain than the one it is proved on.
    WrongChain,
    /// The main chain does not know the sub-chain.
    ChainUnknown,
    /// The sub-chain is frozen: it signed two headers that disagree.
    ChainFrozen,
    /// The sub-chain's header does not decode.
    SubHeaderMalformed,
    /// The sub-chain's header is not anchored on the main chain.
    NotAnchored,
    /// Another header is anchored at that height.
    AnchorMismatch,
    /// The chain holds no such evidence.
    EvidenceUnknown,
    /// The evidence is of another kind, type or jurisdiction than the proof file says.
    EvidenceMismatch,
    /// The document, or the note of salted evidence, was not shown.
    DocumentMissing,
    /// The document, or the note, is damaged or malformed.
    DocumentMalformed,
    /// It is not the document that the chain holds a commitment to.
    DocumentMismatch,
    /// The file that the commitment is to was not shown.
    FileMissing,
    /// It is not the file that the commitment is to.
    FileMismatch,
    /// A file or document was shown that this proof says nothing about.
    FileUnexpected,
    /// The issuer has no DID record.
    IssuerUnknown,
    /// The issuer's DID was deactivated when the document was issued.
    IssuerDeactivated,
    /// The record shown is not the one in force when the document was issued.
    IssuerVersionMismatch,
    /// The document's signing key was not one of the issuer's.
    KeyUnknown,
    /// The issuer did not sign the document.
    SignatureInvalid,
    /// Nobody accredited the issuer for this type in this jurisdiction.
    IssuerNotAccredited,
    /// The issuer was accredited for another type.
    AccreditationOtherType,
    /// The issuer was accredited for this type, in another jurisdiction.
    AccreditationOtherJurisdiction,
    /// The issuer was to accredit others for it, and issue nothing.
    AccreditationIssuesNothing,
    /// The issuer's accreditation had not begun when the document was issued.
    AccreditationNotYetValid,
    /// The issuer's accreditation was over when the document was issued.
    AccreditationExpired,
    /// The issuer's accreditation was withdrawn when the document was issued.
    AccreditationWithdrawn,
    /// An accreditation further up had not begun when the document was issued.
    AccreditorNotYetValid,
    /// An accreditation further up was over when the document was issued.
    AccreditorExpired,
    /// An accreditation further up was withdrawn when the document was issued.
    AccreditorWithdrawn,
    /// An accreditation was given by somebody who could not give it, or no motion stands behind it.
    AccreditationUnrooted,
    /// The certificate's own validity is over.
    CertificateExpired,
    /// The issuer revoked it.
    Revoked,
    /// The chain holds no such DID.
    DidUnknown,
    /// The DID is deactivated.
    DidDeactivated,
    /// The answer says something else than the records that are proved.
    AnswerMismatch,
    /// The answer, or a part of it that claims something, carries no proof.
    AnswerUnproved,
    /// The answer does not say to which question, so nobody can tell whether it is right.
    QuestionUnknown,
    /// The file is none that can be verified this way.
    FileKindUnknown,
}

impl Reason {
    /// The verdict that it leads to.
    pub fn verdict(self) -> Verdict {
        match self {
            Self::Stale => Verdict::Stale,
            Self::BundleNotPinned | Self::ChainNotPinned => Verdict::Unpinned,
            Self::ValidatorChangeInvalid
            | Self::ProofMalformed
            | Self::BundleMalformed
            | Self::MainHeaderMalformed
            | Self::MainHeaderNotSigned
            | Self::HeaderFromFuture
            | Self::ValuesUnexpected
            | Self::ValueNotProved
            | Self::RecordMalformed
            | Self::WrongChain
            | Self::ChainUnknown
            | Self::ChainFrozen
            | Self::SubHeaderMalformed
            | Self::NotAnchored
            | Self::AnchorMismatch
            | Self::EvidenceUnknown
            | Self::EvidenceMismatch
            | Self::DocumentMissing
            | Self::DocumentMalformed
            | Self::DocumentMismatch
            | Self::FileMissing
            | Self::FileMismatch
            | Self::FileUnexpected
            | Self::IssuerUnknown
            | Self::IssuerDeactivated
            | Self::IssuerVersionMismatch
            | Self::KeyUnknown
            | Self::SignatureInvalid
            | Self::IssuerNotAccredited
            | Self::AccreditationOtherType
            | Self::AccreditationOtherJurisdiction
            | Self::AccreditationIssuesNothing
            | Self::AccreditationNotYetValid
            | Self::AccreditationExpired
            | Self::AccreditationWithdrawn
            | Self::AccreditorNotYetValid
            | Self::AccreditorExpired
            | Self::AccreditorWithdrawn
            | Self::AccreditationUnrooted
            | Self::CertificateExpired
            | Self::Revoked
            | Self::DidUnknown
            | Self::DidDeactivated
            | Self::AnswerMismatch
            | Self::AnswerUnproved
            | Self::QuestionUnknown
            | Self::FileKindUnknown => Verdict::Refused,
        }
    }
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What was checked.
    pub name: &'static str,
    /// Whether it holds.
    pub ok: bool,
    /// What was found, for people.
    pub detail: String,
}

/// What was proved, as far as the verification got. Times are RFC 3339, UTC.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// `certificate`, `evidence`, `did`, `resolution`, `resource`, `status`, `status list`, `accreditation` or `schema`.
    pub kind: &'static str,
    /// The issuer, or the DID itself.
    pub did: String,
    /// The evidence's identifier.
    pub id: Option<String>,
    /// The credential type.
    #[serde(rename = "type")]
    pub document_type: Option<String>,
    /// The jurisdiction.
    pub jurisdiction: Option<String>,
    /// The document's number, from the document shown.
    pub number: Option<String>,
    /// When the issuing chain took it.
    pub issued_at: Option<String>,
    /// Until when it is valid; absent: no end.
    pub valid_until: Option<String>,
    /// The sub-chain that holds it; absent: the main chain does.
    pub sub_chain: Option<String>,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The outcome.
    pub verdict: Verdict,
    /// Why it is not `valid`; absent when it is.
    pub code: Option<Reason>,
    /// The checks made, in order; the last one decided.
    pub steps: Vec<Step>,
    /// Whom the verifier believes: `light client`, the pinned validators alone.
    pub trusted: &'static str,
    /// The main chain's id.
    pub main_chain: Option<String>,
    /// The main chain's time by which the evidence was there, RFC 3339.
    pub proved_before: Option<String>,
    /// The time of the header that shows whether it was revoked, RFC 3339.
    pub revocation_as_of: Option<String>,
    /// What it is about.
    pub subject: Option<Summary>,
}

/// A check that failed.
#[derive(Debug)]
pub(super) struct Stop {
    reason: Reason,
    detail: String,
}

impl Stop {
    /// The same, of a part of the whole.
    pub(super) fn about(self, part: &str) -> Self {
        let detail = format!("{part}: {}", self.detail);
        Self { detail, ..self }
    }
}

/// A check that failed, for this reason.
pub(super) fn stop(reason: Reason, detail: impl Into<String>) -> Stop {
    Stop {
        reason,
        detail: detail.into(),
    }
}

/// The verification is over: the report says why.
pub(super) struct Ended;

impl Report {
    pub(super) fn begin() -> Self {
        Self {
            verdict: Verdict::Refused,
            code: None,
            steps: Vec::new(),
            trusted: "light client",
            main_chain: None,
            proved_before: None,
            revocation_as_of: None,
            subject: None,
        }
    }

    /// Notes a check and goes on with what it found, or ends.
    pub(super) fn step<T>(
        &mut self,
        name: &'static str,
        outcome: Result<(T, String), Stop>,
    ) -> Result<T, Ended> {
        match outcome {
            Ok((found, detail)) => {
                self.steps.push(Step {
                    name,
                    ok: true,
                    detail,
                });
                Ok(found)
            }
            Err(Stop { reason, detail }) => {
                self.steps.push(Step {
                    name,
                    ok: false,
                    detail,
                });
                self.verdict = reason.verdict();
                self.code = Some(reason);
                Err(Ended)
            }
        }
    }
}
