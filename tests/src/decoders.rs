//! Every decoder that reads bytes from outside, by name, and valid bytes to begin from.
//!
//! Both `tests/it/decoders.rs` and the fuzz targets in `fuzz/` call these: no bytes may make them panic, and what they take must
//! be what they would write.

mod credentials;

use std::sync::Arc;

use prost::Message as _;
use starfire_consensus::candidate::Candidate;
use starfire_consensus::certificate;
use starfire_consensus::message::{Message, Proposal, Timeout, Unsigned};
use starfire_consensus::safety::SafetyRecord;
use starfire_crosschain::commitment::{Algorithm, Sidecar};
use starfire_crosschain::document::Document;
use starfire_crosschain::proof_file::{Beside, Trust};
use starfire_crosschain::trust::Bundle;
use starfire_crosschain::{json, proof_file};
use starfire_did::did_url::DidUrl;
use starfire_did::id::parse_legacy;
use starfire_did::{Did, KeyAlgorithm, PrivateKey, PublicKey, VerificationKey};
use starfire_ledger::genesis::Genesis;
use starfire_ledger::{Block, ChainRules, Transaction, check};
use starfire_proto::{protocol, v1};
use tendermint::block::Commit;
use tendermint::block::signed_header::SignedHeader;
use tendermint::vote::Type;
use tendermint_proto::v0_38::types::{
    Commit as RawCommit, SignedHeader as RawSignedHeader, ValidatorSet as RawValidatorSet,
};

use crate::byzantine::Hand;
use crate::protocol::chain::{Chain, sign};

