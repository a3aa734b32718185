//! A DID's life through the registrar's routes, by a client that speaks HTTP and keeps its keys to itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use starfire_did::{KeyAlgorithm, PrivateKey, VerificationKey};

use super::devnet::{Devnet, fresh_key};
use super::http::{ask, post};

/// The client: where the node is, and the keys that never leave.
struct Client {
    url: String,
    keys: Vec<(String, PrivateKey)>,
}

impl Client {
    fn key(&self, kid: &str) -> &PrivateKey {
        let known = self.keys.iter().find(|(known, _)| known == kid);
        &known
            .unwrap_or_else(|| panic!("{kid} is none of the client's"))
            .1
    }

    /// Asks for an operation, and signs what the node asks to be signed: bytes of which the job is the hash.
    fn perform(&self, operation: &str, request: &Value) -> (u16, Value) {
        let path = format!("/1.0/{operation}");
        let (status, asked) = post(&self.url, &path, request);
        assert_eq!(status, 200, "{asked}");
        assert_eq!(asked["didState"]["action"], "signPayload", "{asked}");
        post(&self.url, &path, &self.signed(&asked))
    }

    fn signed(&self, asked: &Value) -> Value {
        let requests = asked["didState"]["signingRequest"].as_object().unwrap();
        let responses: Map<String, Value> = requests
            .iter()
            .map(|(name, request)| {
                let kid = request["kid"].as_str().unwrap();
                let payload = request["serializedPayload"].as_str().unwrap();
                let payload = STANDARD.decode(payload).unwrap();
                let signature = STANDARD.encode(self.key(kid).sign(&payload));
                let response = json!({"signature": signature, "kid": kid, "alg": request["alg"]});
                (name.clone(), response)
            })
            .collect();
        json!({
            "jobId": asked["jobId"],
            "options": {"clientSecretMode": true},
            "secret": {"signingResponse": responses},
        })
    }

    /// What a resolver is told.
    fn resolved(&self, did: &str) -> (u16, Value) {
        let accept = "accept: application/did-resolution\r\n";
        ask(
            &self.url,
            "GET",
            &format!("/1.0/identifiers/{did}"),
            accept,
            "",
        )
    }
}

fn multikey(key: &PrivateKey) -> String {
    VerificationKey::from(key.public()).to_multikey()
}

fn option() -> Value {
    json!({"clientSecretMode": true})
}

/// Create, update, rotate and deactivate, with keys of this algorithm.
fn life(url: &str, algorithm: KeyAlgorithm) {
    let make = || starfire_node::keystore::generate(algorithm).expect("there is randomness");
    let (first, second) = (make(), make());
    let mut client = Client {
        url: url.to_owned(),
        keys: Vec::new(),
    };
    let (status, asked) = post(url, "/1.0/create", &json!({"options": option()}));
    assert_eq!((status, &asked["jobId"]), (200, &Value::Null));
    assert_eq!(asked["didState"]["action"], "getVerificationMethod");

    let did = first.public().address(None).to_string();
    client.keys.push((format!("{did}#key-1"), first.clone()));
    let method =
        json!({"id": "#key-1", "type": "Multikey", "publicKeyMultibase": multikey(&first)});
    let (status, made) = client.perform(
        "create",
        &json!({"options": option(), "secret": {"verificationMethod": [method]}}),
    );
    assert_eq!(
        (status, &made["didState"]["state"]),
        (201, &json!("finished")),
        "{made}"
    );
    assert_eq!(made["didState"]["did"], json!(did));
    assert_eq!(made["didDocumentMetadata"]["versionId"], "1");
    // Whoever missed the answer asks again, by the job alone.
    let job = &made["didRegistrationMetadata"]["transaction"];
    let again = json!({"jobId": job, "options": option()});
    assert_eq!(post(url, "/1.0/create", &again), (201, made));
    let (status, found) = client.resolved(&did);
    assert_eq!((status, &found["didDocument"]["id"]), (200, &json!(did)));

    let service =
        json!({"id": "#web", "type": "LinkedDomains", "serviceEndpoint": "https://example.org/"});
    let (status, changed) = client.perform(
        "update",
        &json!({
            "did": did, "options": option(),
            "didDocumentOperation": ["addToDidDocument"],
            "didDocument": [{"service": [service]}],
        }),
    );
    assert_eq!(
        (status, &changed["didDocumentMetadata"]["versionId"]),
        (200, &json!("2"))
    );

    // Another key takes the first one's place.
    let kid = format!("{did}#key-2");
    client.keys.push((kid.clone(), second.clone()));
    let mut document = changed["didState"]["didDocument"].clone();
    document["verificationMethod"] = json!([{
        "id": kid, "type": "Multikey", "controller": did, "publicKeyMultibase": multikey(&second),
    }]);
    for relationship in ["authentication", "assertionMethod"] {
        document[relationship] = json!([kid]);
    }
    let (status, rotated) = client.perform(
        "update",
        &json!({
            "did": did, "options": option(),
            "didDocumentOperation": ["setDidDocument"], "didDocument": [document],
        }),
    );
    assert_eq!(status, 200, "{rotated}");
    let shown = &rotated["didState"]["didDocument"];
    assert_eq!(shown["authentication"], json!([kid]));
    assert_eq!(shown["service"][0]["id"], json!(format!("{did}#web")));

    let request = json!({"did": did, "options": {"clientSecretMode": true, "reason": "sold"}});
    let (status, ended) = client.perform("deactivate", &request);
    assert_eq!(status, 200, "{ended}");
    assert_eq!(ended["didDocumentMetadata"]["deactivated"], true);
    let (status, found) = client.resolved(&did);
    assert_eq!(
        (status, &found["didDocumentMetadata"]["deactivated"]),
        (410, &json!(true))
    );
    let (status, refused) = post(url, "/1.0/deactivate", &request);
    assert_eq!(
        (status, &refused["didState"]["reason"]),
        (400, &json!("DID_DEACTIVATED"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_did_lives_and_ends_through_the_registrar_whose_client_keeps_its_keys() {
    let devnet = Devnet::up(&["--validators", "1"]);
    let url = devnet.node("main-1").http;
    for algorithm in [KeyAlgorithm::Ed25519, KeyAlgorithm::Sm2] {
        life(&url, algorithm);
    }
    refusals(&url);
}

/// Secrets, another's signature, a job that is not there.
fn refusals(url: &str) {
    let (own, other) = (fresh_key(), fresh_key());
    let did = own.public().address(None).to_string();
    let told = json!({"privateKeyMultibase": "z6Mk"});
    let secret = json!({"options": option(), "secret": {"verificationMethod": [told]}});
    let method = json!({"id": "#key-1", "type": "Multikey", "publicKeyMultibase": multikey(&own)});
    let request = json!({"options": option(), "secret": {"verificationMethod": [method]}});
    let thief = Client {
        url: url.to_owned(),
        keys: vec![(format!("{did}#key-1"), other)],
    };
    let (_, asked) = post(url, "/1.0/create", &request);
    let stolen = thief.signed(&asked);
    let lost = json!({"jobId": "00".repeat(32), "options": option()});
    for (body, reason) in [
        (&secret, "SECRETS_REFUSED"),
        (&json!({}), "SECRETS_REFUSED"),
        (&stolen, "INVALID_SIGNATURE"),
        (&lost, "JOB_UNKNOWN"),
    ] {
        let (status, answer) = post(url, "/1.0/create", body);
        assert_eq!(
            (status, &answer["didState"]["reason"]),
            (400, &json!(reason)),
            "{answer}"
        );
    }
    assert_eq!(thief.resolved(&did).0, 404, "nothing was registered");
}
