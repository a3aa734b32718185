//! Stories: scripts in `tests/golden/<domain>/*.txt`, one command a transaction.
//!
//! A command is written as somebody would say it: `did create alice`, `did create alice as=mallory`. It sends one transaction in a
//! block of its own; the answer is its events, or the code and detail of its rejection. Every transaction takes `as=` (the
//! account that sends; otherwise the one that the command is about), `sign=a,b` (whose keys sign; otherwise the sender's own) and
//! `nonce=` (otherwise the next one). `replay` sends the last envelope again, and `wait blocks=` lets so many blocks of a second
//! each go by. After a change that is meant, run the tests with
//! `UPDATE_GOLDENFILES=1` and read the difference.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use goldenscript::{Argument, Command, Context};
use sha2::{Digest, Sha256};
use starfire_ledger::genesis::{GenesisFile, Profile};
use starfire_ledger::membership::possession_message;
use starfire_ledger::motion;
use starfire_ledger::validators::Sets;
use starfire_proto::protocol::Operation;
use starfire_proto::protocol::operation::{Native, Type};
use starfire_proto::v1::motion_propose::Action;
use starfire_proto::{protocol, v1};
use starfire_state::record;

mod contract;
mod did;

use crate::genesis::sub_chain;
use crate::world::{Names, SUPER_NODES, World, body, file, key, sign_body};

mod issuer;

type Answer = Result<String, Box<dyn Error>>;

/// The names that stories give to validator keys.
const VALIDATORS: [&str; 8] = [
    "north", "south", "east", "west", "centre", "coast", "west-2", "west-3",
];

fn scripts(domain: &str) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/golden")
        .join(domain);
    let mut scripts: Vec<PathBuf> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    scripts.sort();
    assert!(!scripts.is_empty(), "{domain} has stories");
    scripts
}

fn check(domain: &str) {
    for script in scripts(domain) {
        goldenscript::run(&mut Story::new(), script).unwrap();
    }
}

#[test]
fn stories_of_dids() {
    check("did");
}

#[test]
fn stories_of_evidence() {
    check("evidence");
}

#[test]
fn stories_of_accounts() {
    check("account");
}

#[test]
fn stories_of_motions() {
    check("motion");
}

#[test]
fn stories_of_issuers() {
    check("issuer");
}

#[test]
fn stories_of_bifs_contracts() {
    check("contract");
}

struct Story {
    world: World,
    names: Names,
    last: Vec<u8>,
}

/// A command's words, and its `key=value` arguments.
struct Words<'a> {
    words: Vec<&'a str>,
    arguments: Vec<(&'a str, &'a str)>,
}

impl<'a> Words<'a> {
    fn of(command: &'a Command) -> Self {
        let mut words = vec![command.name.as_str()];
        let mut arguments = Vec::new();
        for argument in &command.args {
            match argument {
                Argument::Positional(word) => words.push(word.as_str()),
                Argument::KeyValue(key, value) => arguments.push((key.as_str(), value.as_str())),
                _ => unreachable!("goldenscript has two kinds of arguments"),
            }
        }
        Self { words, arguments }
    }

    fn get(&self, key: &str) -> Option<&'a str> {
        self.arguments
            .iter()
            .find(|(name, _)| *name == key)
            .map(|(_, value)| *value)
    }

    /// `a,b`
    fn list(&self, key: &str) -> impl Iterator<Item = &'a str> {
        self.get(key).into_iter().flat_map(|text| text.split(','))
    }

    fn text(&self, key: &str) -> String {
        self.get(key).unwrap_or_default().to_owned()
    }

    fn number<T: std::str::FromStr<Err: Error + 'static> + Default>(
        &self,
        key: &str,
    ) -> Result<T, Box<dyn Error>> {
        self.get(key)
            .map_or(Ok(T::default()), |value| Ok(value.parse()?))
    }

    /// `a:1,b:2`
    fn pairs(&self, key: &str) -> Result<Vec<(&'a str, i64)>, Box<dyn Error>> {
        let pair = |text: &'a str| {
            let (name, number) = text.split_once(':').ok_or("expected name:number")?;
            Ok((name, number.parse()?))
        };
        self.get(key)
            .into_iter()
            .flat_map(|text| text.split(','))
            .map(pair)
            .collect()
    }
}

