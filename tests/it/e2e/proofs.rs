//! Certificates at the border: offline, against a pinned main chain, and nothing but the truth.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::devnet::{Answer, Devnet, binary, starfire, text};

/// Mutations of each file.
const MUTATIONS: usize = 20;

/// What a certificate's holder and an officer have: document, proof file, trust bundle and fingerprint. No node is needed.
pub(super) struct Kept {
    directory: TempDir,
}

impl Kept {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        Self {
            directory: tempfile::tempdir().expect("there is room for a few files"),
        }
    }

    /// The path of a file.
    pub(super) fn at(&self, name: &str) -> String {
        text(&self.directory.path().join(name))
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.at(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The answer of a verification of what is kept.
    pub(super) fn verify(&self) -> Value {
        verified(&self.arguments([PROOF, DOCUMENT, BUNDLE], &self.fingerprint()))
    }

    /// Gets a proof file with the newest state.
    pub(super) fn refresh(&self, devnet: &Devnet, node: &str) {
        let main = devnet.node("main-1").grpc;
        let (document, proof) = (self.at(DOCUMENT), self.at(PROOF));
        let line = [
            "certificate",
            "refresh",
            &document,
            "--main",
            &main,
            "--out",
            &proof,
        ];
        devnet.ask(node, &line).json();
    }

    fn fingerprint(&self) -> String {
        String::from_utf8(self.read(FINGERPRINT)).expect("a fingerprint is text")
    }

    fn arguments(&self, [proof, document, bundle]: [&str; 3], pin: &str) -> Vec<String> {
        let nowhere = self.at("nobody's home");
        let line = [
            "verify",
            &self.at(proof),
            "--document",
            &self.at(document),
            "--trust",
        ];
        let line = line.map(str::to_owned).into_iter();
        line.chain([
            self.at(bundle),
            "--pin".into(),
            pin.into(),
            "--home".into(),
            nowhere,
        ])
        .collect()
    }
}

const PROOF: &str = "certificate.proof.json";
const DOCUMENT: &str = "certificate.document.json";
const BUNDLE: &str = "trust.json";
const FINGERPRINT: &str = "fingerprint.txt";

/// Accredits the issuing customs by three of the four super nodes.
pub(super) fn accredit(devnet: &Devnet, kind: &str, from: &str, until: &str) {
    let issuer = devnet.identity("issuing-customs").did;
    let key = |number: u8| {
        text(
            &devnet
                .node(&format!("main-{number}"))
                .home
                .join("keys/account.json"),
        )
    };
    let proposer = key(1);
    let proposal = [
        "member", "propose", "accredit", "--issuer", &issuer, "--type", kind,
    ];
    let terms = [
        "--jurisdiction",
        "CN",
        "--from",
        from,
        "--until",
        until,
        "--key",
        &proposer,
    ];
    let proposed = devnet
        .ask("main-1", &[&proposal[..], &terms[..]].concat())
        .json();
    let motion = proposed["motion"].to_string();
    for voter in [key(2), key(3)] {
        let vote = ["member", "vote", &motion, "--approve", "--key", &voter];
        devnet.ask("main-2", &vote).json();
    }
}

/// Has somebody of cn01 issue a certificate; keeps it, and what the officer needs.
pub(super) fn issue(devnet: &Devnet, kept: &Kept, issuer: &str, kind: &str) -> Value {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/certificate-of-origin.json");
    let (sample, main) = (text(&sample), devnet.node("main-1").grpc);
    let (key, out) = (text(&devnet.identity(issuer).key_file), kept.at(""));
    let content = [
        "certificate",
        "issue",
        &sample,
        "--type",
        kind,
        "--jurisdiction",
        "CN",
    ];
    let place = ["--main", &main, "--key", &key, "--out", &out];
    let issued = devnet
        .ask("cn01-1", &[&content[..], &place[..]].concat())
        .json();
    let trust = devnet.manifest().trust;
    std::fs::copy(trust.bundle, kept.at(BUNDLE)).expect("the devnet pinned its main chain");
    std::fs::write(kept.at(FINGERPRINT), trust.fingerprint).expect("there is room");
    issued
}

/// The binary in a namespace without any network, where the machine allows that.
fn offline(arguments: &[String]) -> Answer {
    let unshare = |program: &Path, arguments: &[String]| {
        Command::new("unshare")
            .arg("-rn")
            .arg(program)
            .args(arguments)
            .output()
    };
    match unshare(Path::new("true"), &[]) {
        Ok(allowed) if allowed.status.success() => {
            let arguments = [arguments, &["--json".to_owned()]].concat();
            unshare(&binary(), &arguments).expect("unshare runs").into()
        }
        // Then only this holds: the devnet is down, so there is no node to ask.
        Ok(_) | Err(_) => starfire(arguments),
    }
}

/// The answer of a verification; its exit code goes with its verdict.
fn verified(arguments: &[String]) -> Value {
    let answer = offline(arguments);
    let report = answer.object();
    let is_valid = report["verdict"] == "valid";
    assert_eq!(answer.exit, Some(i32::from(!is_valid)), "{answer:?}");
    assert_eq!(report["code"].is_null(), is_valid, "{report}");
    report
}

fn conclusion(report: &Value) -> (String, String) {
    let text = |name: &str| report[name].as_str().unwrap_or_default().to_owned();
    (text("verdict"), text("code"))
}

/// Copies of some bytes, each with one of them changed, all over the file.
fn mutations(bytes: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
    (0..MUTATIONS).map(move |number| {
        let at = (bytes.len() - 1) * number / (MUTATIONS - 1);
        let mut mutated = bytes.to_vec();
        mutated[at] ^= 1 << (number % 7);
        (at, mutated)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_verifies_without_a_network_and_with_no_byte_changed() {
    let kept = Kept::new();
    let other_pin = {
        let devnet = Devnet::up(&["--sub", "cn01:1"]);
        accredit(&devnet, "CertificateOfOrigin", "2026-01-01", "2046-01-01");
        issue(&devnet, &kept, "issuing-customs", "CertificateOfOrigin");
        let beside = Devnet::beside(&devnet, &["--validators", "1"]);
        let look_alike = beside.manifest();
        assert_eq!(look_alike.chains[0].chain_id, devnet.chain("").chain_id);
        std::fs::copy(look_alike.trust.bundle, kept.at("other.json")).unwrap();
        look_alike.trust.fingerprint
    };
    // No node runs any more, and there is no network to reach one.
    let report = kept.verify();
    assert_eq!(
        conclusion(&report),
        ("valid".into(), String::new()),
        "{report}"
    );

    let pin = kept.fingerprint();
    for file in [PROOF, DOCUMENT, BUNDLE] {
        for (at, mutated) in mutations(&kept.read(file)) {
            std::fs::write(kept.at("mutated"), mutated).unwrap();
            let files =
                [PROOF, DOCUMENT, BUNDLE].map(|name| if name == file { "mutated" } else { name });
            let report = verified(&kept.arguments(files, &pin));
            assert_ne!(report["verdict"], "valid", "{file} with byte {at} changed");
        }
    }

    let unpinned = |bundle: &str, pin: &str| {
        conclusion(&verified(&kept.arguments([PROOF, DOCUMENT, bundle], pin)))
    };
    assert_eq!(
        unpinned("other.json", &other_pin),
        ("unpinned".into(), "CHAIN_NOT_PINNED".into()),
        "to who pinned another chain of that name"
    );
    for (bundle, pin) in [(BUNDLE, &other_pin), ("other.json", &pin)] {
        assert_eq!(
            unpinned(bundle, pin),
            ("unpinned".into(), "BUNDLE_NOT_PINNED".into()),
            "a bundle that does not have the pinned fingerprint"
        );
    }
    let stale = [
        kept.arguments([PROOF, DOCUMENT, BUNDLE], &pin),
        vec!["--max-age".into(), "0s".into()],
    ]
    .concat();
    assert_eq!(
        conclusion(&verified(&stale)),
        ("stale".into(), "STALE".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_not_accredited_for_it_is_refused_offline() {
    let cases = [
        ("exporter", "CertificateOfOrigin", "ISSUER_NOT_ACCREDITED"),
        (
            "issuing-customs",
            "PhytosanitaryCertificate",
            "ACCREDITATION_OTHER_TYPE",
        ),
        (
            "issuing-customs",
            "HealthCertificate",
            "ACCREDITATION_EXPIRED",
        ),
    ];
    let kept = cases.map(|_| Kept::new());
    {
        let devnet = Devnet::up(&["--sub", "cn01:1"]);
        accredit(&devnet, "CertificateOfOrigin", "2026-01-01", "2046-01-01");
        accredit(&devnet, "HealthCertificate", "2020-01-01", "2021-01-01");
        for (kept, (issuer, kind, _)) in kept.iter().zip(cases) {
            issue(&devnet, kept, issuer, kind);
        }
    }
    for (kept, (issuer, kind, code)) in kept.iter().zip(cases) {
        assert_eq!(
            conclusion(&kept.verify()),
            ("refused".into(), code.into()),
            "{kind} by {issuer}"
        );
    }
}