/// A decoder of outside bytes.
#[derive(Debug, Clone, Copy)]
pub struct Decoder {
    /// Its name, and its fuzz target's.
    pub name: &'static str,
    /// Reads bytes, and holds what it can against them.
    pub read: fn(&[u8]),
    /// Bytes that it takes, or nearly takes.
    pub samples: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const DECODERS: [Decoder; 17] = [
    Decoder {
        name: "consensus_message",
        read: consensus_message,
        samples: consensus_messages,
    },
    Decoder {
        name: "safety_record",
        read: |bytes| drop(SafetyRecord::decode(bytes, |_| None)),
        samples: || vec![SafetyRecord::wiped(7).encode()],
    },
    Decoder {
        name: "candidate",
        read: |bytes| drop(Candidate::decode(Arc::from(bytes))),
        samples: blocks,
    },
    Decoder {
        name: "block",
        read: |bytes| drop(Block::decode(bytes)),
        samples: blocks,
    },
    Decoder {
        name: "transaction",
        read: transaction,
        samples: transactions,
    },
    Decoder {
        name: "commit",
        read: signed_header,
        samples: signed_headers,
    },
    Decoder {
        name: "genesis",
        read: |bytes| drop(Genesis::parse(bytes)),
        samples: || {
            vec![
                include_bytes!("../../genesis/main.json").to_vec(),
                include_bytes!("../../genesis/cn01.json").to_vec(),
            ]
        },
    },
    Decoder {
        name: "trust_bundle",
        read: trust_bundle,
        samples: trust_bundles,
    },
    Decoder {
        name: "document",
        read: |bytes| {
            if let Ok(document) = Document::parse(bytes) {
                assert_eq!(document.encode(), bytes, "one document, one encoding");
            }
        },
        samples: || vec![br#"{"content":{},"decoys":[],"format":"starfire-document/1"}"#.to_vec()],
    },
    Decoder {
        name: "evidence_note",
        read: |bytes| {
            if let Ok(note) = Sidecar::parse(bytes) {
                assert_eq!(note.encode(), bytes, "one note, one encoding");
            }
        },
        samples: || {
            let issuer = "did:bid:ef24NBA7au48UTZrUNRHj2p3bnRzF3YCH";
            let note = Sidecar::new(issuer, "file", b"bytes", Algorithm::Sha256, &mut |salt| {
                salt.fill(3);
            });
            vec![note.encode()]
        },
    },
    Decoder {
        name: "proof_file",
        read: |bytes| {
            let now_ms = 1_795_249_800_000;
            let day = std::time::Duration::from_secs(86_400);
            drop(proof_file::verify(
                bytes, None, None, bytes, "00", now_ms, day,
            ));
        },
        samples: || vec![br#"{"digest":"00","format":"starfire-proof/1","subject":{}}"#.to_vec()],
    },
    Decoder {
        name: "answer",
        read: answer,
        samples: answers,
    },
    Decoder {
        name: "json",
        read: |bytes| {
            if let Ok(value) = json::parse(bytes, 1 << 20, 32) {
                let canonical = json::canonical(&value);
                assert_eq!(json::parse(&canonical, 1 << 21, 32).ok(), Some(value));
            }
        },
        samples: || vec![br#"{"a":[1,true,null,"\u00e9",{"b":-9007199254740991}]}"#.to_vec()],
    },
    Decoder {
        name: "identifier",
        read: identifier,
        samples: || {
            vec![
                b"did:bid:ef24NBA7au48UTZrUNRHj2p3bnRzF3YCH".to_vec(),
                b"did:bid:by01:ef24NBA7au48UTZrUNRHj2p3bnRzF3YCH".to_vec(),
                b"b0656620ca6fe2ae5cb1bd34ae1f5e2e5b0a5a6e5d5e4a3b2c1d0e9f8a7b6c5d4e3f2a1b"
                    .to_vec(),
                b"z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp".to_vec(),
            ]
        },
    },
    Decoder {
        name: "credential",
        read: credentials::read_json,
        samples: credentials::json_samples,
    },
    Decoder {
        name: "token",
        read: credentials::read_token,
        samples: credentials::token_samples,
    },
    Decoder {
        name: "status_list",
        read: credentials::read_status_list,
        samples: credentials::status_list_samples,
    },
];

fn consensus_message(bytes: &[u8]) {
    if let Ok(message) = Message::decode(bytes) {
        let again = Message::decode(&message.encode());
        assert_eq!(again.as_ref(), Ok(&message), "what is read can be written");
        let electorate = Chain::new(4).electorate(None);
        drop(starfire_consensus::message::verify(message, &electorate));
    }
}

fn transaction(bytes: &[u8]) {
    if let Ok(transaction) = Transaction::decode(bytes) {
        assert_eq!(transaction.bytes(), bytes, "kept as received");
        let rules = ChainRules {
            chain_id: "starfire-main-1".to_owned(),
            chain_code: None,
            bif_chain_id: 0,
        };
        drop(check(transaction, &rules));
    }
}

fn signed_header(bytes: &[u8]) {
    let Ok(raw) = RawSignedHeader::decode(bytes) else {
        return;
    };
    if let Ok(signed) = SignedHeader::try_from(raw)
        && certificate::verify(&signed, Chain::new(4).validators()).is_ok()
    {
        let again = SignedHeader::try_from(RawSignedHeader::from(signed.clone()));
        assert_eq!(
            again.ok(),
            Some(signed),
            "what is believed can be passed on"
        );
    }
    if let Ok(raw) = RawValidatorSet::decode(bytes) {
        drop(tendermint::validator::Set::try_from(raw));
    }
}

fn trust_bundle(bytes: &[u8]) {
    if let Ok(bundle) = Bundle::parse(bytes) {
        assert_eq!(bundle.encode(), bytes, "one bundle, one encoding");
        assert_eq!(bundle.fingerprint().len(), 64);
    }
}

/// Against a chain that is pinned, so that what comes after the pin is read, too.
fn answer(bytes: &[u8]) {
    for bundle in trust_bundles() {
        let pin = Bundle::parse(&bundle).map(|bundle| bundle.fingerprint());
        let beside = Beside {
            file: Some(bytes),
            did_url: std::str::from_utf8(bytes).ok(),
            ..Beside::default()
        };
        for beside in [Beside::default(), beside] {
            let trust = Trust {
                bundle: &bundle,
                pin: pin.as_deref().unwrap_or_default(),
                now_ms: 1_795_249_800_000,
                max_age: std::time::Duration::from_secs(86_400),
            };
            drop(proof_file::verify_answer(bytes, beside, trust));
        }
    }
}

/// One of each kind, with a proof that goes as far as its header.
fn answers() -> Vec<Vec<u8>> {
    const DID: &str = "did:bid:ef24NBA7au48UTZrUNRHj2p3bnRzF3YCH";
    let proof = r#""proof":{"type":"StarfireStateProof2026","chainId":"main-1","height":"7","signedHeader":"","values":[]}"#;
    let set = proof.replace(":{", ":[{").replace("[]}", "[]}]");
    let about = format!(r#"{{"didUrl":"{DID}","contentType":"application/did"}}"#);
    let resolved = format!(
        r#"{{"didDocument":{{"id":"{DID}"}},"didResolutionMetadata":{about},"didDocumentMetadata":{{"versionId":"1","subChains":{{"by01":{{}}}},{set}}}}}"#
    );
    let unanswered = r##"{"didDocument":null,"didResolutionMetadata":{"error":{"type":"a#B"}},"didDocumentMetadata":{}}"##;
    [
        format!(r#"{{"results":[{resolved},{unanswered}],{proof}}}"#),
        format!(
            r##"{{"content":{{"id":"{DID}#key-1"}},"dereferencingMetadata":{about},"contentMetadata":{{"versionId":"1",{set}}}}}"##
        ),
        format!(
            r#"{{"content":"a","dereferencingMetadata":{{"contentType":"text/plain"}},"contentMetadata":{{"did":"{DID}","name":"a","versionId":"1","checksum":"00",{set}}}}}"#
        ),
        format!(r#"{{"statuses":[{{"issuer":"{DID}","name":"a","index":7,"set":true,{proof}}}]}}"#),
        format!(r#"{{"issuer":"{DID}","name":"a","encodedList":"uH4sI",{proof}}}"#),
        format!(
            r#"{{"issuer":"{DID}","type":"T","jurisdiction":"CN","held":true,"levels":[],"at_ms":1,{proof}}}"#
        ),
        format!(
            r#"{{"author":"{DID}","name":"a","version":1,"checksum":"00","content":"{{}}",{proof}}}"#
        ),
        resolved,
    ]
    .map(String::into_bytes)
    .to_vec()
}

fn identifier(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(did) = Did::parse(text) {
        assert_eq!(did.to_string(), text, "one identifier, one spelling");
    }
    if let Some(did) = parse_legacy(text) {
        assert_eq!(did.to_string(), text, "one identifier, one spelling");
    }
    if let Ok(url) = DidUrl::parse(text) {
        assert!(text.starts_with(url.did()), "a DID URL begins with its DID");
    }
    if let Ok(key) = PublicKey::parse(text) {
        assert_eq!(PublicKey::parse(&key.to_string()).as_ref(), Ok(&key));
    }
    if let Some(key) = VerificationKey::from_multikey(text) {
        assert_eq!(
            VerificationKey::from_multikey(&key.to_multikey()),
            Some(key)
        );
    }
}

/// One of each kind, with certificates in them.
fn consensus_messages() -> Vec<Vec<u8>> {
    let chain = Chain::new(4);
    let block = chain.block(None, 1, 0);
    let (certificate, commit) = certificates(&chain, &block);
    let hand = |validator: usize, say: &dyn Fn(&Hand<'_>) -> Message| {
        let key = chain.key(validator);
        say(&Hand {
            address: chain.address(validator),
            chain_id: chain.id(),
            height: 1,
            validators: chain.validators(),
            pen: &|bytes| sign(key, bytes),
        })
    };
    let (id, time) = (block.id(), block.time());
    let timeouts: Vec<_> = (0..3)
        .filter_map(|validator| {
            let known = certificate.clone();
            let timeout = hand(validator, &|hand| hand.timeout(0, Some(known.clone())));
            let Message::Timeout(timeout) = timeout else {
                return None;
            };
            Some(timeout)
        })
        .collect();
    let ended = ended(&timeouts);
    let proposal = Proposal {
        round: 1,
        block,
        justify: Some(Box::new(certificate.clone())),
        timeout_certificate: Some(Box::new(ended.clone())),
        proposer: chain.address(1),
        signature: None,
    };
    let messages = [
        hand(1, &|hand| hand.sign(Unsigned::Proposal(proposal.clone()))),
        hand(2, &|hand| hand.vote(Type::Prevote, id, time, 0)),
        hand(2, &|hand| hand.vote(Type::Precommit, id, time, 3)),
        hand(0, &|hand| hand.timeout(5, None)),
        Message::Timeout(timeouts[0].clone()),
        Message::QuorumCertificate(certificate),
        Message::TimeoutCertificate(ended),
        Message::Commit(commit),
    ];
    messages.iter().map(Message::encode).collect()
}

fn ended(timeouts: &[Timeout]) -> starfire_consensus::quorum::TimeoutCertificate {
    use starfire_consensus::quorum::{TimeoutCertificate, TimeoutSignature};
    let signatures = timeouts.iter().filter_map(|timeout| {
        Some(TimeoutSignature {
            validator: timeout.validator,
            high_qc_round: timeout.high_qc_round(),
            signature: timeout.signature.clone()?,
        })
    });
    TimeoutCertificate {
        height: timeouts[0].height,
        round: timeouts[0].round,
        timeouts: signatures.collect(),
        high_qc: timeouts[0].high_qc.clone(),
    }
}

/// Everybody's prevotes for a block of height 1 in round 0, and their precommits.
pub fn certificates(
    chain: &Chain,
    block: &Candidate,
) -> (starfire_consensus::quorum::QuorumCertificate, Commit) {
    use tendermint::block::{CommitSig, Round};
    let height = block.header().height;
    let signature = |validator: usize, vote_type: Type| {
        let bytes = starfire_consensus::sign_bytes::vote(
            chain.id(),
            vote_type,
            height.value(),
            0,
            block.id(),
            block.time(),
        );
        Some(sign(chain.key(validator), &bytes))
    };
    let everyone = 0..chain.count();
    let certificate = starfire_consensus::quorum::QuorumCertificate {
        height: height.value(),
        round: 0,
        block_id: block.id(),
        time: block.time(),
        signatures: everyone
            .clone()
            .map(|validator| signature(validator, Type::Prevote))
            .collect(),
    };
    let commit = Commit {
        height,
        round: Round::from(0u16),
        block_id: block.id(),
        signatures: everyone
            .map(|validator| CommitSig::BlockIdFlagCommit {
                validator_address: chain.address(validator),
                timestamp: block.time(),
                signature: signature(validator, Type::Precommit),
            })
            .collect(),
    };
    (certificate, commit)
}

fn blocks() -> Vec<Vec<u8>> {
    let chain = Chain::new(4);
    let block = chain.block(None, 0, 0);
    let (_, commit) = certificates(&chain, &block);
    let mut full = v1::Block::decode(&block.bytes()[..]).unwrap_or_default();
    full.last_commit = RawCommit::from(commit).encode_to_vec();
    full.transactions = transactions();
    vec![block.bytes().to_vec(), full.encode_to_vec()]
}

fn signed_headers() -> Vec<Vec<u8>> {
    let chain = Chain::new(4);
    let block = chain.block(None, 0, 0);
    let (_, commit) = certificates(&chain, &block);
    SignedHeader::new(block.header().clone(), commit)
        .map(|signed| RawSignedHeader::from(signed).encode_to_vec())
        .into_iter()
        .collect()
}

fn trust_bundles() -> Vec<Vec<u8>> {
    let chain = Chain::new(4);
    let bundle = Bundle::new(
        chain.id().clone(),
        "name",
        [1; 32],
        chain.validators().clone(),
    );
    bundle.map(|bundle| bundle.encode()).into_iter().collect()
}

fn transactions() -> Vec<Vec<u8>> {
    let key = PrivateKey::generate([5; 32], KeyAlgorithm::Ed25519);
    let source = Did::derive(&key.public(), None).to_string();
    let operation = |kind: protocol::operation::Type| protocol::Operation {
        r#type: kind.into(),
        set_metadata: Some(protocol::OperationSetMetadata {
            key: "key".to_owned(),
            value: "value".to_owned(),
            ..Default::default()
        }),
        pay_coin: Some(protocol::OperationPayCoin {
            dest_address: source.clone(),
            amount: 1,
            ..Default::default()
        }),
        ..Default::default()
    };
    let sign = |kind| {
        let body = protocol::Transaction {
            source_address: source.clone(),
            nonce: 1,
            operations: vec![operation(kind)],
            ..Default::default()
        };
        Transaction::sign(&body, &[&key])
    };
    vec![
        sign(protocol::operation::Type::SetMetadata),
        sign(protocol::operation::Type::PayCoin),
    ]
}
