//! Looking a DID up: on this chain, or on the main chain for a sub-chain's. HTTP and gRPC come through here.
//!
//! A DID of a sub-chain is asked of its gateways as of the newest header that the main chain has anchored, and what they answer is
//! believed as far as the anchor proves it. Such an answer stays the same until the next anchor, so until then it is remembered; and
//! longer, under its own anchor, while the sub-chain is followed and tells of no change.

use std::collections::BTreeMap;

use starfire_crosschain::{chain, chain_document, path};
use starfire_did::resolution::{At, Found, Origin, Question};
use starfire_did::{ChainCode, path as did_path};
use starfire_proto::v1;
use starfire_state::{Rejection, View};
use tokio::time::Instant;

use super::super::dids::{other_chain, value};
use super::super::facts::not_frozen;
use super::super::proofs::KEYS_MAX;
use super::super::{Gateway, error, resolver};
use super::cache::Remembered;

/// How an answer is wanted.
#[derive(Debug, Clone, Copy)]
pub(in crate::gateway) struct Wanted {
    /// With its proof.
    pub(in crate::gateway) proof: bool,
    /// Not from memory.
    pub(in crate::gateway) fresh: bool,
}

/// What is known of a DID.
#[derive(Debug, Clone, Default)]
pub(in crate::gateway) struct Answer {
    pub(in crate::gateway) found: Found,
    /// Of the DID's own chain.
    pub(in crate::gateway) proof: Option<v1::StateProof>,
    /// Of the main chain: the sub-chain's record and the anchor of the header that `proof` is under.
    pub(in crate::gateway) anchor: Option<v1::StateProof>,
    /// For a sub-chain as a whole: its record.
    pub(in crate::gateway) sub_chain: Option<v1::SubChainRecord>,
}

impl Answer {
    /// Without proof, if none is wanted: an answer of a sub-chain has one in any case, by which it was believed.
    pub(in crate::gateway) fn only(self, wanted: Wanted) -> Self {
        if wanted.proof {
            return self;
        }
        Self {
            proof: None,
            anchor: None,
            ..self
        }
    }

    /// A sub-chain's answer, and the proof of the anchor that it is under.
    fn under(anchor: v1::StateProof, remembered: Remembered) -> Self {
        Self {
            found: remembered.found,
            proof: Some(remembered.proof),
            anchor: Some(anchor),
            sub_chain: None,
        }
    }
}

impl Gateway {
    /// Answers a question.
    pub(in crate::gateway) async fn look_up(
        &self,
        question: Question,
        wanted: Wanted,
    ) -> Result<Answer, Rejection> {
        match (self.chain_code().await?, question.did.chain_code()) {
            // Boxed: what is seldom asked does not make room for itself in every question.
            (None, Some(code)) if !question.did.is_account() => {
                chain_document::require_newest(question.at).map_err(|problem| {
                    Rejection::new(error::FEATURE_NOT_SUPPORTED, problem.detail)
                })?;
                Box::pin(self.chain_record(code, wanted)).await
            }
            (None, Some(code)) => Box::pin(self.look_up_on(code, question, wanted)).await,
            (here, of) if here == of && question.did.is_account() => {
                self.look_up_here(question, wanted).await
            }
            (here, _) => Err(other_chain(&question.did, here)),
        }
    }

    async fn look_up_here(&self, question: Question, wanted: Wanted) -> Result<Answer, Rejection> {
        if !wanted.proof {
            return Ok(Answer {
                found: question.found_in(self.view().state().as_ref()),
                ..Answer::default()
            });
        }
        let proof = self
            .prove_newest(move |state| question.paths_in(state))
            .await?;
        let found = match question.at {
            At::Newest => Found::newest_here(value(&proof, 0)?),
            At::Version(_) | At::Time(_) => Found {
                origin: Origin::ThisChain,
                ..found(&question, &proof)?
            },
        };
        Ok(Answer {
            found,
            proof: Some(proof),
            ..Answer::default()
        })
    }

    /// What the main chain knows of a sub-chain.
    async fn chain_record(&self, code: ChainCode, wanted: Wanted) -> Result<Answer, Rejection> {
        if !wanted.proof {
            let record = self
                .read(move |view| Ok(chain::load(view.state().as_ref(), code.as_str())))
                .await?;
            return Ok(Answer {
                sub_chain: record,
                ..Answer::default()
            });
        }
        let proof = self
            .prove_newest(move |_| vec![path::sub_chain(code.as_str())])
            .await?;
        Ok(Answer {
            sub_chain: value(&proof, 0)?,
            proof: Some(proof),
            ..Answer::default()
        })
    }

    /// Resolves on a sub-chain, as of its newest anchor here.
    async fn look_up_on(
        &self,
        code: ChainCode,
        question: Question,
        wanted: Wanted,
    ) -> Result<Answer, Rejection> {
        let (record, anchor, anchor_proof) = self.newest_anchor(code).await?;
        if let Some(record) = &record {
            not_frozen(record)?;
        }
        let (Some(record), Some(anchor)) = (record, anchor) else {
            // No such chain, so no such DID: that is what the proof says.
            return Ok(Answer {
                anchor: Some(anchor_proof),
                ..Answer::default()
            });
        };
        if !wanted.fresh {
            let (answers, now) = (&self.answers, Instant::now());
            if let Some(remembered) = answers.get(&question, anchor.height, now) {
                return Ok(Answer::under(anchor_proof, remembered));
            }
            if let Some((older, remembered)) =
                answers.get_outliving(&question, &record, anchor.height, now)
            {
                let anchor_proof = self
                    .prove_newest(move |_| anchor_keys_at(code, older))
                    .await?;
                if value::<v1::AnchorRecord>(&anchor_proof, 1)?.is_some() {
                    return Ok(Answer::under(anchor_proof, remembered));
                }
            }
        }
        let _seat = self.ask_seat(code)?;
        let proof = ask(&record, &anchor, &question).await?;
        let found = found(&question, &proof)?;
        let answer = Remembered { found, proof };
        self.answers
            .put(question, anchor.height, answer.clone(), Instant::now());
        self.follow_chain(code, &record, anchor.height);
        Ok(Answer::under(anchor_proof, answer))
    }

