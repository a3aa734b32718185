//! From the pin to the values: the pinned chain, its signed header, the sub-chain's record and anchor, the sub-chain's header.

use starfire_consensus::certificate;
use starfire_proto::v1;
use tendermint::block::{Header, signed_header::SignedHeader};
use tendermint::{Hash, validator};
use tendermint_proto::v0_38::types::{
    Header as RawHeader, SignedHeader as RawSignedHeader, ValidatorSet as RawValidatorSet,
};

use super::content::{MainPart, ProofFile, SubPart, Values};
use super::report::{Reason, Stop, stop};
use crate::path;
use crate::succession::one_form;
use crate::trust::Bundle;
use crate::unix_ms;

/// How far the verifier's clock may be behind a header's time.
pub const CLOCK_DRIFT_MS: i64 = 10 * 60 * 1000;

/// A header that is believed.
#[derive(Debug)]
pub(super) struct Believed {
    pub(super) height: u64,
    pub(super) time_ms: i64,
    pub(super) app_hash: [u8; 32],
}

/// The bundle is the pinned one. Any other says nothing, however well made.
pub(super) fn pinned(bundle: &[u8], pin: &str) -> Result<(Bundle, String), Stop> {
    let bundle =
        Bundle::parse(bundle).map_err(|error| stop(Reason::BundleMalformed, error.to_string()))?;
    let fingerprint = bundle.fingerprint();
    if fingerprint != pin {
        let detail =
            format!("the bundle's fingerprint is {fingerprint}, which is not the pinned one");
        return Err(stop(Reason::BundleNotPinned, detail));
    }
    let detail = format!("{} with fingerprint {fingerprint}", bundle.chain_id());
    Ok((bundle, detail))
}

/// The proof hangs on the pinned chain: same chain id, same genesis, and the validators of genesis or those that follow from them.
pub(super) fn on_pinned_chain(
    main: &MainPart,
    bundle: &Bundle,
) -> Result<((SignedHeader, validator::Set), String), Stop> {
    let malformed = |what: &str| {
        stop(
            Reason::MainHeaderMalformed,
            format!("{what} does not decode"),
        )
    };
    let signed = one_form::<SignedHeader, RawSignedHeader>(&main.signed_header.0)
        .ok_or_else(|| malformed("the main header"))?;
    let validators = one_form::<validator::Set, RawValidatorSet>(&main.validators.0)
        .ok_or_else(|| malformed("the main validator set"))?;
    let other = |what: &str| {
        Err(stop(
            Reason::ChainNotPinned,
            format!("the proof is of a main chain with another {what}"),
        ))
    };
    if main.chain_id != bundle.chain_id().as_str() || signed.header.chain_id != *bundle.chain_id() {
        return other("chain id");
    }
    if main.genesis_hash.0 != *bundle.genesis_hash() {
        return other("genesis");
    }
    let mut succession = bundle.succession();
    succession
        .extend(&main.changes)
        .map_err(|error| stop(Reason::ValidatorChangeInvalid, error.to_string()))?;
    let expected: Hash = succession.at(signed.header.height.value()).hash();
    if validators.hash() != expected || signed.header.validators_hash != expected {
        return other("validator set");
    }
    let count = validators.validators().len();
    let detail = match succession.count() {
        0 => format!("{count} validators, as pinned"),
        changes => format!("{count} validators, by {changes} known changes from those pinned"),
    };
    Ok(((signed, validators), detail))
}

/// More than two thirds of the pinned power signed the header, and no signature in it is false.
pub(super) fn main_header(
    signed: &SignedHeader,
    validators: &validator::Set,
    now_ms: i64,
) -> Result<(Believed, String), Stop> {
    certificate::verify(signed, validators)
        .map_err(|error| stop(Reason::MainHeaderNotSigned, error.to_string()))?;
    let header = believed(&signed.header, Reason::MainHeaderMalformed)?;
    not_from_future(&header, now_ms)?;
    let signatures = signed
        .commit
        .signatures
        .iter()
        .filter(|signature| !signature.is_absent())
        .count();
    let detail = format!(
        "height {} of {}, {}, signed by {signatures} of {} validators",
        header.height,
        signed.header.chain_id,
        unix_ms::rfc3339(header.time_ms),
        validators.validators().len()
    );
    Ok((header, detail))
}

/// A sub-chain's header in the file, if the subject belongs to a sub-chain.
pub(super) type OnSubChain<'a> = Option<(&'a SubPart, Header)>;

