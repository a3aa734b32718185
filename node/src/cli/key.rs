//! `starfire key`: make, show, import and export keys in BIF's encodings.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use starfire_did::{ChainCode, KeyAlgorithm, PrivateKey, PublicKey};
use zeroize::Zeroizing;

use super::context::Context;
use super::output::Report;
use crate::ceremony::{CARD_BYTES_MAX, MemberCard};
use crate::failure::Failure;
use crate::file;
use crate::home::KeyRole;
use crate::keystore;

/// No private key is longer.
const INPUT_BYTES_MAX: u64 = 256;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a key and keep it in an encrypted file
    New(New),
    /// Print algorithm, public key and DID of a key file, or of a BIF private key on standard input
    Show(Show),
    /// Keep a BIF private key, read from standard input, in an encrypted file
    Import(Import),
    /// Print the BIF private key of a key file
    Export(Export),
    /// Make the key that shall replace the node's validator key, and the member card for the motion about it
    Next(Next),
}

/// What signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Algorithm {
    /// Ed25519 (RFC 8032)
    Ed25519,
    /// SM2 with SM3 (GB/T 32918)
    Sm2,
}

impl From<Algorithm> for KeyAlgorithm {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Ed25519 => Self::Ed25519,
            Algorithm::Sm2 => Self::Sm2,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct New {
    /// What the key signs with
    #[arg(long, value_enum, default_value = "ed25519")]
    algorithm: Algorithm,
    /// Code of the sub-chain whose DID the key is for; without it, the main chain
    #[arg(long, value_name = "CODE")]
    chain_code: Option<ChainCode>,
    /// The new file [default: HOME/keys/DID.json]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// A key file; its public part needs no passphrase
    #[arg(required_unless_present = "stdin", conflicts_with = "stdin")]
    file: Option<PathBuf>,
    /// Read a BIF private key from standard input
    #[arg(long)]
    stdin: bool,
    /// Code of the sub-chain whose DID to print; without it, the main chain
    #[arg(long, value_name = "CODE", requires = "stdin")]
    chain_code: Option<ChainCode>,
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// Code of the sub-chain whose DID the key is for; without it, the main chain
    #[arg(long, value_name = "CODE")]
    chain_code: Option<ChainCode>,
    /// The new file [default: HOME/keys/DID.json]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The key file
    file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Next {
    /// Replace the node key, which is the peer id, and not the validator key
    #[arg(long)]
    node_key: bool,
}

pub(crate) fn run(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::New(New {
            algorithm,
            chain_code,
            out,
        }) => {
            let key = keystore::generate(algorithm.into())?;
            context
                .output
                .report(&keep(context, &key, chain_code.as_ref(), out)?.report())?;
        }
        Command::Show(Show {
            file: Some(file), ..
        }) => {
            let file = keystore::public(&file)?;
            let report = Report::new()
                .with("algorithm", file.algorithm)
                .with("public_key", file.public_key);
            context.output.report(&report.with("did", file.address))?;
        }
        Command::Show(Show {
            file: None,
            chain_code,
            ..
        }) => {
            context
                .output
                .report(&described(&read_stdin()?.public(), chain_code.as_ref()))?;
        }
        Command::Import(Import { chain_code, out }) => {
            let key = read_stdin()?;
            context
                .output
                .report(&keep(context, &key, chain_code.as_ref(), out)?.report())?;
        }
        Command::Export(Export { file }) => {
            let key = context.key(&file)?;
            context.output.report(
                &described(&key.public(), None).with("private_key", key.to_text().as_str()),
            )?;
        }
        Command::Next(Next { node_key }) => context.output.report(&next(context, node_key)?)?,
    }
    Ok(())
}

/// A key file that was just written.
pub(crate) struct Kept {
    /// The key file.
    pub(crate) path: PathBuf,
    passphrase: Option<PathBuf>,
    public: keystore::KeyFile,
}

impl Kept {
    fn report(self) -> Report {
        Report::new()
            .with("algorithm", self.public.algorithm)
            .with("public_key", self.public.public_key)
            .with("did", self.public.address)
            .with("key_file", self.path.display().to_string())
            .with_some(
                "passphrase_file",
                self.passphrase.map(|path| path.display().to_string()),
            )
    }
}

/// Keeps a key in a new file, by default in the home and named after its DID.
pub(crate) fn keep(
    context: &Context,
    key: &PrivateKey,
    code: Option<&ChainCode>,
    out: Option<PathBuf>,
) -> Result<Kept, Failure> {
    let path = match out {
        Some(path) => path,
        None => context.home()?.keys().join(format!(
            "{}.json",
            key.public().address(code).to_string().replace(':', "-")
        )),
    };
    if path.exists() {
        return Err(Failure::file(
            "write",
            &path,
            &std::io::ErrorKind::AlreadyExists.into(),
        ));
    }
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)
            .map_err(|error| Failure::file("create", directory, &error))?;
    }
    let (passphrase, passphrase_file) =
        context.new_passphrase(&keystore::passphrase_beside(&path))?;
    let public = keystore::create(&path, key, code, &passphrase)?;
    Ok(Kept {
        path,
        passphrase: passphrase_file,
        public,
    })
}

