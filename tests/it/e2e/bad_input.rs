//! Bad input at every edge: an error with a code, nothing lost, no panic.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use starfire_node::client::{Client, ClientError};
use starfire_proto::v1;

use super::devnet::{Answer, Devnet, binary, fed, nudge, starfire, text};

/// Long enough for a node to answer or hang up.
const HANG_UP: Duration = Duration::from_secs(2);

fn submit(envelope: Vec<u8>) -> v1::SubmitRequest {
    v1::SubmitRequest { envelope }
}

fn proofs(keys: Vec<Vec<u8>>, height: u64) -> v1::GetProofsRequest {
    v1::GetProofsRequest { keys, height }
}

fn code<T: std::fmt::Debug>(answer: Result<T, ClientError>) -> String {
    let refused = answer.expect_err("bad input is refused");
    assert!(!refused.message.is_empty(), "{} says why", refused.code);
    refused.code
}

async fn check_grpc(client: &Client) {
    let (transactions, proof) = (client.transactions(), client.proofs());
    for garbage in [Vec::new(), b"not an envelope".to_vec(), vec![0xff; 1 << 20]] {
        let request = transactions.clone().submit(submit(garbage)).await;
        assert_eq!(
            code(client.call(async { request }).await),
            "INVALID_PARAMETER"
        );
    }
    for bytes in [(1 << 20) + 1, 3 << 20] {
        let request = transactions.clone().submit(submit(vec![1; bytes])).await;
        let code = code(client.call(async { request }).await);
        assert!(
            !code.is_empty() && code != "INTERNAL",
            "{bytes} bytes: {code}"
        );
    }
    let request = v1::GetTransactionRequest { hash: vec![1; 31] };
    assert_eq!(
        code(client.call(client.transactions().get(request)).await),
        "INVALID_PARAMETER"
    );
    for keys in [
        Vec::new(),
        vec![b"did/x".to_vec(); 65],
        vec![vec![b'a'; 5000]],
        vec![Vec::new()],
    ] {
        let request = proof.clone().get(proofs(keys, 0)).await;
        assert_eq!(
            code(client.call(async { request }).await),
            "INVALID_PARAMETER"
        );
    }
    for height in [1 << 40, u64::MAX] {
        let request = proof
            .clone()
            .get(proofs(vec![b"chain".to_vec()], height))
            .await;
        assert_eq!(code(client.call(async { request }).await), "HEIGHT_UNKNOWN");
        let request = v1::GetBlockRequest { height };
        assert_eq!(
            code(client.call(client.blocks().get(request)).await),
            "HEIGHT_UNKNOWN"
        );
    }
    for did in ["", "did:bid", "did:web:example.cn", "did:bid:ef0OIl"] {
        let (did, version) = (did.to_owned(), 0);
        let request = v1::ResolveRequest {
            did: did.clone(),
            version,
            ..v1::ResolveRequest::default()
        };
        assert_eq!(
            code(client.call(client.dids().resolve(request)).await),
            "INVALID_ADDRESS",
            "{did}"
        );
        let request = v1::GetAccountRequest {
            address: did.clone(),
        };
        assert_eq!(
            code(client.call(client.accounts().get(request)).await),
            "INVALID_ADDRESS",
            "{did}"
        );
    }
    // Nobody has this one: that is an answer, and proved.
    let (did, version) = ("did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2".to_owned(), 0);
    let request = v1::ResolveRequest {
        did,
        version,
        ..v1::ResolveRequest::default()
    };
    let answer = client.call(client.dids().resolve(request)).await.unwrap();
    assert!(answer.record.is_none());
    assert!(!answer.proof.expect("absence is proved").values[0].present);
}

