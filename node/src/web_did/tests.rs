//! Fetching from a website on this machine, by TLS and with certificates that are checked.
//!
//! `tests/` holds the certificate of `localhost`, its key, and whom it is from: made for these tests, and trusted nowhere else.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use starfire_did::resolution::{Problem, ProblemKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::*;

pub(crate) const CA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/web_did/tests/ca.pem");
pub(crate) const OTHER_CA: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/src/web_did/tests/other-ca.pem"
);
const CERTIFICATE: &[u8] = include_bytes!("tests/server.pem");
const KEY: &[u8] = include_bytes!("tests/server.key.pem");

/// Who shows the certificate of `localhost`.
pub(crate) fn localhost() -> ServerConfig {
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE).unwrap();
    let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap()
}

type Pages = Arc<Mutex<BTreeMap<String, String>>>;

/// A website at `localhost`. It goes down when dropped.
pub(crate) struct Site {
    port: u16,
    pages: Pages,
    asked: Arc<AtomicUsize>,
    _stop: oneshot::Sender<()>,
}

impl Site {
    pub(crate) async fn open() -> Self {
        let acceptor = TlsAcceptor::from(Arc::new(localhost()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (pages, asked) = (Pages::default(), Arc::<AtomicUsize>::default());
        let (stop, stopped) = oneshot::channel::<()>();
        let (served, counted) = (Arc::clone(&pages), Arc::clone(&asked));
        tokio::spawn(async move {
            let serve = async {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    // Whoever does not trust the certificate goes away.
                    if let Ok(stream) = acceptor.accept(stream).await {
                        counted.fetch_add(1, Ordering::Relaxed);
                        drop(answer(stream, &served).await);
                    }
                }
            };
            tokio::select! {
                () = serve => {}
                _ = stopped => {}
            }
        });
        Self {
            port,
            pages,
            asked,
            _stop: stop,
        }
    }

    /// The DID of this website, or of a path on it.
    pub(crate) fn did(&self, path: &str) -> String {
        format!("did:web:localhost%3A{}{path}", self.port)
    }

    pub(crate) fn host(&self) -> String {
        format!("localhost:{}", self.port)
    }

    /// Lets a whole answer stand at a path.
    fn put(&self, path: &str, head: &str, body: &str) {
        let length = body.len();
        let answer = format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\n\r\n{body}");
        self.pages.lock().unwrap().insert(path.to_owned(), answer);
    }

    /// Lets a document stand at a path.
    pub(crate) fn put_document(&self, path: &str, document: &Value) {
        let head = "200 OK\r\ncontent-type: application/did+json; charset=utf-8";
        self.put(path, head, &document.to_string());
    }

    fn settings(&self, ca_file: &str) -> Settings {
        Settings {
            allowed: Allowed::parse(&[], &[self.host()]).unwrap(),
            ca_file: Some(ca_file.into()),
        }
    }

    /// What fetches from this website alone.
    pub(crate) fn web_dids(&self) -> WebDids {
        WebDids::new(self.settings(CA)).unwrap()
    }
}

async fn answer(
    mut stream: tokio_rustls::server::TlsStream<tokio::net::TcpStream>,
    pages: &Pages,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap();
    let page = pages.lock().unwrap().get(path).cloned();
    let page =
        page.unwrap_or_else(|| "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_owned());
    stream.write_all(page.as_bytes()).await?;
    stream.shutdown().await
}

#[tokio::test]
async fn a_document_is_fetched_by_tls_and_remembered() {
    let site = Site::open().await;
    let web = site.web_dids();
    let (whole, below) = (site.did(""), site.did(":team:alice"));
    site.put_document("/.well-known/did.json", &json!({ "id": whole }));
    site.put_document("/team/alice/did.json", &json!({ "id": below }));
    for did in [&whole, &below] {
        let fetched = web.document(did, false).await.unwrap();
        assert_eq!(fetched.document["id"], json!(did));
        assert!(fetched.at_ms > 0);
    }
    let changed = json!({ "id": whole, "alsoKnownAs": ["https://example.org/"] });
    site.put_document("/.well-known/did.json", &changed);
    let remembered = web.document(&whole, false).await.unwrap();
    assert_eq!(*remembered.document, json!({ "id": whole }));
    assert_eq!(site.asked.load(Ordering::Relaxed), 2);
    let fresh = web.document(&whole, true).await.unwrap();
    assert_eq!(*fresh.document, changed);
    assert_eq!(web.document(&whole, false).await, Ok(fresh));
}

#[tokio::test]
async fn what_is_no_document_of_the_did_is_refused_by_its_code() {
    let site = Site::open().await;
    let web = site.web_dids();
    let json = "200 OK\r\ncontent-type: application/json";
    let long = format!("{{\"id\":\"{}\"}}", "a".repeat(fetch::DOCUMENT_BYTES_MAX));
    let other = json!({ "id": site.did("") }).to_string();
    for (path, head, body, code) in [
        ("a", json, other.as_str(), "DID_WEB_OTHER_ID"),
        ("b", json, "{}", "DID_WEB_NOT_A_DOCUMENT"),
        ("c", json, "{\"id\":7}", "DID_WEB_NOT_A_DOCUMENT"),
        ("d", json, "<html>", "DID_WEB_NOT_A_DOCUMENT"),
        ("e", json, "{\"id\":1,\"id\":1}", "DID_WEB_NOT_A_DOCUMENT"),
        ("f", json, &long, "DID_WEB_TOO_LARGE"),
        (
            "g",
            "200 OK\r\ncontent-type: text/html",
            &other,
            "DID_WEB_NOT_A_DOCUMENT",
        ),
        ("h", "200 OK", &other, "DID_WEB_NOT_A_DOCUMENT"),
        (
            "i",
            "302 Found\r\nlocation: https://localhost/",
            "",
            "DID_WEB_UNREACHABLE",
        ),
        ("j", "500 Internal Server Error", "", "DID_WEB_UNREACHABLE"),
        ("k", "410 Gone", "", "DID_WEB_NOT_FOUND"),
    ] {
        site.put(&format!("/{path}/did.json"), head, body);
        let refusal = web.document(&site.did(&format!(":{path}")), false).await;
        let refusal = refusal.unwrap_err();
        assert_eq!(refusal.code(), code, "{path}: {refusal}");
        assert!(refusal.to_string().starts_with(code), "{refusal}");
    }
    let absent = web.document(&site.did(":absent"), false).await.unwrap_err();
    assert_eq!(absent.code(), "DID_WEB_NOT_FOUND");
    assert_eq!(Problem::from(&absent).kind, ProblemKind::NotFound);
    let asked = site.asked.load(Ordering::Relaxed);
    let again = web.document(&site.did(":absent"), false).await;
    assert_eq!(again, Err(absent));
    assert_eq!(site.asked.load(Ordering::Relaxed), asked, "remembered too");
}

#[tokio::test]
async fn who_is_not_the_host_is_not_believed() {
    let site = Site::open().await;
    let did = site.did("");
    site.put_document("/.well-known/did.json", &json!({ "id": did }));
    let web = WebDids::new(site.settings(OTHER_CA)).unwrap();
    let refusal = web.document(&did, false).await.unwrap_err();
    assert_eq!(refusal.code(), "DID_WEB_UNREACHABLE");
    assert!(refusal.to_string().contains("certificate"), "{refusal}");
    assert_eq!(site.asked.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn only_listed_hosts_are_asked_and_only_at_addresses_where_they_may_stand() {
    let site = Site::open().await;
    let did = site.did("");
    site.put_document("/.well-known/did.json", &json!({ "id": did }));
    for (allowed, why) in [
        (Allowed::default(), "not fetched from"),
        (
            Allowed::parse(&["*".to_owned()], &[]).unwrap(),
            "not fetched from",
        ),
        (
            Allowed::parse(&[site.host()], &[]).unwrap(),
            "private address",
        ),
    ] {
        let settings = Settings {
            allowed,
            ca_file: Some(CA.into()),
        };
        let web = WebDids::new(settings).unwrap();
        let refusal = web.document(&did, false).await.unwrap_err();
        assert_eq!(refusal.code(), "DID_WEB_HOST_NOT_ALLOWED");
        assert!(refusal.to_string().contains(why), "{refusal}");
        assert_eq!(
            Problem::from(&refusal).kind,
            ProblemKind::FeatureNotSupported
        );
        let wrong = web.document("did:web:127.0.0.1", false).await.unwrap_err();
        assert_eq!(wrong.code(), "DID_WEB_INVALID");
    }
    assert_eq!(site.asked.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_host_that_nobody_serves_is_unreachable() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().port()
    };
    let settings = Settings {
        allowed: Allowed::parse(&[], &[format!("localhost:{port}")]).unwrap(),
        ca_file: Some(CA.into()),
    };
    let web = WebDids::new(settings).unwrap();
    let did = format!("did:web:localhost%3A{port}");
    let refusal = web.document(&did, false).await.unwrap_err();
    assert_eq!(refusal.code(), "DID_WEB_UNREACHABLE");
    assert_eq!(Problem::from(&refusal).kind, ProblemKind::InternalError);
}

#[tokio::test]
async fn a_website_that_says_nothing_is_given_up() {
    // Connections are taken, and nothing is ever said on them.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let settings = Settings {
        allowed: Allowed::parse(&[], &[format!("localhost:{port}")]).unwrap(),
        ca_file: Some(CA.into()),
    };
    let web = WebDids::with_patience(settings, Duration::from_millis(200)).unwrap();
    let did = format!("did:web:localhost%3A{port}");
    let refusal = web.document(&did, false).await.unwrap_err();
    assert_eq!(refusal.code(), "DID_WEB_UNREACHABLE");
    assert!(
        refusal.to_string().contains("did not answer within 200ms"),
        "{refusal}"
    );
    // It is remembered for a while that there is nothing to wait for.
    assert_eq!(web.document(&did, false).await, Err(refusal));
}

#[test]
fn certificates_that_cannot_be_read_are_refused_at_once() {
    let with = |path: &Path| {
        WebDids::new(Settings {
            allowed: Allowed::default(),
            ca_file: Some(path.to_owned()),
        })
    };
    let directory = tempfile::tempdir().unwrap();
    let empty = directory.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let missing = directory.path().join("missing.pem");
    for path in [&empty, &missing] {
        let error = with(path).unwrap_err();
        assert!(matches!(&error, SetupError::File { path: named, .. } if named == path));
    }
}
