//! Changing a DID's record: services and names, who controls and who recovers it, the end.

use std::time::Duration;

use clap::Args;
use starfire_did::Did;
use starfire_did::document::WEIGHT_MAX;
use starfire_proto::protocol::operation::Native;
use starfire_proto::v1;

use super::ending::has_revoked;
use super::sign::{Cosigners, Sender, Signers, live};
use crate::cli::context::Context;
use crate::cli::output::Report;
use crate::cli::proof;
use crate::cli::verify::age;
use crate::client::{Client, Committed};
use crate::failure::Failure;

#[derive(Debug, Args)]
pub(crate) struct Update {
    #[command(flatten)]
    sender: Sender,
    #[command(flatten)]
    cosigners: Cosigners,
    /// Add or replace a service: a fragment, a type and a URL
    #[arg(long, value_name = "FRAGMENT,TYPE,URL", value_parser = service)]
    service: Vec<Service>,
    /// Remove the service with this fragment
    #[arg(long, value_name = "FRAGMENT")]
    remove_service: Vec<String>,
    /// The other names, instead of those there are
    #[arg(long, value_name = "URI")]
    also_known_as: Option<Vec<String>>,
    /// The controllers, instead of those there are, each with its weight [default: 1]
    #[arg(long, value_name = "DID[=WEIGHT]", value_parser = member)]
    controller: Option<Vec<Member>>,
    /// Let DIDs control it that are not registered, so that perhaps nobody does
    #[arg(long, requires = "controller")]
    force: bool,
    /// What the weights of the controllers who sign must reach [default: as it is; 1 if there is none]
    #[arg(long, value_name = "WEIGHT", requires = "controller")]
    controller_threshold: Option<u32>,
    /// Those who may give the DID new keys when its own are lost, instead of those there are, each with its weight [default: 1].
    /// Threshold and delay stay unless their options are given
    #[arg(long, value_name = "DID[=WEIGHT]", value_parser = member)]
    guardian: Vec<Member>,
    /// What the weights of the guardians who sign must reach [default: as it is; 1 if there is none]
    #[arg(long, value_name = "WEIGHT", requires = "guardian")]
    guardian_threshold: Option<u32>,
    /// How long the controllers may veto a recovery: 90s, 30m, 24h, 7d; 0s: it takes effect at once [default: as it is; 0s if
    /// there is none]
    #[arg(long, value_name = "TIME", value_parser = age, requires = "guardian")]
    recovery_delay: Option<Duration>,
    /// Let nobody recover the DID any more
    #[arg(long, conflicts_with = "guardian")]
    no_guardians: bool,
}

/// A service without its document's DID.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Service {
    fragment: String,
    kind: String,
    endpoint: String,
}

fn service(text: &str) -> Result<Service, String> {
    match text.splitn(3, ',').collect::<Vec<_>>()[..] {
        [fragment, kind, endpoint] => Ok(Service {
            fragment: fragment.to_owned(),
            kind: kind.to_owned(),
            endpoint: endpoint.to_owned(),
        }),
        _ => Err("expected FRAGMENT,TYPE,URL".to_owned()),
    }
}

/// One of those who decide together.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Member {
    did: Did,
    weight: u32,
}

fn member(text: &str) -> Result<Member, String> {
    let (did, weight) = match text.split_once('=') {
        None => (text, Some(1)),
        Some((did, weight)) => (did, weight.parse().ok()),
    };
    let weight = weight
        .filter(|weight| (1..=WEIGHT_MAX).contains(weight))
        .ok_or_else(|| format!("a weight is a number from 1 to {WEIGHT_MAX}"))?;
    let did = Did::parse(did).map_err(|error| error.to_string())?;
    Ok(Member { did, weight })
}

fn names(members: &[Member]) -> Vec<String> {
    members
        .iter()
        .map(|member| member.did.to_string())
        .collect()
}

