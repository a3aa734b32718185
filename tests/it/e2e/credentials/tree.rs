//! Who may issue comes down a tree: granted level by level, taken back in the middle, and every verifier says so by its code, on line
//! and off line. A schema that is registered decides what a credential may say.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::e2e::devnet::{Answer, Devnet, eventually, text};

const KIND: &str = "CertificateOfOrigin";
const SCOPE: [&str; 4] = ["--type", KIND, "--jurisdiction", "CN"];
const TERM: [&str; 4] = ["--from", "2026-01-01", "--until", "2046-01-01"];

/// A devnet's people, all on the main chain: a root of trust, an accreditor, an issuer. Each with its DID and key file.
struct Tree {
    devnet: Devnet,
    root: (String, String),
    accreditor: (String, String),
    issuer: (String, String),
}

impl Tree {
    fn up() -> Self {
        let devnet = Devnet::up(&["--validators", "1"]);
        let person = |name: &str| {
            let identity = devnet.identity(name);
            (identity.did, text(&identity.key_file))
        };
        Self {
            root: person("importing-customs"),
            accreditor: person("exporter"),
            issuer: person("issuing-customs"),
            devnet,
        }
    }

    fn ask(&self, line: &[&str]) -> Answer {
        self.devnet.ask("main-1", line)
    }

    fn grant(&self, by: &str, to: &str, more: &[&str]) -> Answer {
        let line = ["vc", "accreditation", "grant", "--issuer", to, "--key", by];
        self.ask(&[&line[..], &SCOPE, &TERM, more].concat())
    }

    fn revoke(&self, by: &str, from: &str) -> Answer {
        let line = [
            "vc",
            "accreditation",
            "revoke",
            "--issuer",
            from,
            "--key",
            by,
        ];
        self.ask(&[&line[..], &SCOPE, &["--reason", "audit"]].concat())
    }

    /// What the node says of the issuer's standing.
    fn standing(&self, more: &[&str]) -> Value {
        let line = ["vc", "accreditation", "show", &self.issuer.0];
        self.ask(&[&line[..], &SCOPE, more].concat()).json()
    }

    /// What a verifier who believes the pinned main chain alone is told of a credential.
    fn report(&self, credential: &str) -> Value {
        let line = ["vc", "verify", credential, "--accredited", "CN"];
        self.ask(&line).object()
    }

    /// A credential by the issuer, of this subject.
    fn issue(&self, name: &str, subject: &Value) -> String {
        let claims = json!({
            "@context": ["https://www.w3.org/ns/credentials/v2", "https://www.w3.org/ns/credentials/undefined-terms/v2"],
            "type": ["VerifiableCredential", KIND],
            "credentialSchema": {"id": format!("{}/schemas/origin/1", self.issuer.0), "type": "JsonSchema"},
            "credentialSubject": subject,
        });
        let (file, out) = (
            self.devnet.at(&format!("{name}-claims")),
            self.devnet.at(name),
        );
        std::fs::write(&file, claims.to_string()).expect("there is room");
        let line = ["vc", "issue", &file, "--key", &self.issuer.1, "--out", &out];
        self.devnet.run(line).json();
        out
    }

    /// A certificate by the issuer: its proof file, and its document.
    fn certify(&self, name: &str) -> (String, String) {
        let content = self.devnet.at(&format!("{name}-content.json"));
        std::fs::write(&content, json!({"goods": name}).to_string()).expect("there is room");
        let out = self.devnet.at(name);
        let line = [
            "certificate",
            "issue",
            &content,
            "--key",
            &self.issuer.1,
            "--out",
            &out,
        ];
        self.ask(&[&line[..], &SCOPE].concat()).json();
        let file = |name: &str| text(&PathBuf::from(&out).join(name));
        (
            file("certificate.proof.json"),
            file("certificate.document.json"),
        )
    }

    /// The same with a proof file of now.
    fn refreshed(&self, (_, document): &(String, String)) -> (String, String) {
        let out = self.devnet.at("refreshed.proof.json");
        self.ask(&["certificate", "refresh", document, "--out", &out])
            .json();
        (out, document.clone())
    }

    /// The verdict on a certificate, without any node, by the pinned main chain.
    fn certified(&self, (proof, document): &(String, String)) -> Value {
        let line = ["certificate", "verify", proof, "--document", document];
        self.devnet.run(line).object()
    }
}

fn step<'a>(report: &'a Value, name: &str) -> &'a Value {
    let steps = report["steps"].as_array().expect("a report has steps");
    let found = steps.iter().find(|one| one["name"] == name);
    found.expect("every step is there")
}