/// Bytes that no protocol of ours begins with; the node may answer what it likes.
fn talk_nonsense(address: &str) {
    for nonsense in [
        &b"\0\xff\xfe nonsense \r\n\r\n"[..],
        b"GET /%ff%00 HTTP/9.9\r\n\r\n",
        &[0x16; 70_000],
    ] {
        let mut stream = TcpStream::connect(address).expect("the node listens");
        stream.set_read_timeout(Some(HANG_UP)).unwrap();
        // It may hang up in the middle.
        let _sent = stream
            .write_all(nonsense)
            .and_then(|()| stream.shutdown(std::net::Shutdown::Write));
        let _answer = stream.take(1 << 20).read_to_end(&mut Vec::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_answers_bad_requests_with_codes_and_lives_through_nonsense() {
    let devnet = Devnet::up(&["--validators", "1"]);
    let node = devnet.node("main-1");
    let client = devnet.client("main-1");
    check_grpc(&client).await;
    talk_nonsense(node.grpc.trim_start_matches("http://"));
    let p2p: Vec<&str> = node.p2p.split('/').collect();
    let ["", "ip4", address, "tcp", port, ..] = p2p[..] else {
        panic!("an address: {}", node.p2p)
    };
    talk_nonsense(&format!("{address}:{port}"));
    nudge(&client).await.expect("the node goes on");
    let status = devnet.run(["devnet", "status"]).json();
    assert_eq!(status["nodes"][0]["state"], "running");
    assert_eq!(
        status["nodes"][0]["pid"], node.pid,
        "it is the same process"
    );

    // What the command line makes of a node that is not there, or of a key that it cannot open.
    let key = text(&devnet.identity("exporter").key_file);
    let wrong = devnet.at("wrong");
    write_private(Path::new(&wrong), "not the passphrase\n");
    let open = ["did", "create", "--key", &key, "--passphrase-file", &wrong];
    assert_eq!(devnet.ask("main-1", &open).refusal(), "WRONG_PASSPHRASE");
    let nowhere = [
        "did",
        "show",
        "did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2",
        "--node",
        "http://127.0.0.1:9",
    ];
    assert_eq!(starfire(nowhere).refusal(), "NODE_UNREACHABLE");
}

fn write_private(path: &Path, content: &str) {
    std::fs::write(path, content).unwrap();
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o600)).unwrap();
}

/// A usage error: exit code 2, as every command line has it.
fn misused(answer: &Answer) {
    assert_eq!(
        (answer.exit, answer.refusal().as_str()),
        (Some(2), "USAGE"),
        "{answer:?}"
    );
}

#[test]
fn the_command_line_says_by_code_what_is_wrong() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| text(&directory.path().join(name));
    misused(&starfire(["did", "create", "--colour", "red"]));
    misused(&starfire(["fly"]));
    misused(&starfire::<&str>([]));
    misused(&starfire(["did", "resolve", "did:bid:nobody"]));
    misused(&starfire(["verify", "p.json", "--max-age", "soon"]));
    misused(&starfire(["devnet", "up", "--sub", "cn01"]));

    let home = at("home");
    for line in [
        &["did", "create"][..],
        &["did", "create", "--node", "ftp://127.0.0.1"],
        &["did", "update", "--key", "k.json"],
        &["start", "--log", "inof"],
        &["devnet", "up", "--validators", "0"],
    ] {
        misused(&starfire(line.iter().copied().chain(["--home", &home])));
    }
    let refusals: [(&[&str], &str); 4] = [
        (&["devnet", "status"], "NO_DEVNET"),
        (&["key", "show", "missing.json"], "KEY_FILE"),
        (&["start"], "CONFIG"),
        (&["verify", "missing.json"], "FILE"),
    ];
    for (line, code) in refusals {
        let answer = starfire(line.iter().copied().chain(["--home", &home]));
        assert_eq!(answer.refusal(), code, "{line:?}");
    }
    for no_key in [
        "",
        "hello",
        "priSPKkWVk418PKAS66q4bsiE2c4dKuSSafZvNWyGGp2sJVtX0",
        "\u{1F511}",
    ] {
        assert_eq!(
            fed(["key", "show", "--stdin"], no_key).refusal(),
            "PRIVATE_KEY",
            "{no_key:?}"
        );
    }
    for (name, content) in [
        ("empty.json", ""),
        ("list.json", "[]"),
        ("deep.json", &"[".repeat(100_000)),
    ] {
        std::fs::write(at(name), content).unwrap();
        assert_eq!(
            starfire(["key", "show", &at(name)]).refusal(),
            "KEY_FILE",
            "{name}"
        );
        assert_eq!(
            starfire(["genesis", "show", &at(name)]).refusal(),
            "GENESIS",
            "{name}"
        );
    }
}

#[test]
fn an_answer_that_cannot_be_written_is_a_failure() {
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .expect("Linux has it");
    let vector = "priSPKkWVk418PKAS66q4bsiE2c4dKuSSafZvNWyGGp2sJVtXL";
    let directory = tempfile::tempdir().unwrap();
    let key = directory.path().join("key");
    write_private(&key, vector);
    for line in [&["key", "export", &text(&key)][..], &["--help"]] {
        let output = std::process::Command::new(binary())
            .args(line)
            .stdout(full.try_clone().expect("a descriptor is left"))
            .output()
            .expect("the binary runs");
        assert_eq!(output.status.code(), Some(1), "{line:?}");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.starts_with("error: FILE: "), "{told}");
    }
}