/// The threshold that was asked for; otherwise the one there is, which does not fall because others come to decide. Where they
/// cannot reach it any more, it must be said what is to be reached.
fn threshold(
    asked: Option<u32>,
    present: u32,
    members: &[Member],
    option: &str,
) -> Result<u32, Failure> {
    let weight: u64 = members.iter().map(|one| u64::from(one.weight)).sum();
    match asked {
        Some(asked) => Ok(asked),
        None if u64::from(present) <= weight => Ok(present),
        None => Err(Failure::usage(
            format!("the threshold is {present}, and those named weigh {weight} together"),
            format!("name more of them, or say by {option} what they must reach"),
        )),
    }
}

/// As a document has weights: none where all are 1.
fn weights(members: &[Member]) -> Vec<u32> {
    if members.iter().all(|member| member.weight == 1) {
        return Vec::new();
    }
    members.iter().map(|member| member.weight).collect()
}

#[derive(Debug, Args)]
pub(crate) struct Deactivate {
    #[command(flatten)]
    sender: Sender,
    #[command(flatten)]
    cosigners: Cosigners,
    /// Why, for everybody to read
    #[arg(long, default_value = "")]
    reason: String,
    /// A gateway of the main chain, if --node is of a sub-chain: whether the DID is accredited, only the main chain tells
    #[arg(long, value_name = "URL")]
    main: Option<String>,
    /// End an accredited DID too, or without asking: nobody can revoke for it any more
    #[arg(long)]
    force: bool,
}

pub(super) async fn update(arguments: Update, context: &Context) -> Result<Report, Failure> {
    if arguments.changes_nothing() {
        return Err(Failure::usage(
            "nothing is to be changed",
            "say what: --service, --remove-service, --also-known-as, --controller, --guardian or --no-guardians",
        ));
    }
    let (signers, did) =
        Signers::changing(context, &arguments.sender, &arguments.cosigners).await?;
    let (mut document, expected_version) = live(&signers.client, &did).await?;
    if !arguments.force {
        let controllers = arguments.controller.as_deref().unwrap_or_default();
        can_control(&signers.client, &did, controllers).await?;
    }
    arguments.apply(&did, &mut document)?;
    let update = v1::DidUpdate {
        did: did.to_string(),
        expected_version,
        document: Some(document),
    };
    let committed = signers.send(Native::DidUpdate(update)).await?;
    Ok(changed(&did, expected_version, &committed))
}