fn code<'a>(report: &'a Value, name: &str) -> &'a str {
    step(report, name)["code"].as_str().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_accreditor_ends_what_stands_below_it_and_every_verifier_says_so() {
    let tree = Tree::up();
    let super_key = text(&tree.devnet.node("main-1").home.join("keys/account.json"));
    let motion = [
        "member",
        "propose",
        "accredit",
        "--issuer",
        &tree.root.0,
        "--key",
        &super_key,
    ];
    let depth = ["--depth", "2", "--only-accredits"];
    tree.ask(&[&motion[..], &SCOPE, &TERM, &depth].concat())
        .json();
    let granted = tree.grant(
        &tree.root.1,
        &tree.accreditor.0,
        &["--depth", "1", "--only-accredits"],
    );
    assert_eq!(granted.json()["accreditor"], json!(tree.root.0));
    tree.grant(&tree.accreditor.1, &tree.issuer.0, &[]).json();
    // Neither passed on further than was allowed, nor taken back by who did not give it.
    let further = tree.grant(&tree.issuer.1, &tree.root.0, &[]);
    assert_eq!(further.refusal(), "ACCREDITATION_DEPTH");
    let other = tree.revoke(&tree.root.1, &tree.issuer.0);
    assert_eq!(other.refusal(), "ACCREDITATION_NOT_GIVER");
    let standing = tree.standing(&[]);
    assert_eq!(
        (&standing["held"], &standing["code"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(
        standing["levels"].as_array().map(Vec::len),
        Some(3),
        "up to the root"
    );

    let schema = json!({
        "type": "object",
        "properties": {"credentialSubject": {"required": ["country"]}},
    });
    let file = tree.devnet.at("schema.json");
    std::fs::write(&file, schema.to_string()).expect("there is room");
    let good = tree.issue("good", &json!({"country": "CN"}));
    let wrong = tree.issue("wrong", &json!({"weight": 3}));
    // Before the schema is registered nobody can say.
    let early = tree.report(&good);
    assert_eq!(
        (&early["verdict"], code(&early, "schema")),
        (&json!("UNDECIDED"), "SCHEMA_UNKNOWN")
    );
    let register = [
        "vc",
        "schema",
        "register",
        "origin",
        &file,
        "--key",
        &tree.issuer.1,
    ];
    let registered = tree.ask(&register).json();
    assert_eq!(
        registered["schema"],
        json!(format!("{}/schemas/origin/1", tree.issuer.0))
    );
    let shown = tree.ask(&[
        "vc",
        "schema",
        "show",
        registered["schema"].as_str().unwrap(),
    ]);
    assert_eq!(shown.json()["content"], schema);

    let said = tree.report(&good);
    assert_eq!(said["verdict"], "VALID", "{said}");
    assert!(step(&said, "accreditation")["age_ms"].is_i64(), "{said}");
    let said = tree.report(&wrong);
    assert_eq!(
        (&said["verdict"], code(&said, "schema")),
        (&json!("INVALID"), "SCHEMA_VIOLATED")
    );
    let before = tree.certify("before");
    assert_eq!(tree.certified(&before)["verdict"], "valid");

    // The root finds fault with the accreditor.
    let held_until = tree
        .devnet
        .status("main-1")
        .await
        .expect("it answers")
        .time_ms;
    tree.revoke(&tree.root.1, &tree.accreditor.0).json();
    let said = eventually("the end is proved", async || {
        Some(tree.report(&good)).filter(|said| said["verdict"] == "INVALID")
    })
    .await;
    assert_eq!(
        code(&said, "accreditation"),
        "ACCREDITOR_WITHDRAWN",
        "{said}"
    );
    let standing = tree.standing(&[]);
    assert_eq!(
        (&standing["held"], &standing["code"]),
        (&json!(false), &json!("ACCREDITOR_WITHDRAWN"))
    );
    let then = starfire_crosschain::unix_ms::rfc3339(held_until);
    assert_eq!(
        tree.standing(&["--at", &then])["held"],
        true,
        "it held until then"
    );

    // Off line, by proof files: what was issued before keeps its standing, what was issued after has none.
    assert_eq!(tree.certified(&tree.refreshed(&before))["verdict"], "valid");
    let after = tree.certify("after");
    let refused = tree.certified(&after);
    assert_eq!(
        (&refused["verdict"], &refused["code"]),
        (&json!("refused"), &json!("ACCREDITOR_WITHDRAWN"))
    );

    // Off line, without anything: nothing is concluded, and each step says why and what to do.
    let line = ["vc", "verify", &good, "--offline", "--accredited", "CN"];
    let alone = tree.devnet.run(line).object();
    assert_eq!(alone["verdict"], "UNDECIDED");
    for (name, expected) in [
        ("issuer", "ISSUER_UNKNOWN"),
        ("accreditation", "ACCREDITATION_UNKNOWN"),
        ("schema", "SCHEMA_UNKNOWN"),
    ] {
        assert_eq!(code(&alone, name), expected);
        let step = step(&alone, name);
        assert!(
            step["detail"]
                .as_str()
                .is_some_and(|why| why.contains("no node is asked")),
            "{step}"
        );
        assert!(
            step["hint"]
                .as_str()
                .is_some_and(|hint| hint.contains("--node")),
            "{step}"
        );
    }
}
