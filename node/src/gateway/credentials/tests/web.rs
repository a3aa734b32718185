//! Credentials of issuers with a `did:web`.

use super::*;
use crate::web_did::tests::Site;

/// Signed by a key as that of a website.
fn issued(site: &Site) -> Value {
    let did = site.did("");
    let claims = json!({
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "type": ["VerifiableCredential"],
        "issuer": did,
        "credentialSubject": { "id": "did:example:holder" },
    });
    let method = format!("{did}#key-1");
    let options = Options::assertion(Suite::EddsaJcs2022, method, clock::unix_ms());
    integrity::issue(claims, &options, &key(ISSUER), None).unwrap()
}

fn document(site: &Site, seed: u8) -> Value {
    let did = site.did("");
    let key = starfire_did::VerificationKey::from(private_key(seed).public());
    json!({
        "id": did,
        "verificationMethod": [{ "id": "#key-1", "type": "Multikey", "controller": did, "publicKeyMultibase": key.to_multikey() }],
        "assertionMethod": ["#key-1"],
    })
}

#[tokio::test]
async fn an_issuer_s_website_says_by_which_key_it_signs() {
    let site = Site::open().await;
    let credential = issued(&site);
    site.put_document("/.well-known/did.json", &document(&site, ISSUER));
    let node = proving(Node::with_web(Changes::new(), site.web_dids()).await);
    let answer = verify(&node, &credential, &json!({})).await.json();
    assert_eq!(answer["verified"], json!(true), "{answer}");
    assert!(answer["steps"][2]["known_at_ms"].as_i64().unwrap() > 0);

    let mut altered = credential.clone();
    altered["credentialSubject"]["id"] = json!("did:example:other");
    let answer = verify(&node, &altered, &json!({})).await.json();
    assert_eq!(failed(&answer), [("signature", "SIGNATURE_WRONG")]);
}

#[tokio::test]
async fn a_website_that_names_another_key_or_nobody_makes_it_invalid() {
    let site = Site::open().await;
    let credential = issued(&site);
    site.put_document("/.well-known/did.json", &document(&site, STRANGER));
    let node = proving(Node::with_web(Changes::new(), site.web_dids()).await);
    let answer = verify(&node, &credential, &json!({})).await.json();
    assert_eq!(failed(&answer), [("signature", "SIGNATURE_WRONG")]);

    let nobody = Site::open().await;
    let node = proving(Node::with_web(Changes::new(), nobody.web_dids()).await);
    let answer = verify(&node, &issued(&nobody), &json!({})).await.json();
    assert!(
        failed(&answer).contains(&("issuer", "ISSUER_NOT_FOUND")),
        "{answer}"
    );
}

#[tokio::test]
async fn a_website_that_is_not_asked_leaves_its_credentials_undecided() {
    let site = Site::open().await;
    let credential = issued(&site);
    site.put_document("/.well-known/did.json", &document(&site, ISSUER));
    let elsewhere = Site::open().await;
    for (node, code) in [
        (Node::main(Changes::new()).await, "DID_WEB_OFF"),
        (
            Node::with_web(Changes::new(), elsewhere.web_dids()).await,
            "DID_WEB_HOST_NOT_ALLOWED",
        ),
    ] {
        let answer = verify(&proving(node), &credential, &json!({})).await.json();
        assert_eq!(answer["verified"], json!(false));
        assert!(
            failed(&answer).contains(&("issuer", "ISSUER_UNKNOWN")),
            "{answer}"
        );
        let detail = answer["steps"][2]["detail"].as_str().unwrap();
        assert!(detail.starts_with(code), "{detail}");
    }
}
