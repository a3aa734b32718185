//! Gossip of transactions and of committed heights.
//!
//! Every message is signed and strictly validated, and goes on only after this node has judged it. The mesh is nearly full, since a
//! chain has few nodes; the heartbeat is slow, since new messages do not wait for it. A peer that passes on what no honest node
//! does, or breaks gossipsub's own rules, loses score until it is no longer heard here. Its consensus messages stay unaffected.

use std::time::Duration;

use libp2p::gossipsub::{
    Behaviour, ConfigBuilder, IdentTopic, IdentityTransform, Message, MessageAuthenticity,
    MessageId, PeerScoreParams, PeerScoreThresholds, TopicHash, TopicScoreParams, ValidationMode,
    Version, WhitelistSubscriptionFilter,
};
use libp2p::identity::Keypair;
use starfire_ledger::transaction::BATCH_ENVELOPE_BYTES_MAX;

use super::protocol::Names;

/// The longest transaction: a batch of DIDs.
pub(crate) const TRANSACTION_BYTES_MAX: usize = BATCH_ENVELOPE_BYTES_MAX;

/// What gossipsub adds to a message: topic, author, signature.
const OVERHEAD_BYTES: usize = 4 * 1024;

const ANNOUNCEMENT_BYTES_MAX: usize = 1024;

const HEARTBEAT: Duration = Duration::from_secs(1);

/// Heartbeats for which a message can be judged and asked for.
const HISTORY: usize = 10;

/// For so long a message that was seen is not taken again.
const SEEN: Duration = Duration::from_secs(60);

const MESH: usize = 8;
const MESH_LOW: usize = 6;
const MESH_HIGH: usize = 12;

/// Messages that wait for one peer. Gossipsub itself drops those that wait for more than five seconds.
const PEER_QUEUE: usize = 4_096;

/// Gossip that follows this chain's two topics and no other.
pub(crate) type Gossip = Behaviour<IdentityTransform, WhitelistSubscriptionFilter>;

/// Gossip could not be set up: only wrong constants here, or a key that cannot sign, lead to it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct GossipError(String);

pub(crate) fn build(key: &Keypair, names: &Names) -> Result<Gossip, GossipError> {
    let transactions = names.transactions.hash();
    let topics = [transactions.clone(), names.announcements.hash()];
    let config = ConfigBuilder::default()
        .protocol_id(names.gossip.clone(), Version::V1_1)
        .validation_mode(ValidationMode::Strict)
        .validate_messages()
        .message_id_fn(move |message| message_id(&transactions, message))
        .max_transmit_size(TRANSACTION_BYTES_MAX + OVERHEAD_BYTES)
        .max_transmit_size_for_topic(ANNOUNCEMENT_BYTES_MAX, names.announcements.hash())
        .heartbeat_initial_delay(HEARTBEAT)
        .heartbeat_interval(HEARTBEAT)
        .history_length(HISTORY)
        .duplicate_cache_time(SEEN)
        .mesh_n(MESH)
        .mesh_n_low(MESH_LOW)
        .mesh_n_high(MESH_HIGH)
        .mesh_outbound_min(0)
        .flood_publish(true)
        .connection_handler_queue_len(PEER_QUEUE)
        .build()
        .map_err(|error| GossipError(error.to_string()))?;

    let mut gossip = Gossip::new_with_subscription_filter(
        MessageAuthenticity::Signed(key.clone()),
        config,
        WhitelistSubscriptionFilter(topics.iter().cloned().collect()),
    )
    .map_err(|reason| GossipError(reason.to_owned()))?;
    gossip
        .with_peer_score(score(&topics), PeerScoreThresholds::default())
        .map_err(GossipError)?;
    subscribe(&mut gossip, &names.transactions)?;
    subscribe(&mut gossip, &names.announcements)?;
    Ok(gossip)
}

fn subscribe(gossip: &mut Gossip, topic: &IdentTopic) -> Result<(), GossipError> {
    let subscribed = gossip.subscribe(topic);
    subscribed
        .map(|_| ())
        .map_err(|error| GossipError(error.to_string()))
}

/// A transaction is itself, whoever sends it. An announcement is also its author, since many nodes announce one height.
fn message_id(transactions: &TopicHash, message: &Message) -> MessageId {
    if message.topic == *transactions {
        return blake3::hash(&message.data).as_bytes().to_vec().into();
    }
    let mut hasher = blake3::Hasher::new_derive_key("starfire 2026 announcement id");
    if let Some(author) = &message.source {
        hasher.update(&author.to_bytes());
    }
    hasher.update(&message.data);
    hasher.finalize().as_bytes().to_vec().into()
}

/// Only faults count. Rates of delivery do not: an idle chain is no fault, and the nodes of a test share one address.
fn score(topics: &[TopicHash]) -> PeerScoreParams {
    let only_invalid_messages = TopicScoreParams {
        topic_weight: 1.0,
        time_in_mesh_weight: 0.0,
        first_message_deliveries_weight: 0.0,
        mesh_message_deliveries_weight: 0.0,
        mesh_failure_penalty_weight: 0.0,
        invalid_message_deliveries_weight: -1.0,
        invalid_message_deliveries_decay: 0.9,
        ..TopicScoreParams::default()
    };
    PeerScoreParams {
        topics: topics
            .iter()
            .map(|topic| (topic.clone(), only_invalid_messages.clone()))
            .collect(),
        ip_colocation_factor_weight: 0.0,
        slow_peer_weight: 0.0,
        // A peer that was paused leaves some promises open.
        behaviour_penalty_threshold: 10.0,
        ..PeerScoreParams::default()
    }
}

#[cfg(test)]
mod tests {
    use libp2p::PeerId;

    use super::*;

    fn message(topic: &IdentTopic, source: PeerId, data: &[u8]) -> Message {
        Message {
            source: Some(source),
            data: data.to_vec(),
            sequence_number: None,
            topic: topic.hash(),
        }
    }

    #[test]
    fn a_transaction_is_known_by_its_bytes_and_an_announcement_also_by_its_author() {
        let names = Names::new("chain", &[0; 32]);
        let id = |message| message_id(&names.transactions.hash(), &message);
        let (a, b) = (PeerId::random(), PeerId::random());

        let first = id(message(&names.transactions, a, b"payload"));
        let second = id(message(&names.transactions, b, b"payload"));
        assert_eq!(first, second);
        assert_eq!(first.0, blake3::hash(b"payload").as_bytes());

        let first = id(message(&names.announcements, a, b"payload"));
        let second = id(message(&names.announcements, b, b"payload"));
        assert_ne!(first, second);
    }

    #[test]
    fn the_constants_make_a_valid_configuration() {
        let names = Names::new("chain", &[0; 32]);
        build(&Keypair::generate_ed25519(), &names).unwrap();
    }
}
