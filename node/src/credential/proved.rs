//! Values that a node proves, under a header that the pinned main chain signed: for who trusts the chain and not the node.
//!
//! A value of the main chain hangs on a header that more than two thirds of the pinned chain's validators signed. A value of a
//! sub-chain hangs on a header that is anchored on the main chain, which is a value of the main chain. Nothing else is believed.

use std::time::Duration;

use prost::Message;
use starfire_consensus::certificate;
use starfire_crosschain::proof_file::CLOCK_DRIFT_MS;
use starfire_crosschain::trust::Bundle;
use starfire_crosschain::{path, unix_ms};
use starfire_did::ChainCode;
use starfire_did::credential::evidence::Unknown;
use starfire_proto::v1;
use starfire_state::tree;
use tendermint::block::signed_header::SignedHeader;
use tendermint::validator;
use tendermint_proto::Protobuf;
use tendermint_proto::v0_38::types::{
    SignedHeader as RawSignedHeader, ValidatorSet as RawValidatorSet,
};
use tokio::sync::OnceCell;

use super::source::{ASK_ANOTHER, Known};
use crate::client::{Client, ClientError};

/// A node that proves, and the chain that its proofs must hang on.
#[derive(Debug)]
pub(crate) struct Proved {
    /// A node of the main chain.
    main: Client,
    /// A node of a sub-chain; without it, the gateways that the sub-chain registered on the main chain are asked.
    sub: Option<Client>,
    /// What was pinned.
    pinned: Bundle,
    /// The time, Unix milliseconds.
    now_ms: i64,
    /// How old a header of the main chain may be: a node could show what was true once, for ever.
    age_max: Duration,
    /// The pinned chain with the changes of its validators since, each proved by the one before.
    known: OnceCell<Bundle>,
}

impl Proved {
    /// Values by this node of the main chain, and by one of a sub-chain if there is one.
    pub(crate) fn new(
        main: Client,
        sub: Option<Client>,
        pinned: Bundle,
        now_ms: i64,
        age_max: Duration,
    ) -> Self {
        Self {
            main,
            sub,
            pinned,
            now_ms,
            age_max,
            known: OnceCell::new(),
        }
    }

    /// The values at these paths of a chain's state, each proved.
    pub(crate) async fn values(
        &self,
        chain: Option<ChainCode>,
        paths: Vec<Vec<u8>>,
    ) -> Result<Known, Unknown> {
        match chain {
            None => self.on_main(paths).await,
            Some(code) => self.on_sub_chain(code, paths).await,
        }
    }

    async fn on_main(&self, paths: Vec<Vec<u8>>) -> Result<Known, Unknown> {
        let proof = get(&self.main, paths.clone(), 0).await?;
        let (signed, validators) = decode(&proof)?;
        let bundle = self.known().await?;
        let expected = bundle.succession().at(signed.header.height.value()).hash();
        if signed.header.chain_id != *bundle.chain_id()
            || validators.hash() != expected
            || signed.header.validators_hash != expected
        {
            return Err(unproven("is not of the pinned main chain"));
        }
        certificate::verify(&signed, &validators)
            .map_err(|error| unproven(&format!("is not signed: {error}")))?;
        let age_ms = self
            .now_ms
            .saturating_sub(unix_ms::from_time(signed.header.time));
        if i128::from(age_ms) > i128::try_from(self.age_max.as_millis()).unwrap_or(i128::MAX) {
            let why = format!(
                "the node's newest block is older than the {} s that --max-age accepts",
                self.age_max.as_secs()
            );
            let hint = "the chain, or this node, may have stopped: ask another node, or accept what is older";
            return Err(Unknown::new(why, hint));
        }
        known(&proof, &signed, &paths, self.now_ms)
    }

    async fn on_sub_chain(&self, code: ChainCode, paths: Vec<Vec<u8>>) -> Result<Known, Unknown> {
        let record = path::sub_chain(code.as_str());
        let found = self.on_main(vec![record]).await?;
        let Some(chain) = value::<v1::SubChainRecord>(&found)? else {
            // No such chain: so nothing stands on it, which the main chain proves.
            return Ok(Known {
                values: vec![None; paths.len()],
                time_ms: found.time_ms,
            });
        };
        if chain.status() != v1::SubChainStatus::Active {
            let hint = "it signed two headers that disagree: ask the issuer's authority";
            return Err(Unknown::new(
                format!("the sub-chain {code} is frozen"),
                hint,
            ));
        }
        let anchor = path::anchor(code.as_str(), chain.latest_height);
        let found = self.on_main(vec![anchor]).await?;
        let Some(anchor) = value::<v1::AnchorRecord>(&found)? else {
            let why = format!("no header of {code} is anchored yet");
            return Err(Unknown::new(why, "wait for its backbone"));
        };
        let mut refusal = Unknown::new(
            format!("{code} has registered no gateway to ask"),
            "name a node of the sub-chain by --node, and one of the main chain by --main",
        );
        let registered = || {
            let connect = |url: &String| Client::connect(url).ok();
            chain.resolvers.iter().filter_map(connect)
        };
        for client in self.sub.clone().into_iter().chain(registered()) {
            match anchored(&client, &anchor, &paths, self.now_ms).await {
                Ok(known) => return Ok(known),
                Err(why) => refusal = why,
            }
        }
        Err(refusal)
    }