#[test]
fn a_node_does_not_start_from_a_broken_home_and_says_what_is_broken() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().join("home");
    let at = text(&home);
    let listen = [
        "--p2p-listen",
        "/ip4/127.0.0.1/tcp/0",
        "--gateway-listen",
        "127.0.0.1:0",
    ];
    let init = ["init", "--name", "main-1", "--role", "super", "--home", &at];
    starfire([&init[..], &listen[..]].concat()).json();
    let start = || starfire(["start", "--home", &at]);
    assert!(
        starfire(init).exit != Some(0),
        "a home is never written over"
    );

    let (config, genesis) = (home.join("config.toml"), home.join("genesis.json"));
    let good = std::fs::read_to_string(&config).unwrap();
    for (bad, complaint) in [
        (good.replace("[gateway]", "[gateway]\ncolour = 1"), "colour"),
        (good.replace("role = \"super\"", "role = \"king\""), "king"),
        (good.replace("[p2p]", "[p2p"), "config.toml"),
        (String::new(), "config.toml"),
    ] {
        std::fs::write(&config, bad).unwrap();
        let answer = start();
        assert_eq!(answer.refusal(), "CONFIG");
        assert!(
            answer.err.contains(complaint),
            "{complaint}: {}",
            answer.err
        );
    }
    std::fs::write(&config, &good).unwrap();

    let draft = text(&directory.path().join("draft.json"));
    let card = text(&home.join("member.json"));
    let collect = [
        "genesis",
        "collect",
        &card,
        "--chain-id",
        "starfire-main-1",
        "--out",
        &draft,
    ];
    starfire(collect).json();
    let draft = std::fs::read_to_string(draft).unwrap();
    for (bad, what) in [
        ("{}".to_owned(), "no genesis at all"),
        (draft[..draft.len() / 2].to_owned(), "half a file"),
        (
            draft.replace("starfire-genesis/1", "starfire-genesis/9"),
            "another format",
        ),
    ] {
        std::fs::write(&genesis, bad).unwrap();
        let answer = start();
        assert_eq!(answer.refusal(), "GENESIS", "{what}");
        assert!(answer.err.contains("genesis"), "{what}: {}", answer.err);
    }
    std::fs::write(&genesis, &draft).unwrap();
    assert_eq!(start().refusal(), "CEREMONY", "nobody signed it");

    let [signature, signed] =
        ["sig.json", "signed.json"].map(|name| text(&directory.path().join(name)));
    let drafted = text(&genesis);
    starfire([
        "genesis", "sign", &drafted, "--home", &at, "--out", &signature,
    ])
    .json();
    starfire(["genesis", "build", &drafted, &signature, "--out", &signed]).json();
    std::fs::copy(&signed, &genesis).unwrap();
    let wrong = text(&directory.path().join("wrong"));
    write_private(Path::new(&wrong), "not the passphrase\n");
    let answer = starfire(["start", "--home", &at, "--passphrase-file", &wrong]);
    assert_eq!(answer.refusal(), "WRONG_PASSPHRASE");
    let psk = home.join("network.psk");
    std::fs::write(&psk, "ab".repeat(32)).unwrap();
    std::fs::set_permissions(&psk, PermissionsExt::from_mode(0o644)).unwrap();
    let shared = good.replace("# psk_file", "psk_file");
    std::fs::write(&config, &shared).unwrap();
    assert_eq!(
        start().refusal(),
        "KEY_FILE_OPEN",
        "the network's key is a secret"
    );
    std::fs::write(&config, &good).unwrap();
    let node_key = home.join("keys/node.json");
    let kept = std::fs::read_to_string(&node_key).unwrap();
    write_private(&node_key, "{}");
    assert_eq!(start().refusal(), "KEY_FILE");
    write_private(&node_key, &kept);

    let key = home.join("keys/validator.json");
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o644)).unwrap();
    assert_eq!(start().refusal(), "KEY_FILE_OPEN");
    std::fs::remove_file(&key).unwrap();
    assert_eq!(start().refusal(), "KEY_FILE");
}
