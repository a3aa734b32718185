//! What `ssi` says.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use chrono::{DateTime, Utc};
use serde_json::Value;
use ssi::claims::data_integrity::{
    AnySuite, CryptographicSuite as _, DataIntegrityDocument, ProofOptions, from_json_str,
};
use ssi::claims::jws::{JwsPayload, JwsSigner as _};
use ssi::claims::vc::v2::JsonCredential;
use ssi::claims::vc_jose_cose::JoseVc;
use ssi::claims::{JwsSlice, VerificationParameters};
use ssi::dids::document::representation::MediaType;
use ssi::dids::resolution::{Error, Options, Output};
use ssi::dids::{
    DID, DIDBuf, DIDJWK, DIDKey, DIDResolver, StaticDIDResolver, VerificationMethodDIDResolver,
};
use ssi::verification_methods::{AnyMethod, ProofPurpose, SingleSecretSigner};

use crate::ours::Answer;
use crate::person::Person;
use crate::{ISSUED, NOW_MS};

/// The outcome of a future of `ssi`. None of them has anything to wait for, unless it reached for the network.
pub fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => panic!("ssi waits for something that is not here"),
    }
}

/// Resolves `did:key` and `did:jwk` as `ssi` does, and others from documents that it was given.
#[derive(Debug, Default)]
pub struct Resolver(StaticDIDResolver);

impl Resolver {
    /// One that knows these people.
    pub fn knowing(people: &[&Person]) -> Self {
        let mut known = StaticDIDResolver::new();
        for person in people {
            let did = DIDBuf::from_string(person.did.clone()).expect("a DID");
            let bytes = person.document().to_string().into_bytes();
            known.insert(
                did,
                Output::from_content(bytes, Some(MediaType::JsonLd.into())),
            );
        }
        Self(known)
    }
}

impl DIDResolver for Resolver {
    async fn resolve_representation<'a>(
        &'a self,
        did: &'a DID,
        mut options: Options,
    ) -> Result<Output<Vec<u8>>, Error> {
        // For a token, ssi would ask for the key as the first kind of method that it knows, whatever the key.
        options.parameters.public_key_format = None;
        match did.method_name() {
            "key" => DIDKey.resolve_representation(did, options).await,
            "jwk" => DIDJWK.resolve_representation(did, options).await,
            _ => self.0.resolve_representation(did, options).await,
        }
    }
}

/// A resolver of keys, as `ssi` takes it.
pub type Methods = VerificationMethodDIDResolver<Resolver, AnyMethod>;

/// Who is known, and what time it is.
pub fn parameters(people: &[&Person], now_ms: i64) -> VerificationParameters<Methods> {
    let methods = Methods::new(Resolver::knowing(people));
    VerificationParameters::from_resolver(methods).with_date_time(time(now_ms))
}

/// A time as `ssi` takes it.
pub fn time(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms).expect("a time")
}

/// A challenge and who gave it.
#[derive(Debug, Clone, Copy)]
pub struct Challenge<'a> {
    /// What is answered.
    pub challenge: &'a str,
    /// For whom.
    pub domain: &'a str,
}

/// Issues a credential with a proof inside.
pub fn issue(claims: &Value, suite: AnySuite, issuer: &Person) -> Value {
    secure(claims, suite, issuer, None)
}

/// Adds a proof to a document: of a claim, or of who one is, for a challenge.
pub fn secure(
    document: &Value,
    suite: AnySuite,
    signer: &Person,
    asked: Option<Challenge<'_>>,
) -> Value {
    let document: DataIntegrityDocument =
        serde_json::from_str(&document.to_string()).expect("a document");
    let method = signer.method.parse::<ssi::json_ld::iref::IriBuf>();
    let options = ProofOptions {
        created: Some(ISSUED.parse().expect("a time")),
        proof_purpose: match asked {
            Some(_) => ProofPurpose::Authentication,
            None => ProofPurpose::Assertion,
        },
        challenge: asked.map(|asked| asked.challenge.to_owned()),
        domains: asked.iter().map(|asked| asked.domain.to_owned()).collect(),
        ..ProofOptions::from_method(method.expect("a URL").into())
    };
    let methods = Methods::new(Resolver::knowing(&[signer]));
    let signer = SingleSecretSigner::new(signer.jwk()).into_local();
    let secured = now(suite.sign(document, &methods, signer, options)).expect("ssi signs");
    let text = serde_json::to_string(&secured).expect("JSON");
    serde_json::from_str(&text).expect("JSON")
}

/// Whether a credential with a proof inside is valid.
pub fn check(secured: &Value, known: &[&Person], now_ms: i64) -> Answer {
    let text = secured.to_string();
    let credential = from_json_str::<JsonCredential, AnySuite>(&text).map_err(said)?;
    if credential.proofs.is_empty() {
        return Err("it is not signed".to_owned());
    }
    now(credential.verify(parameters(known, now_ms)))
        .map_err(said)?
        .map_err(said)
}

/// Whether the proofs inside a document hold, whatever it says.
pub fn holds(secured: &Value, known: &[&Person]) -> bool {
    let document = from_json_str::<DataIntegrityDocument, AnySuite>(&secured.to_string());
    document.is_ok_and(|document| {
        let verdict = now(document.verify(parameters(known, NOW_MS)));
        !document.proofs.is_empty() && verdict.is_ok_and(|verdict| verdict.is_ok())
    })
}

/// Whether a credential as a token is valid.
pub fn check_token(token: &str, known: &[&Person], now_ms: i64) -> Answer {
    let jws = JwsSlice::new(token.as_bytes()).map_err(|_| "it is no JWS")?;
    let credential = JoseVc::decode_any(jws).map_err(said)?;
    now(credential.verify(parameters(known, now_ms)))
        .map_err(said)?
        .map_err(said)
}

/// Claims with the type that their token is to have.
#[derive(Debug, Clone)]
pub struct Typed<'a> {
    /// `typ`.
    pub typ: &'a str,
    /// What is signed.
    pub claims: &'a Value,
}

impl JwsPayload for Typed<'_> {
    fn typ(&self) -> Option<&str> {
        Some(self.typ)
    }

    fn payload_bytes(&self) -> std::borrow::Cow<'_, [u8]> {
        self.claims.to_string().into_bytes().into()
    }
}

/// Signs claims as a token.
pub fn sign(payload: impl JwsPayload, signer: &Person) -> String {
    now(signer.jwk().sign(payload))
        .expect("ssi signs")
        .to_string()
}

/// An error with its causes.
pub fn said(error: impl std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