impl goldenscript::Runner for Story {
    type Command = Command;

    fn run(&mut self, command: &Command, _: &Context) -> Answer {
        let words = Words::of(command);
        let answer = match words.words.as_slice() {
            ["replay"] => self.commit(self.last.clone()),
            ["wait"] => self.wait(words.number("blocks")?),
            ["did", "show", name] => self.show_did(name),
            ["did", "pending", name] => self.show_pending(name),
            ["did", "resources", name] => self.show_resources(name),
            ["did", verb, name] => {
                let operation = self.did(verb, name, &words)?;
                self.send(name, &words, operation)?
            }
            ["evidence", "show", issuer, id] => self.show_evidence(issuer, id),
            ["evidence", verb, issuer, id] => {
                let operation = self.evidence(verb, id, &words)?;
                self.send(issuer, &words, operation)?
            }
            ["account", "show", name] => self.show_account(name),
            ["account", verb, name] => {
                let operation = self.account(verb, name, &words)?;
                self.send(name, &words, operation)?
            }
            ["motion", "show", id] => self.show_motion(id.parse()?),
            ["motion", "vote", id, answer] => {
                let vote = v1::MotionVote {
                    motion: id.parse()?,
                    approve: *answer == "yes",
                };
                self.send(
                    "north",
                    &words,
                    native(Type::MotionVote, Native::MotionVote(vote)),
                )?
            }
            ["motion", verb @ ("accredit" | "withdraw"), issuer] => {
                let operation = self.motion(verb, issuer, &words)?;
                self.send("north", &words, operation)?
            }
            ["motion", verb @ ("register" | "strike"), member] => {
                let operation = self.motion_on_sub_chain(verb, member, &words)?;
                self.send("north", &words, operation)?
            }
            ["motion", verb, member] => {
                let operation = self.motion_on_member(verb, member, &words)?;
                self.send("north", &words, operation)?
            }
            ["validators"] => self.show_validators(),
            ["contract", ..] => self.contract(&words)?,
            ["issuer" | "schema" | "status", ..] => self.issuer(&words)?,
            _ => return Err(format!("unknown command: {command}").into()),
        };
        Ok(self.names.told(&answer))
    }
}

impl Story {
    fn new() -> Self {
        let mut names = Names::default();
        SUPER_NODES
            .into_iter()
            .chain(["bank"])
            .for_each(|name| drop(names.address(name)));
        let genesis = GenesisFile {
            sub_chains: vec![sub_chain()],
            ..file(Profile::Default)
        };
        Self {
            world: World::begun_by(genesis),
            names,
            last: Vec::new(),
        }
    }

    /// Empty blocks, a second each.
    fn wait(&mut self, blocks: usize) -> String {
        for _ in 0..blocks {
            self.world.commit(Vec::new());
        }
        String::new()
    }

    /// Signs and commits one operation.
    fn send(&mut self, about: &str, words: &Words<'_>, operation: Operation) -> Answer {
        let source = words.get("as").unwrap_or(about);
        self.names.address(source);
        let nonce = match words.get("nonce") {
            Some(nonce) => nonce.parse()?,
            None => self.world.next_nonce(source),
        };
        let signers: Vec<&str> = words.get("sign").unwrap_or(source).split(',').collect();
        signers
            .iter()
            .for_each(|signer| drop(self.names.address(signer)));
        let operation = match words.get("for") {
            Some(name) => Operation {
                source_address: self.names.address(name),
                ..operation
            },
            None => operation,
        };
        let envelope = sign_body(&body(source, nonce, vec![operation]), &signers);
        self.last.clone_from(&envelope);
        Ok(self.commit(envelope))
    }