/// The file proves the subject on the chain that it belongs to.
pub(super) fn subject_chain(file: &ProofFile) -> Result<(OnSubChain<'_>, String), Stop> {
    let did = file.subject.did();
    match (file.subject.chain_code(), &file.sub) {
        (None, None) if file.sub_values.is_empty() => {
            Ok((None, format!("{did} belongs to the main chain")))
        }
        (None, None) => Err(stop(
            Reason::ValuesUnexpected,
            "there are values of a sub-chain, but no header of it",
        )),
        (Some(code), Some(sub)) if sub.chain_code == code.as_str() => {
            let header = one_form::<Header, RawHeader>(&sub.header.0).ok_or_else(|| {
                stop(
                    Reason::SubHeaderMalformed,
                    "the sub-chain's header does not decode",
                )
            })?;
            Ok((
                Some((sub, header)),
                format!("{did} belongs to the sub-chain {code}"),
            ))
        }
        (Some(code), Some(_) | None) => Err(stop(
            Reason::WrongChain,
            format!("{did} belongs to the sub-chain {code}"),
        )),
        (None, Some(_)) => Err(stop(
            Reason::WrongChain,
            format!("{did} belongs to the main chain"),
        )),
    }
}

/// The main chain knows the sub-chain, and has not frozen it.
pub(super) fn sub_chain(
    values: &Values,
    sub: &SubPart,
    header: &Header,
) -> Result<((), String), Stop> {
    let Some(record) = values.record::<v1::SubChainRecord>(&path::sub_chain(&sub.chain_code))?
    else {
        return Err(stop(
            Reason::ChainUnknown,
            format!("the main chain does not know {}", sub.chain_code),
        ));
    };
    match record.status() {
        v1::SubChainStatus::Active => {}
        v1::SubChainStatus::Frozen => {
            let detail = format!(
                "frozen since main height {}: {}",
                record.frozen_height, record.frozen_reason
            );
            return Err(stop(Reason::ChainFrozen, detail));
        }
        v1::SubChainStatus::Unspecified => {
            return Err(stop(Reason::RecordMalformed, "the sub-chain has no status"));
        }
    }
    if record.chain_code != sub.chain_code {
        return Err(stop(
            Reason::RecordMalformed,
            "the sub-chain's record is of another chain code",
        ));
    }
    if record.chain_id != header.chain_id.as_str() {
        let detail = format!(
            "the header is of {}, registered is {}",
            header.chain_id, record.chain_id
        );
        return Err(stop(Reason::WrongChain, detail));
    }
    let detail = format!("{} ({}), not frozen", record.chain_id, record.name);
    Ok(((), detail))
}

/// The main chain has verified exactly this header of the sub-chain.
pub(super) fn anchor(
    values: &Values,
    sub: &SubPart,
    header: &Header,
    now_ms: i64,
) -> Result<((Believed, v1::AnchorRecord), String), Stop> {
    let height = header.height.value();
    let Some(record) = values.record::<v1::AnchorRecord>(&path::anchor(&sub.chain_code, height))?
    else {
        return Err(stop(
            Reason::NotAnchored,
            format!("height {height} of {} is not anchored", sub.chain_code),
        ));
    };
    if record.chain_code != sub.chain_code || record.height != height {
        return Err(stop(
            Reason::RecordMalformed,
            "the anchor's record is of another header",
        ));
    }
    if record.header_hash != header.hash().as_bytes() {
        return Err(stop(
            Reason::AnchorMismatch,
            format!("another header of height {height} is anchored"),
        ));
    }
    let believed = believed(header, Reason::SubHeaderMalformed)?;
    not_from_future(&believed, now_ms)?;
    let detail = format!(
        "height {height} of {}, {}, verified by the main chain at height {}, {}",
        header.chain_id,
        unix_ms::rfc3339(believed.time_ms),
        record.main_height,
        unix_ms::rfc3339(record.main_time_ms)
    );
    Ok(((believed, record), detail))
}

fn believed(header: &Header, malformed: Reason) -> Result<Believed, Stop> {
    let Ok(app_hash) = <[u8; 32]>::try_from(header.app_hash.as_bytes()) else {
        return Err(stop(malformed, "the app hash does not have 32 bytes"));
    };
    Ok(Believed {
        height: header.height.value(),
        time_ms: unix_ms::from_time(header.time),
        app_hash,
    })
}

fn not_from_future(header: &Believed, now_ms: i64) -> Result<(), Stop> {
    if header.time_ms > now_ms.saturating_add(CLOCK_DRIFT_MS) {
        let detail = format!(
            "the header's time is {}, now is {}",
            unix_ms::rfc3339(header.time_ms),
            unix_ms::rfc3339(now_ms)
        );
        return Err(stop(Reason::HeaderFromFuture, detail));
    }
    Ok(())
}
