//! Whether a credential is revoked: a bit of a list on a chain, or of a list's credential that was handed in.

use starfire_did::credential::bitstring::{Entry, StatusList};
use starfire_did::credential::code;
use starfire_did::credential::evidence::{Accreditation, Evidence, StatusFact};
use starfire_did::credential::malformed::Malformed;
use starfire_did::credential::parsed::{Parsed, StatusReference};
use starfire_did::credential::report::Verdict;
use starfire_did::credential::verify;
use starfire_did::jose::bif;
use starfire_did::status_list::{proof_paths, proved_bit};
use starfire_did::{Did, path};
use starfire_proto::v1;

use super::facts::{Facts, decoded};
use super::names::ListName;
use super::source::Unlearned;
use super::{CLOCK_SKEW_MS, party};

/// Statuses of one credential that are looked up. The others are unknown.
const STATUSES_MAX: usize = 16;

/// What is known of each status that a credential names. What is not is left out.
pub(super) async fn learn(facts: &Facts<'_>, parsed: &Parsed, now_ms: i64) -> Vec<StatusFact> {
    let mut learned = Vec::new();
    for reference in parsed.statuses.iter().take(STATUSES_MAX) {
        let StatusReference::List {
            list,
            purpose,
            index,
        } = reference
        else {
            continue;
        };
        let entry = Entry {
            list: list.clone(),
            purpose: purpose.clone(),
            index: *index,
        };
        let found = match (facts.list(list), ListName::parse(list)) {
            (Some(credential), _) => handed(facts, credential, &entry, now_ms).await,
            (None, Some(name)) => on_chain(facts, &name, &entry).await,
            (None, None) => match bif::parse_revocation_list(list) {
                Some((issuer, credential)) => by_contract(facts, &issuer, credential).await,
                None => Err(Unlearned("it is not looked up".to_owned())),
            },
        };
        match found {
            Ok((value, known_at_ms)) => learned.push(StatusFact {
                list: list.clone(),
                purpose: purpose.clone(),
                index: *index,
                value: value.map(u8::from),
                known_at_ms,
            }),
            Err(why) => tracing::debug!(%list, %why, "status list not known"),
        }
    }
    learned
}

type Bit = Result<bool, Malformed>;

/// A bit of a list that stands in state.
async fn on_chain(
    facts: &Facts<'_>,
    name: &ListName,
    entry: &Entry,
) -> Result<(Bit, i64), Unlearned> {
    let paths = proof_paths(&name.issuer, &name.name, entry.index);
    let known = facts
        .values(name.issuer.chain_code(), paths.to_vec())
        .await?;
    let wrong = |code: &'static str, detail: String| Err(Malformed::new(code, detail));
    let bit = match decoded::<v1::StatusListRecord>(&known, 0)? {
        None => wrong(
            code::STATUS_VERIFICATION_ERROR,
            format!("{} is not on the chain", name.url()),
        ),
        Some(list) if list.purpose != entry.purpose => wrong(
            code::STATUS_VERIFICATION_ERROR,
            format!(
                "the list is for {}, not for {}",
                list.purpose, entry.purpose
            ),
        ),
        Some(list) => {
            let chunk = decoded::<v1::StatusListChunk>(&known, 1)?;
            let bit = proved_bit(&name.issuer, &name.name, entry.index, &list, chunk.as_ref());
            bit.ok_or_else(|| {
                let detail = format!("the list has {} entries", list.length);
                Malformed::new(code::RANGE_ERROR, detail)
            })
        }
    };
    Ok((bit, known.time_ms))
}

/// Whether an issuer has revoked one credential through BIF's trust contract.
async fn by_contract(
    facts: &Facts<'_>,
    issuer: &Did,
    credential: &str,
) -> Result<(Bit, i64), Unlearned> {
    let path = path::credential_revocation(issuer, credential);
    let known = facts.values(issuer.chain_code(), vec![path]).await?;
    let revocation: Option<v1::CredentialRevocation> = decoded(&known, 0)?;
    Ok((Ok(revocation.is_some()), known.time_ms))
}

/// A bit of a list's credential, which must be valid itself: signed by its issuer, and of now. A status of its own is not looked up.
async fn handed(
    facts: &Facts<'_>,
    credential: &Parsed,
    entry: &Entry,
    now_ms: i64,
) -> Result<(Bit, i64), Unlearned> {
    let at_ms = credential
        .issued_ms()
        .map_or(now_ms, |issued| issued.min(now_ms));
    let issuer = party::look_up(facts, &credential.issuer, at_ms).await;
    let report = verify::verify(
        &Parsed {
            statuses: Vec::new(),
            ..credential.clone()
        },
        &Evidence {
            now_ms,
            clock_skew_ms: CLOCK_SKEW_MS,
            issuer: &issuer,
            cosigners: &[],
            accreditation: &Accreditation::NotAsked,
            schemas: &[],
            statuses: &[],
            status_age_max_ms: None,
            presenter: None,
            holder_is_subject: false,
            challenge: None,
            domain: None,
        },
    );
    match report.verdict {
        Verdict::Valid => {}
        Verdict::Undecided => {
            return Err(Unlearned(format!(
                "the list's credential could not be checked: {}",
                report.code().unwrap_or_default()
            )));
        }
        Verdict::Invalid => {
            let detail = format!(
                "the list's credential is not valid: {}",
                report.code().unwrap_or_default()
            );
            let error = Malformed::new(code::STATUS_VERIFICATION_ERROR, detail);
            return Ok((Err(error), at_ms));
        }
    }
    let bit = StatusList::parse(credential).and_then(|list| list.status(entry));
    Ok((bit, credential.valid_from_ms.unwrap_or(at_ms)))
}