    /// The pinned chain, brought up to date once by what the node tells of its validators. Each change is proved by those before it.
    async fn known(&self) -> Result<&Bundle, Unknown> {
        self.known
            .get_or_try_init(|| async {
                let mut trust = self.main.proofs();
                let answer = self.main.call(trust.trust(v1::TrustRequest {})).await;
                let answer = answer.map_err(unreachable)?;
                let told = Bundle::parse(&answer.bundle).map_err(|error| {
                    Unknown::new(format!("{}: {error}", self.main.url()), ASK_ANOTHER)
                })?;
                if told.fingerprint() != self.pinned.fingerprint() {
                    return Err(unproven("is not of the pinned main chain"));
                }
                // What was known before goes on to hold: a longer history must go on from it.
                if told.extends(&self.pinned) {
                    Ok(told)
                } else if self.pinned.extends(&told) {
                    Ok(self.pinned.clone())
                } else {
                    Err(unproven("tells of other validators than those known"))
                }
            })
            .await
    }
}

/// Values of a sub-chain under exactly the header that is anchored.
async fn anchored(
    client: &Client,
    anchor: &v1::AnchorRecord,
    paths: &[Vec<u8>],
    now_ms: i64,
) -> Result<Known, Unknown> {
    let proof = get(client, paths.to_vec(), anchor.height).await?;
    let (signed, _) = decode(&proof)?;
    if signed.header.hash().as_bytes() != anchor.header_hash {
        return Err(unproven("is not under the anchored header"));
    }
    known(&proof, &signed, paths, now_ms)
}

async fn get(client: &Client, keys: Vec<Vec<u8>>, height: u64) -> Result<v1::StateProof, Unknown> {
    let mut proofs = client.proofs();
    let answer = client
        .call(proofs.get(v1::GetProofsRequest { keys, height }))
        .await;
    answer.map_err(unreachable)
}

fn decode(proof: &v1::StateProof) -> Result<(SignedHeader, validator::Set), Unknown> {
    let signed = <SignedHeader as Protobuf<RawSignedHeader>>::decode_vec(&proof.signed_header);
    let validators = <validator::Set as Protobuf<RawValidatorSet>>::decode_vec(&proof.validators);
    match (signed, validators) {
        (Ok(signed), Ok(validators)) => Ok((signed, validators)),
        (_, _) => Err(unproven("does not decode")),
    }
}

/// The values of a proof under a header that is believed.
fn known(
    proof: &v1::StateProof,
    signed: &SignedHeader,
    paths: &[Vec<u8>],
    now_ms: i64,
) -> Result<Known, Unknown> {
    let root = <[u8; 32]>::try_from(signed.header.app_hash.as_bytes())
        .map_err(|_| unproven("has no state root"))?;
    let time_ms = unix_ms::from_time(signed.header.time);
    if time_ms > now_ms.saturating_add(CLOCK_DRIFT_MS) {
        return Err(unproven("is of the future"));
    }
    if !proof.values.iter().map(|value| &value.key).eq(paths) {
        return Err(unproven("is about something else"));
    }
    let mut values = Vec::with_capacity(paths.len());
    for proved in &proof.values {
        let value = proved.present.then_some(proved.value.as_slice());
        tree::verify(&root, &proved.key, value, &proved.proof)
            .map_err(|_| unproven("has a value that its header does not prove"))?;
        values.push(value.map(<[u8]>::to_vec));
    }
    Ok(Known { values, time_ms })
}

fn value<M: Message + Default>(known: &Known) -> Result<Option<M>, Unknown> {
    super::facts::decoded(known, 0)
}

fn unproven(why: &str) -> Unknown {
    Unknown::new(format!("the node's answer {why}"), ASK_ANOTHER)
}

fn unreachable(error: ClientError) -> Unknown {
    let hint = match error.hint.as_str() {
        "" => ASK_ANOTHER,
        hint => hint,
    };
    Unknown::new(format!("{}: {}", error.code, error.message), hint)
}
