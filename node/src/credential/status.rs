//! Whether a credential is revoked: a bit of a list on a chain, or of a list's credential that was handed in.

use starfire_crosschain::unix_ms::rfc3339;
use starfire_did::credential::bitstring::{Entry, StatusList};
use starfire_did::credential::code;
use starfire_did::credential::evidence::{
    Accreditation, Evidence, StatusCheck, StatusFact, Unknown,
};
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
use super::{CLOCK_SKEW_MS, Issued, party};

/// Statuses of one credential that are looked up.
const STATUSES_MAX: usize = 16;

/// What became of each status that a credential names in a list.
pub(super) async fn learn(facts: &Facts<'_>, parsed: &Parsed, now_ms: i64) -> Vec<StatusCheck> {
    let mut learned = Vec::new();
    for (position, reference) in parsed.statuses.iter().enumerate() {
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
        let found = if position >= STATUSES_MAX {
            let why =
                format!("only the first {STATUSES_MAX} statuses of a credential are looked up");
            Err(Unknown::new(why, "ask its issuer for one that names fewer"))
        } else {
            look_up(facts, &parsed.issuer, &entry, now_ms).await
        };
        learned.push(StatusCheck {
            list: list.clone(),
            purpose: purpose.clone(),
            index: *index,
            outcome: found.map(|(value, known_at_ms)| StatusFact {
                value: value.map(u8::from),
                known_at_ms,
            }),
        });
    }
    learned
}

async fn look_up(
    facts: &Facts<'_>,
    issuer: &str,
    entry: &Entry,
    now_ms: i64,
) -> Result<(Bit, i64), Unknown> {
    let name = ListName::parse(&entry.list);
    let found = match &name {
        Some(name) => Some(on_chain(facts, name, entry).await),
        None => None,
    };
    // What the chain says is newer than any file.
    let found = match found {
        Some(Ok(found)) => return Ok(found),
        Some(Err(unknown)) => Some(unknown),
        None => None,
    };
    if let Some(credential) = facts.list(&entry.list) {
        // A list is believed for the address that it was fetched from. A file has none, so its issuer must be the right one.
        let issuer = name.map_or(issuer.to_owned(), |name| name.issuer.to_string());
        if credential.issuer != issuer {
            let why = format!("the list that was handed in is by {}", credential.issuer);
            return Err(Unknown::new(why, format!("hand in the list of {issuer}")));
        }
        return handed(facts, credential, entry, now_ms).await;
    }
    if let Some(unknown) = found {
        return Err(unknown);
    }
    match bif::parse_revocation_list(&entry.list) {
        Some((issuer, credential)) => by_contract(facts, &issuer, credential).await,
        None => Err(Unknown::new(
            "the list is of no chain, and nothing else is fetched",
            "fetch the list's credential from its address, and hand it in: `starfire vc verify --status-list`",
        )),
    }
}

type Bit = Result<bool, Malformed>;

/// A bit of a list that stands in state.
async fn on_chain(
    facts: &Facts<'_>,
    name: &ListName,
    entry: &Entry,
) -> Result<(Bit, i64), Unknown> {
    let paths = proof_paths(&name.issuer, &name.name, entry.index);
    let known = facts
        .values(name.issuer.chain_code(), paths.to_vec())
        .await?;
    let Some(list) = decoded::<v1::StatusListRecord>(&known, 0)? else {
        let why = format!(
            "the list was not on the chain at {}",
            rfc3339(known.time_ms)
        );
        let hint = "if it was opened only now, try again in a moment; otherwise ask the issuer";
        return Err(Unknown::new(why, hint));
    };
    let bit = if list.purpose == entry.purpose {
        let chunk = decoded::<v1::StatusListChunk>(&known, 1)?;
        let bit = proved_bit(&name.issuer, &name.name, entry.index, &list, chunk.as_ref());
        bit.ok_or_else(|| {
            let detail = format!("the list has {} entries", list.length);
            Malformed::new(code::RANGE_ERROR, detail)
        })
    } else {
        let detail = format!(
            "the list is for {}, not for {}",
            list.purpose, entry.purpose
        );
        Err(Malformed::new(code::STATUS_VERIFICATION_ERROR, detail))
    };
    Ok((bit, known.time_ms))
}

/// Whether an issuer has revoked one credential through BIF's trust contract.
async fn by_contract(
    facts: &Facts<'_>,
    issuer: &Did,
    credential: &str,
) -> Result<(Bit, i64), Unknown> {
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
) -> Result<(Bit, i64), Unknown> {
    let issued = Issued::of(credential, now_ms);
    let signers = party::signers(facts, credential, &issued, now_ms).await;
    let report = verify::verify(
        &Parsed {
            statuses: Vec::new(),
            ..credential.clone()
        },
        &Evidence {
            now_ms,
            clock_skew_ms: CLOCK_SKEW_MS,
            issuer: &signers.issuer,
            signers: &signers.each,
            accreditation: &Accreditation::NotAsked,
            schemas: &[],
            statuses: &[],
            status_age_max_ms: None,
            term_wanted: true,
            presenter: None,
            holder_is_subject: false,
            holder_wanted: false,
            challenge: None,
            domain: None,
            audience: None,
        },
    );
    match report.verdict {
        Verdict::Valid => {}
        Verdict::Undecided => {
            let step = report.steps.iter().find(|step| step.code().is_some());
            let (code, hint) = step.map_or(("", ""), |step| {
                (step.code().unwrap_or_default(), step.hint.as_str())
            });
            let why = format!("the list's credential could not be checked: {code}");
            return Err(Unknown::new(why, hint));
        }
        Verdict::Invalid => {
            let detail = format!(
                "the list's credential is not valid: {}",
                report.code().unwrap_or_default()
            );
            let error = Malformed::new(code::STATUS_VERIFICATION_ERROR, detail);
            return Ok((Err(error), issued.earliest()));
        }
    }
    // A list without a time may be as old as its issuer's key, and what was revoked since is not in it. Of two times the earlier counts: it
    // is by the one of the signature that its key was still in use.
    let said = [credential.valid_from_ms, credential.signed_ms()];
    let Some(known_at_ms) = said.into_iter().flatten().min() else {
        return Err(Unknown::new(
            "the list that was handed in does not say of when it is",
            "ask its issuer for a list with a validFrom, or with a time in its proof",
        ));
    };
    let list = StatusList::parse(credential);
    // Bitstring Status List §2.2: ttl, "the maximum amount of time, in milliseconds, that a verifier SHOULD cache the list".
    let ttl_ms = list.as_ref().ok().and_then(|list| list.ttl_ms);
    let too_old = ttl_ms.is_some_and(|ttl| {
        let ttl = i64::try_from(ttl).unwrap_or(i64::MAX);
        now_ms
            > known_at_ms
                .saturating_add(ttl)
                .saturating_add(CLOCK_SKEW_MS)
    });
    if too_old {
        return Err(Unknown::new(
            "the list that was handed in is older than its ttl",
            "fetch the list anew",
        ));
    }
    Ok((list.and_then(|list| list.status(entry)), known_at_ms))
}
