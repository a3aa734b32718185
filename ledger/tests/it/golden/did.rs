//! The commands of stories about DIDs.
//!
//! A document is the least one, of the key of `key=` (otherwise the DID's own), and `controllers=a,b weights=1,2 threshold=2`,
//! `guardians=a,b guardians-threshold=2 delay=` (milliseconds), `service=` and `padding=` (a name of so many bytes) add to it.
//! `consent=name` has that name's key sign the creation. `did batch company of=a,b` registers many in one operation, each with its
//! own key's consent, but for those of `silent=`.

use std::error::Error;

use prost::Message;
use starfire_did::create::consent_message;
use starfire_did::{Did, Document, recover, resolve, resource};
use starfire_proto::protocol::Operation;
use starfire_proto::protocol::operation::{Native, Type};
use starfire_proto::v1;
use starfire_proto::v1::did_recover::To;

use super::{Story, Words, native};
use crate::world::key;

impl Story {
    pub(super) fn did(
        &mut self,
        verb: &str,
        name: &str,
        words: &Words<'_>,
    ) -> Result<Operation, Box<dyn Error>> {
        let did = self.names.address(name);
        let expected_version = words.number("version")?;
        Ok(match verb {
            "create" => {
                let create = self.creation(name, words, words.get("consent"))?;
                native(Type::DidCreate, Native::DidCreate(create))
            }
            "batch" => {
                let silent: Vec<&str> = words.list("silent").collect();
                let mut create = Vec::new();
                for name in words.list("of") {
                    let consent = (!silent.contains(&name)).then_some(name);
                    create.push(self.creation(name, words, consent)?);
                }
                let batch = v1::DidCreateBatch { create };
                native(Type::DidCreateBatch, Native::DidCreateBatch(batch))
            }
            "update" => {
                let update = v1::DidUpdate {
                    did,
                    expected_version,
                    document: Some(self.described(name, words)?),
                };
                native(Type::DidUpdate, Native::DidUpdate(update))
            }
            "rotate" => {
                let keys = self.keys(name, words);
                let rotate = v1::DidRotate {
                    did,
                    expected_version,
                    verification_method: keys.verification_method,
                    authentication: keys.authentication,
                    assertion_method: keys.assertion_method,
                    ..v1::DidRotate::default()
                };
                native(Type::DidRotate, Native::DidRotate(rotate))
            }
            "recover" => {
                let to = match words.get("end") {
                    Some(reason) => To::End(v1::DidEnd {
                        reason: reason.to_owned(),
                    }),
                    None => To::Keys(self.keys(name, words)),
                };
                let recover = v1::DidRecover {
                    did,
                    expected_version,
                    to: Some(to),
                };
                native(Type::DidRecover, Native::DidRecover(recover))
            }
            "veto" => {
                // The recovery that waits, unless the story names another by the time at which it was asked for.
                let waits = recover::pending(self.world.state().as_ref(), &did.parse()?);
                let asked_ms = match words.get("asked") {
                    Some(text) => text.parse()?,
                    None => waits.map_or(0, |waits| waits.asked_ms),
                };
                let veto = v1::DidVetoRecovery { did, asked_ms };
                native(Type::DidVetoRecovery, Native::DidVetoRecovery(veto))
            }
            "complete" => {
                let complete = v1::DidCompleteRecovery { did };
                native(
                    Type::DidCompleteRecovery,
                    Native::DidCompleteRecovery(complete),
                )
            }
            "add" => {
                let add = v1::DidAddResource {
                    did,
                    name: words.text("resource"),
                    expected_version,
                    media_type: words.get("type").unwrap_or("text/plain").to_owned(),
                    content: words.text("content").into_bytes(),
                };
                native(Type::DidAddResource, Native::DidAddResource(add))
            }
            "deactivate" => {
                let deactivate = v1::DidDeactivate {
                    did,
                    expected_version,
                    reason: words.text("reason"),
                };
                native(Type::DidDeactivate, Native::DidDeactivate(deactivate))
            }
            _ => return Err(format!("unknown verb: did {verb}").into()),
        })
    }

    fn creation(
        &mut self,
        name: &str,
        words: &Words<'_>,
        consent: Option<&str>,
    ) -> Result<v1::DidCreate, Box<dyn Error>> {
        let document = self.described(name, words)?;
        let message = consent_message(self.world.genesis.chain_id().as_str(), &document);
        Ok(v1::DidCreate {
            consent: consent
                .map(|name| key(name).sign(&message))
                .unwrap_or_default(),
            document: Some(document),
        })
    }

