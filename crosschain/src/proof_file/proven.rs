//! What a verification of an answer brings, and what it leaves: the pinned chain on one side, proved values on the other.

use std::collections::BTreeMap;
use std::time::Duration;

use starfire_did::ChainCode;

use super::content::Values;
use super::headers::Believed;
use super::report::{Ended, Report, Stop};
use super::state_proof::StateProof;
use super::verify::freshness;
use crate::trust::Bundle;
use crate::unix_ms::rfc3339;

/// Whom a verifier believes, and what it asks of the age of an answer.
#[derive(Debug)]
pub(super) struct Verifier<'a> {
    /// The pinned main chain.
    pub(super) bundle: &'a Bundle,
    /// Its clock, Unix milliseconds.
    pub(super) now_ms: i64,
    /// How old what may have changed since may be.
    pub(super) max_age: Duration,
}

impl Verifier<'_> {
    /// What is of that time is not older than the verifier accepts.
    pub(super) fn fresh(&self, as_of_ms: i64) -> Result<((), String), Stop> {
        freshness(as_of_ms, self.now_ms, self.max_age)
    }
}

/// Values that a chain's state had under one header, each proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// The chain; `None` is the main chain.
    pub chain: Option<ChainCode>,
    /// The time of the header, Unix milliseconds.
    pub time_ms: i64,
    /// They may be taken for what stands there now: the verifier accepts their age, or they never change.
    pub current: bool,
    /// By path; `None`: nothing stood there.
    pub values: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

/// A proof's values, and the header of their chain.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) values: Values,
    /// Of the values.
    pub(super) header: Believed,
    /// The time of the older of the two headers, where they are of a sub-chain.
    pub(super) as_of_ms: i64,
}

impl StateProof {
    /// Proves that these values, and no others, stand at these paths of a chain.
    pub(super) fn hold(
        &self,
        report: &mut Report,
        verifier: &Verifier<'_>,
        chain: Option<ChainCode>,
        expected: &[Vec<u8>],
    ) -> Result<Held, Ended> {
        let main = self.main_header(report, verifier)?;
        let header = self.header_of(chain, &main, verifier.now_ms);
        let values = header.and_then(|header| {
            let (values, detail) = Values::prove(&header.app_hash, &self.values, expected)?;
            Ok(((values, header), detail))
        });
        let (values, header) = report.step("values", values)?;
        report.revocation_as_of = Some(rfc3339(header.time_ms));
        Ok(Held {
            as_of_ms: header.time_ms.min(main.time_ms),
            values,
            header,
        })
    }
}

impl Held {
    /// The answer is not older than the verifier accepts.
    pub(super) fn fresh(&self, report: &mut Report, verifier: &Verifier<'_>) -> Result<(), Ended> {
        report.step("freshness", verifier.fresh(self.as_of_ms))
    }

    /// What is left of an answer that tells of now, if it is not older than the verifier accepts.
    pub(super) fn conclude(
        self,
        report: &mut Report,
        verifier: &Verifier<'_>,
        chain: Option<ChainCode>,
    ) -> Result<Vec<Proven>, Ended> {
        self.fresh(report, verifier)?;
        Ok(vec![self.proven(chain, true)])
    }

    /// What is left of it. `current`: its age was accepted, or does not matter.
    pub(super) fn proven(self, chain: Option<ChainCode>, current: bool) -> Proven {
        Proven {
            chain,
            time_ms: self.header.time_ms,
            current,
            values: self.values.into_map(),
        }
    }
}