    /// A sub-chain's record, its newest anchor, and the proof of both. No record: no such chain.
    pub(super) async fn newest_anchor(
        &self,
        code: ChainCode,
    ) -> Result<
        (
            Option<v1::SubChainRecord>,
            Option<v1::AnchorRecord>,
            v1::StateProof,
        ),
        Rejection,
    > {
        let proof = self
            .prove_newest(move |state| anchor_keys(state, code))
            .await?;
        let record = value::<v1::SubChainRecord>(&proof, 0)?;
        let anchor = value::<v1::AnchorRecord>(&proof, 1)?;
        if record.is_some() && anchor.is_none() {
            return Err(Rejection::new(
                error::CHAIN_NOT_ANCHORED,
                format!("no header of {code} is anchored yet; ask a gateway of {code}"),
            ));
        }
        Ok((record, anchor, proof))
    }
}

/// A sub-chain's record, and its newest anchor.
pub(in crate::gateway) fn anchor_keys(state: &dyn View, code: ChainCode) -> Vec<Vec<u8>> {
    let newest = chain::load(state, code.as_str()).map_or(0, |record| record.latest_height);
    anchor_keys_at(code, newest)
}

/// A sub-chain's record, and its anchor of a height.
fn anchor_keys_at(code: ChainCode, height: u64) -> Vec<Vec<u8>> {
    vec![
        path::sub_chain(code.as_str()),
        path::anchor(code.as_str(), height),
    ]
}

type Shown = BTreeMap<Vec<u8>, Option<v1::DidRecord>>;

fn shown(proof: &v1::StateProof) -> Result<Shown, Rejection> {
    (0..proof.values.len())
        .map(|index| {
            let record = value(proof, index)?;
            Ok((proof.values[index].key.clone(), record))
        })
        .collect()
}

fn found(question: &Question, proof: &v1::StateProof) -> Result<Found, Rejection> {
    question.found(shown(proof)?).ok_or_else(unproven)
}

fn unproven() -> Rejection {
    Rejection::new(
        error::RESOLVER_UNPROVEN,
        "what the chain keeps of the DID's versions does not fit together",
    )
}

/// Asks a sub-chain's gateways for exactly the values that answer a question.
async fn ask(
    chain: &v1::SubChainRecord,
    anchor: &v1::AnchorRecord,
    question: &Question,
) -> Result<v1::StateProof, Rejection> {
    let record = did_path::record(&question.did);
    match question.at {
        At::Newest => resolver::ask(chain, anchor, vec![record]).await,
        At::Version(version) => {
            let after = did_path::version(&question.did, version.saturating_add(1));
            let keys = vec![did_path::version(&question.did, version), record, after];
            let mut proof = resolver::ask(chain, anchor, keys).await?;
            let newest: Option<v1::DidRecord> = value(&proof, 1)?;
            let wanted = question.paths(version, newest.map_or(0, |record| record.version));
            proof.values.retain(|value| wanted.contains(&value.key));
            Ok(proof)
        }
        At::Time(time) => {
            let proof = resolver::ask(chain, anchor, vec![record]).await?;
            let newest: Option<v1::DidRecord> = value(&proof, 0)?;
            let Some(newest) = newest.filter(|record| record.updated_ms > time) else {
                return Ok(proof);
            };
            let version = search(chain, anchor, question, time, newest.version).await?;
            resolver::ask(chain, anchor, question.paths(version, newest.version)).await
        }
    }
}

/// The last version at or before a moment, of a DID whose newest is after it; 0: none. Each step asks for many versions at once.
async fn search(
    chain: &v1::SubChainRecord,
    anchor: &v1::AnchorRecord,
    question: &Question,
    time: i64,
    newest: u64,
) -> Result<u64, Rejection> {
    let (mut before, mut after) = (0, newest);
    while after - before > 1 {
        let keys_max = u64::try_from(KEYS_MAX).expect("a bound fits in 64 bits");
        let stride = ((after - before - 1) / keys_max).saturating_add(1);
        let tried: Vec<u64> = (1..=keys_max)
            .map_while(|step| step.checked_mul(stride)?.checked_add(before))
            .take_while(|version| *version < after)
            .collect();
        let paths = tried
            .iter()
            .map(|version| did_path::version(&question.did, *version))
            .collect();
        let proof = resolver::ask(chain, anchor, paths).await?;
        for (index, version) in tried.into_iter().enumerate() {
            let record: Option<v1::DidRecord> = value(&proof, index)?;
            if record.ok_or_else(unproven)?.updated_ms <= time {
                before = version;
            } else {
                after = version;
                break;
            }
        }
    }
    Ok(before)
}