    fn described(
        &mut self,
        name: &str,
        words: &Words<'_>,
    ) -> Result<v1::DidDocument, Box<dyn Error>> {
        let did: Did = self.names.address(name).parse()?;
        let keyed = words.get("key").unwrap_or(name);
        self.names.address(keyed);
        let document = v1::DidDocument::from(&Document::for_key(&did, &key(keyed).public()));
        let mut dids = |list| -> Vec<String> {
            words
                .list(list)
                .map(|name| self.names.address(name))
                .collect()
        };
        let guardian = dids("guardians");
        let recovery = v1::DidRecovery {
            threshold: words.number("guardians-threshold")?,
            delay_ms: words.number("delay")?,
            guardian,
            ..v1::DidRecovery::default()
        };
        let service = |endpoint: &str| v1::DidService {
            id: format!("{did}#service"),
            r#type: "LinkedDomains".to_owned(),
            endpoint: endpoint.to_owned(),
        };
        let padding: usize = words.number("padding")?;
        Ok(v1::DidDocument {
            controller: dids("controllers"),
            controller_weight: words
                .list("weights")
                .map(str::parse)
                .collect::<Result<_, _>>()?,
            controller_threshold: words.number("threshold")?,
            service: words.get("service").map(service).into_iter().collect(),
            also_known_as: (padding > 0)
                .then(|| format!("urn:padding:{}", "x".repeat(padding)))
                .into_iter()
                .collect(),
            recovery: (!recovery.guardian.is_empty()).then_some(recovery),
            ..document
        })
    }

    /// The keys of a DID's document: that of `key=`.
    fn keys(&mut self, name: &str, words: &Words<'_>) -> v1::DidKeys {
        let did: Did = self.names.address(name).parse().unwrap();
        let keyed = words.get("key").unwrap_or(name);
        self.names.address(keyed);
        let document = v1::DidDocument::from(&Document::for_key(&did, &key(keyed).public()));
        v1::DidKeys {
            verification_method: document.verification_method,
            authentication: document.authentication,
            assertion_method: document.assertion_method,
            ..v1::DidKeys::default()
        }
    }

    pub(super) fn show_did(&mut self, name: &str) -> String {
        let did: Did = self.names.address(name).parse().unwrap();
        let state = self.world.state();
        let Some(found) = resolve::resolve(state.as_ref(), &did, None) else {
            return "not registered\n".to_owned();
        };
        let document = found.document.unwrap_or_default();
        let keys: Vec<String> = document
            .verification_method
            .iter()
            .map(|method| hex::encode(&method.public_key[..4]))
            .collect();
        let services: Vec<&str> = document
            .service
            .iter()
            .map(|service| service.endpoint.as_str())
            .collect();
        format!(
            "version={} deactivated={} controllers={:?} keys={keys:?} services={services:?}\n",
            found.version, found.deactivated, document.controller
        )
    }

    /// The recovery that waits, and how long yet.
    pub(super) fn show_pending(&mut self, name: &str) -> String {
        let did: Did = self.names.address(name).parse().unwrap();
        let Some(pending) = recover::pending(self.world.state().as_ref(), &did) else {
            return "no recovery waits\n".to_owned();
        };
        let to = v1::DidRecover::decode(pending.recover.as_slice())
            .unwrap()
            .to
            .unwrap();
        let to = match to {
            To::Keys(keys) => hex::encode(&keys.verification_method[0].public_key[..4]),
            To::End(_) => "the end".to_owned(),
        };
        format!(
            "to={to} guardians={:?} asked={} after={}ms\n",
            pending.guardian,
            pending.asked_ms,
            pending.effective_ms - pending.asked_ms
        )
    }

    pub(super) fn show_resources(&mut self, name: &str) -> String {
        let did: Did = self.names.address(name).parse().unwrap();
        let state = self.world.state();
        resource::list(state.as_ref(), &did, None, usize::MAX)
            .into_iter()
            .map(|record| {
                let content = resource::content(state.as_ref(), &record).unwrap();
                format!(
                    "{} version={} {} {} bytes sha256={}: {}\n",
                    record.name,
                    record.version,
                    record.media_type,
                    record.size,
                    hex::encode(&record.checksum[..4]),
                    String::from_utf8(content).unwrap()
                )
            })
            .collect()
    }
}