/// Refuses controllers that nobody may be able to sign for: with them alone the document could never be changed again.
async fn can_control(client: &Client, did: &Did, controllers: &[Member]) -> Result<(), Failure> {
    let others = controllers.iter().filter(|member| member.did != *did);
    for Member { did: other, .. } in others {
        let refused = |why: String| {
            Failure::new(
                "CONTROLLER_NOT_REGISTERED",
                format!(
                    "{why}: if nobody has its key, nobody can change {did} any more, by this key neither"
                ),
                "register it first by `starfire did create`, or add --force if it is to be registered later",
            )
        };
        if other.chain_code() != did.chain_code() {
            return Err(refused(format!(
                "{other} is of another chain, where it signs nothing here"
            )));
        }
        match proof::record(client, &other.to_string(), 0).await {
            Ok(record) if record.deactivated => {
                return Err(refused(format!("{other} was deactivated")));
            }
            Ok(_) => {}
            Err(failure) if failure.code == "DID_NOT_FOUND" => {
                return Err(refused(format!("{other} is not registered")));
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(())
}

impl Update {
    /// Whether the document would stay as it is, and only its version be another.
    fn changes_nothing(&self) -> bool {
        self.service.is_empty()
            && self.remove_service.is_empty()
            && self.also_known_as.is_none()
            && self.controller.is_none()
            && self.guardian.is_empty()
            && !self.no_guardians
    }

    fn apply(self, did: &Did, document: &mut v1::DidDocument) -> Result<(), Failure> {
        let id = |fragment: &String| format!("{did}#{fragment}");
        let gone: Vec<String> = self.remove_service.iter().map(id).collect();
        if let Some(unknown) = gone
            .iter()
            .find(|gone| !document.service.iter().any(|service| service.id == **gone))
        {
            return Err(Failure::usage(
                format!("there is no service {unknown}"),
                "`starfire did show` lists them",
            ));
        }
        let added = self.service.into_iter().map(|service| v1::DidService {
            id: id(&service.fragment),
            r#type: service.kind,
            endpoint: service.endpoint,
        });
        let added: Vec<v1::DidService> = added.collect();
        let replaced = |service: &v1::DidService| added.iter().any(|one| one.id == service.id);
        document
            .service
            .retain(|service| !gone.contains(&service.id) && !replaced(service));
        document.service.extend(added);
        if let Some(also_known_as) = self.also_known_as {
            document.also_known_as = also_known_as;
        }
        if let Some(controllers) = &self.controller {
            document.controller = names(controllers);
            document.controller_weight = weights(controllers);
            document.controller_threshold = threshold(
                self.controller_threshold,
                document.controller_threshold,
                controllers,
                "--controller-threshold",
            )?;
        }
        if self.no_guardians {
            document.recovery = None;
        } else if !self.guardian.is_empty() {
            let present = document.recovery.take().unwrap_or_default();
            let asked_ms = |delay: Duration| i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
            document.recovery = Some(v1::DidRecovery {
                guardian: names(&self.guardian),
                weight: weights(&self.guardian),
                threshold: threshold(
                    self.guardian_threshold,
                    present.threshold,
                    &self.guardian,
                    "--guardian-threshold",
                )?,
                delay_ms: self.recovery_delay.map_or(present.delay_ms, asked_ms),
            });
        }
        Ok(())
    }
}

pub(super) async fn deactivate(
    arguments: Deactivate,
    context: &Context,
) -> Result<Report, Failure> {
    let (signers, did) =
        Signers::changing(context, &arguments.sender, &arguments.cosigners).await?;
    let (_, expected_version) = live(&signers.client, &did).await?;
    if !arguments.force {
        let main = arguments.main.as_deref();
        has_revoked(&signers.client, &did, main, context.output).await?;
    }
    let deactivate = v1::DidDeactivate {
        did: did.to_string(),
        expected_version,
        reason: arguments.reason,
    };
    let committed = signers.send(Native::DidDeactivate(deactivate)).await?;
    Ok(changed(&did, expected_version, &committed))
}

pub(super) fn changed(did: &Did, before: u64, committed: &Committed) -> Report {
    Report::new()
        .with("did", did.to_string())
        .with("version", before + 1)
        .with("height", committed.height)
        .with("transaction", hex::encode(committed.hash))
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use starfire_did::path;
    use starfire_state::Changes;

    use super::*;
    use crate::gateway::fixture::{Node, did, record, registered};

    const DID: &str = "did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2";

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        update: Update,
    }

    #[test]
    fn an_update_says_what_it_changes() {
        let nothing = |line: &str| {
            let words = std::iter::once("update").chain(line.split(' '));
            Line::parse_from(words).update.changes_nothing()
        };
        assert!(nothing("--key k"));
        assert!(nothing(&format!("--key k --did {DID} --with m")));
        for change in [
            "--service a,b,c".to_owned(),
            "--remove-service a".to_owned(),
            "--also-known-as urn:a".to_owned(),
            format!("--controller {DID}"),
            format!("--guardian {DID}"),
            "--no-guardians".to_owned(),
        ] {
            assert!(!nothing(&format!("--key k {change}")), "{change}");
        }
    }

    #[test]
    fn new_members_do_not_weaken_the_terms() {
        let line = |rest: &str| {
            let words = format!("update --key k {rest}");
            Line::parse_from(words.split(' ')).update
        };
        let named = |option: &str, seeds: &[u8]| {
            let one = |seed: &u8| format!("{option} {}", did(*seed, None));
            seeds.iter().map(one).collect::<Vec<_>>().join(" ")
        };
        let present = v1::DidDocument {
            controller: [2, 3].map(|seed| did(seed, None).to_string()).to_vec(),
            controller_threshold: 2,
            recovery: Some(v1::DidRecovery {
                guardian: [4, 5].map(|seed| did(seed, None).to_string()).to_vec(),
                threshold: 2,
                delay_ms: 604_800_000,
                ..v1::DidRecovery::default()
            }),
            ..v1::DidDocument::default()
        };
        let after = |rest: &str| {
            let mut document = present.clone();
            line(rest).apply(&did(1, None), &mut document)?;
            Ok::<_, Failure>(document)
        };
        let terms = |rest: &str| {
            let recovery = after(rest).unwrap().recovery.unwrap();
            (
                recovery.guardian.len(),
                recovery.threshold,
                recovery.delay_ms,
            )
        };
        let guardians = named("--guardian", &[4, 5, 6]);
        assert_eq!(terms(&guardians), (3, 2, 604_800_000));
        let said = format!("{guardians} --guardian-threshold 1 --recovery-delay 0s");
        assert_eq!(terms(&said), (3, 1, 0));
        let heavy = format!("{}=2", named("--guardian", &[4]));
        assert_eq!(terms(&heavy), (1, 2, 604_800_000));

        let controllers = named("--controller", &[2, 3, 7]);
        let document = after(&controllers).unwrap();
        assert_eq!(document.controller_threshold, 2);
        assert_eq!(document.recovery, present.recovery);
        let said = format!("{controllers} --controller-threshold 3");
        assert_eq!(after(&said).unwrap().controller_threshold, 3);

        for (one, option) in [
            (named("--guardian", &[4]), "--guardian-threshold"),
            (named("--controller", &[2]), "--controller-threshold"),
        ] {
            let refused = after(&one).unwrap_err();
            assert!(refused.message.contains("threshold is 2"), "{refused}");
            assert!(refused.hint.contains(option), "{refused}");
            after(&format!("{one} {option} 1")).unwrap();
        }

        // Where nobody was named, one is enough, at once.
        let mut alone = v1::DidDocument::default();
        line(&guardians).apply(&did(1, None), &mut alone).unwrap();
        let recovery = alone.recovery.unwrap();
        assert_eq!((recovery.threshold, recovery.delay_ms), (0, 0));
    }

    #[test]
    fn a_service_is_fragment_type_and_url() {
        let parsed = service("api,LinkedDomains,https://example.cn/a,b").unwrap();
        assert_eq!(
            (parsed.fragment.as_str(), parsed.endpoint.as_str()),
            ("api", "https://example.cn/a,b")
        );
        assert!(service("api,LinkedDomains").is_err());
    }

    #[test]
    fn a_member_is_a_did_and_its_weight() {
        let light = member(DID).unwrap();
        let heavy = member(&format!("{DID}=3")).unwrap();
        assert_eq!((light.weight, heavy.weight), (1, 3));
        assert_eq!(weights(&[light.clone(), light.clone()]), Vec::<u32>::new());
        assert_eq!(weights(&[light, heavy]), [1, 3]);
        let above = format!("{DID}={}", WEIGHT_MAX + 1);
        for text in [
            "",
            "alice",
            &format!("{DID}=0"),
            &format!("{DID}=x"),
            &above,
        ] {
            assert!(member(text).is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn who_is_not_registered_does_not_come_to_control_unnoticed() {
        let mut records = registered(1, None, 1);
        let ended = v1::DidRecord {
            version: 2,
            deactivated: true,
            ..v1::DidRecord::default()
        };
        records.extend(registered(2, None, 1));
        records.extend(record(path::record(&did(3, None)), &ended));
        let mut node = Node::main(records).await;
        node.block(Changes::new(), &[]);
        let client = Client::connect(&node.url).unwrap();
        let named = async |controllers: &[Did]| {
            let member = |did: &Did| Member {
                did: *did,
                weight: 1,
            };
            let controllers: Vec<Member> = controllers.iter().map(member).collect();
            can_control(&client, &did(1, None), &controllers).await
        };
        named(&[]).await.unwrap();
        named(&[did(1, None), did(2, None)]).await.unwrap();
        for (other, why) in [
            (did(9, None), "is not registered"),
            (did(3, None), "was deactivated"),
            (did(2, Some("by01")), "is of another chain"),
        ] {
            let refused = named(&[did(1, None), other]).await.unwrap_err();
            assert_eq!(refused.code, "CONTROLLER_NOT_REGISTERED");
            assert!(refused.message.contains(why), "{refused}");
            assert!(refused.hint.contains("--force"), "{refused}");
        }
    }
}