/// A new key beside the one in use, and a card that names it. Neither is used before a motion says so.
fn next(context: &Context, node_key: bool) -> Result<Report, Failure> {
    let home = context.home()?;
    let card = file::read(&home.member_card(), CARD_BYTES_MAX)?;
    let card =
        MemberCard::parse(&card).map_err(|error| Failure::content(&home.member_card(), error))?;
    let passphrase = context.passphrase_for(&home.key(KeyRole::Validator), "passphrase: ")?;
    let load = |role| keystore::load(&home.key(role), &passphrase);
    let account = load(KeyRole::Account)?;
    let key = keystore::generate(KeyAlgorithm::Ed25519)?;
    let (path, card) = if node_key {
        let card = card.with_node_key(&key, &load(KeyRole::Validator)?, &account)?;
        (home.next_node_key(), card)
    } else {
        (
            home.next_validator_key(),
            card.with_validator_key(&key, &account)?,
        )
    };
    let next_card = home.next_member_card();
    // The key first, which is never written over: a motion may name it already.
    keystore::create(
        &path,
        &key,
        card.address().chain_code().as_ref(),
        &passphrase,
    )?;
    file::replace(&next_card, &card.encode())?;
    Ok(Report::new()
        .with("validator_key", card.validator_key())
        .with("peer", card.peer())
        .with("key_file", path.display().to_string())
        .with("member_card", next_card.display().to_string()))
}

fn described(key: &PublicKey, code: Option<&ChainCode>) -> Report {
    Report::new()
        .with("algorithm", key.algorithm().name())
        .with("public_key", key.to_string())
        .with("did", key.address(code).to_string())
}

fn read_stdin() -> Result<PrivateKey, Failure> {
    let mut text = Zeroizing::new(String::new());
    std::io::stdin()
        .take(INPUT_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(|error| Failure::file("read", Path::new("standard input"), &error))?;
    parse(&text)
}

fn parse(text: &str) -> Result<PrivateKey, Failure> {
    PrivateKey::parse(text.trim()).map_err(|error| {
        Failure::new(
            "PRIVATE_KEY",
            error.to_string(),
            "a BIF private key is one word such as priSPK… (Ed25519) or priSrr… (SM2)",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_private_keys_show_their_published_public_keys_and_dids() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../../tests/vectors/keys.json")).unwrap();
        for vector in vectors["keys"].as_array().unwrap() {
            let text = format!("{}\n", vector["private_key"].as_str().unwrap());
            let shown =
                serde_json::to_value(described(&parse(&text).unwrap().public(), None)).unwrap();
            for field in ["algorithm", "public_key", "did"] {
                assert_eq!(shown[field], vector[field], "{field}");
            }
        }
    }

    #[test]
    fn what_is_no_private_key_says_what_one_looks_like() {
        let failure = parse("hello").err().unwrap();
        assert_eq!(failure.code, "PRIVATE_KEY");
        assert!(failure.hint.contains("priSPK"));
    }
}