    fn commit(&mut self, envelope: Vec<u8>) -> String {
        let receipt = self.world.commit(vec![envelope]).remove(0);
        if receipt.code != 0 {
            return format!(
                "{} ({}): {}\n",
                receipt.reason, receipt.code, receipt.detail
            );
        }
        let mut answer = String::new();
        for event in receipt.events {
            let attributes: Vec<String> = event
                .attributes
                .iter()
                .map(|attribute| format!("{}={}", attribute.key, attribute.value))
                .collect();
            writeln!(answer, "{} {}", event.r#type, attributes.join(" ")).unwrap();
        }
        answer
    }

    fn evidence(
        &mut self,
        verb: &str,
        word: &str,
        words: &Words<'_>,
    ) -> Result<Operation, Box<dyn Error>> {
        let id = evidence_id(word);
        Ok(match verb {
            "add" => {
                let kind = match words.get("kind").unwrap_or("public") {
                    "public" => v1::EvidenceKind::Public,
                    "salted" => v1::EvidenceKind::Salted,
                    "certificate" => v1::EvidenceKind::Certificate,
                    other => return Err(format!("unknown kind: {other}").into()),
                };
                let add = v1::EvidenceAdd {
                    id,
                    kind: kind.into(),
                    algorithm: v1::DigestAlgorithm::Sha256.into(),
                    commitment: Sha256::digest(words.get("of").unwrap_or(word)).to_vec(),
                    r#type: words.text("type"),
                    jurisdiction: words.text("jurisdiction"),
                    valid_until_ms: words.number("until")?,
                };
                native(Type::EvidenceAdd, Native::EvidenceAdd(add))
            }
            "revoke" => {
                let revoke = v1::EvidenceRevoke {
                    id,
                    reason: words.text("reason"),
                };
                native(Type::EvidenceRevoke, Native::EvidenceRevoke(revoke))
            }
            _ => return Err(format!("unknown verb: evidence {verb}").into()),
        })
    }

    fn account(
        &mut self,
        verb: &str,
        name: &str,
        words: &Words<'_>,
    ) -> Result<Operation, Box<dyn Error>> {
        let signers = words
            .pairs("signers")?
            .into_iter()
            .map(|(name, weight)| protocol::Signer {
                address: self.names.address(name),
                weight,
            })
            .collect();
        let types = words
            .pairs("types")?
            .into_iter()
            .map(|(name, threshold)| {
                let kind = Type::from_str_name(name).ok_or("unknown operation type")?;
                Ok(protocol::OperationTypeThreshold {
                    r#type: kind.into(),
                    threshold,
                })
            })
            .collect::<Result<_, Box<dyn Error>>>()?;
        Ok(match verb {
            "create" => {
                let create = protocol::OperationCreateAccount {
                    dest_address: self.names.address(name),
                    init_balance: words.number("balance")?,
                    r#priv: Some(protocol::AccountPrivilege {
                        master_weight: words.get("master").map_or(Ok(1), str::parse)?,
                        signers,
                        thresholds: Some(protocol::AccountThreshold {
                            tx_threshold: words.get("threshold").map_or(Ok(1), str::parse)?,
                            type_thresholds: types,
                        }),
                    }),
                    ..Default::default()
                };
                Operation {
                    r#type: Type::CreateAccount.into(),
                    create_account: Some(create),
                    ..Default::default()
                }
            }
            "pay" => {
                let pay = protocol::OperationPayCoin {
                    dest_address: self.names.address(name),
                    amount: words.number("amount")?,
                    ..Default::default()
                };
                Operation {
                    r#type: Type::PayCoin.into(),
                    pay_coin: Some(pay),
                    ..Default::default()
                }
            }
            "privilege" => {
                let set = protocol::OperationSetPrivilege {
                    master_weight: words.text("master"),
                    signers,
                    tx_threshold: words.text("threshold"),
                    type_thresholds: types,
                };
                Operation {
                    r#type: Type::SetPrivilege.into(),
                    set_privilege: Some(set),
                    ..Default::default()
                }
            }
            "metadata" => {
                let set = protocol::OperationSetMetadata {
                    key: words.text("key"),
                    value: words.text("value"),
                    version: words.number("version")?,
                    delete_flag: words.get("delete").is_some(),
                };
                Operation {
                    r#type: Type::SetMetadata.into(),
                    set_metadata: Some(set),
                    ..Default::default()
                }
            }
            "log" => {
                let log = protocol::OperationLog {
                    topic: words.text("topic"),
                    datas: words.get("data").map(str::to_owned).into_iter().collect(),
                };
                Operation {
                    r#type: Type::Log.into(),
                    log: Some(log),
                    ..Default::default()
                }
            }
            _ => return Err(format!("unknown verb: account {verb}").into()),
        })
    }

    fn motion(
        &mut self,
        verb: &str,
        issuer: &str,
        words: &Words<'_>,
    ) -> Result<Operation, Box<dyn Error>> {
        let issuer = self.names.address(issuer);
        let (kind, jurisdiction) = (words.text("type"), words.text("jurisdiction"));
        let action = match verb {
            "accredit" => Action::Accredit(v1::Accredit {
                issuer,
                r#type: kind,
                jurisdiction,
                valid_from_ms: issuer::moment(words.get("from"))?,
                valid_until_ms: issuer::moment(words.get("until"))?,
                delegation_depth: words.number("depth")?,
                only_accredits: words.get("only").is_some(),
            }),
            "withdraw" => Action::WithdrawAccreditation(v1::WithdrawAccreditation {
                issuer,
                r#type: kind,
                jurisdiction,
                reason: words.text("reason"),
            }),
            _ => return Err(format!("unknown verb: motion {verb}").into()),
        };
        let propose = v1::MotionPropose {
            action: Some(action),
        };
        Ok(native(Type::MotionPropose, Native::MotionPropose(propose)))
    }

    /// `key=` names the validator key, and whose it must be shown to be; `proof=` another key, which signs in its place.
    fn motion_on_member(
        &mut self,
        verb: &str,
        member: &str,
        words: &Words<'_>,
    ) -> Result<Operation, Box<dyn Error>> {
        let address = self.names.address(member);
        let voting_power = words.number("power")?;
        let peers = words
            .get("peers")
            .map(|peers| peers.split(',').map(str::to_owned).collect())
            .unwrap_or_default();
        let keyed = words.get("key").unwrap_or(member);
        let validator = validator_key(keyed);
        let possession =
            validator_key(words.get("proof").unwrap_or(keyed)).sign(&possession_message(&address));
        let validator_key = validator.public().raw().to_vec();
        let action = match verb {
            "admit" => Action::AdmitMember(v1::AdmitMember {
                address,
                organisation: words.get("organisation").unwrap_or(member).to_owned(),
                role: match words.get("role").unwrap_or("super") {
                    "super" => v1::Role::Super,
                    "service" => v1::Role::Service,
                    "none" => v1::Role::Unspecified,
                    other => return Err(format!("unknown role: {other}").into()),
                }
                .into(),
                peers,
                validator_key: if keyed == "none" {
                    Vec::new()
                } else {
                    validator_key
                },
                voting_power,
                possession,
            }),
            "remove" => Action::RemoveMember(v1::RemoveMember {
                address,
                reason: words.text("reason"),
            }),
            "power" => Action::SetPower(v1::SetPower {
                address,
                voting_power,
            }),
            "rotate" => Action::RotateValidatorKey(v1::RotateValidatorKey {
                address,
                validator_key,
                possession,
            }),
            "peers" => Action::SetPeers(v1::SetPeers { address, peers }),
            _ => return Err(format!("unknown verb: motion {verb}").into()),
        };
        let propose = v1::MotionPropose {
            action: Some(action),
        };
        Ok(native(Type::MotionPropose, Native::MotionPropose(propose)))
    }

    /// `chain=` names the sub-chain (otherwise `by01`) and `at=` the chain of the member's address; `key=`, `proof=` as above.
    fn motion_on_sub_chain(
        &mut self,
        verb: &str,
        member: &str,
        words: &Words<'_>,
    ) -> Result<Operation, Box<dyn Error>> {
        let chain_code = words.get("chain").unwrap_or("by01").to_owned();
        let code = words.get("at").unwrap_or("by01").parse()?;
        let address = key(member).public().address(Some(&code)).to_string();
        let keyed = words.get("key").unwrap_or(member);
        let validator_key = match keyed {
            "none" => Vec::new(),
            "weak" => [[1].as_slice(), &[0; 31]].concat(),
            name => validator_key(name).public().raw().to_vec(),
        };
        let proof = self::validator_key(words.get("proof").unwrap_or(keyed));
        let action = match verb {
            "register" => Action::RegisterValidator(v1::RegisterValidator {
                chain_code,
                possession: proof.sign(&possession_message(&address)),
                address,
                owner: words.get("owner").unwrap_or(member).to_owned(),
                validator_key,
            }),
            "strike" => Action::StrikeValidator(v1::StrikeValidator {
                chain_code,
                validator_key,
                reason: words.text("reason"),
            }),
            _ => return Err(format!("unknown verb: motion {verb}").into()),
        };
        let propose = v1::MotionPropose {
            action: Some(action),
        };
        Ok(native(Type::MotionPropose, Native::MotionPropose(propose)))
    }

    /// Who decided the newest block, who decides the next one, and who the one after.
    fn show_validators(&self) -> String {
        let sets = Sets::load(self.world.state().as_ref());
        let shown = |set: &tendermint::validator::Set| {
            let power = |name: &&str| {
                let key = validator_key(name).public();
                let key = tendermint::PublicKey::from_raw_ed25519(key.raw())?;
                let info = set.validator(key.into())?;
                Some(format!("{name}:{}", info.power()))
            };
            let shown: Vec<String> = VALIDATORS.iter().filter_map(power).collect();
            assert_eq!(
                shown.len(),
                set.validators().len(),
                "every validator has a name"
            );
            shown.join(" ")
        };
        let [last, current, next] = [&sets.last, &sets.current, &sets.next].map(shown);
        let height = self.world.height();
        format!(
            "{height}: {last}\n{}: {current}\n{}: {next}\n",
            height + 1,
            height + 2
        )
    }

    fn show_evidence(&mut self, issuer: &str, id: &str) -> String {
        let issuer = self.names.address(issuer);
        let id = evidence_id(id);
        let state = self.world.state();
        let Some(found) = record::<v1::EvidenceRecord>(
            state.as_ref(),
            format!("evidence/{issuer}/{id}").as_bytes(),
        ) else {
            return "no such evidence\n".to_owned();
        };
        let path = format!("revocation/{issuer}/{id}");
        let revoked = record::<v1::RevocationRecord>(state.as_ref(), path.as_bytes());
        let revoked = revoked.map_or("no".to_owned(), |revocation| {
            format!("{:?}", revocation.reason)
        });
        format!(
            "{} by {issuer} at height {}, revoked: {revoked}\n",
            found.kind().as_str_name(),
            found.height
        )
    }

    fn show_account(&mut self, name: &str) -> String {
        self.names.address(name);
        let Some(account) = self.world.account(name) else {
            return "no account\n".to_owned();
        };
        let signers: Vec<String> = account
            .signers
            .iter()
            .map(|signer| format!("{}:{}", signer.address, signer.weight))
            .collect();
        format!(
            "nonce={} balance={} master={} signers=[{}] threshold={}\n",
            account.nonce,
            account.balance,
            account.master_weight,
            signers.join(" "),
            account.tx_threshold
        )
    }

    fn show_motion(&mut self, id: u64) -> String {
        let Some(motion) = motion::load(self.world.state().as_ref(), id) else {
            return "no such motion\n".to_owned();
        };
        let ballots: Vec<String> = motion
            .ballots
            .iter()
            .map(|ballot| {
                format!(
                    "{}:{}",
                    ballot.voter,
                    if ballot.approve { "yes" } else { "no" }
                )
            })
            .collect();
        format!(
            "ballots=[{}] executed={} rejection={:?}\n",
            ballots.join(" "),
            motion.executed,
            motion.rejection
        )
    }
}

fn native(kind: Type, native: Native) -> Operation {
    Operation {
        r#type: kind.into(),
        native: Some(native),
        ..Default::default()
    }
}

/// The key of a name's validator.
fn validator_key(name: &str) -> starfire_did::PrivateKey {
    key(&format!("{name} validator"))
}

/// A script names evidence by the document; plain evidence has the document's digest as its id.
fn evidence_id(word: &str) -> String {
    hex::encode(Sha256::digest(word))
}
