//! What every command may need: where to print, which home, which node, which passphrase.

use std::io::{BufRead, IsTerminal};
use std::path::{Path, PathBuf};

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use starfire_did::PrivateKey;
use zeroize::Zeroizing;

use super::output::Output;
use crate::client::Client;
use crate::failure::Failure;
use crate::home::Home;
use crate::keystore::{self, Passphrase};

/// The global options.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    /// Where answers go.
    pub(crate) output: Output,
    /// `--home`.
    pub(crate) home: Option<PathBuf>,
    /// `--node` or STARFIRE_NODE.
    pub(crate) node: Option<String>,
    /// `--passphrase-file` or STARFIRE_PASSPHRASE_FILE.
    pub(crate) passphrase_file: Option<PathBuf>,
}

impl Context {
    /// `--home`, or `~/.starfire`.
    pub(crate) fn home(&self) -> Result<Home, Failure> {
        match &self.home {
            Some(home) => Ok(Home::at(home)),
            None => std::env::home_dir()
                .map(|user| Home::at(user.join(".starfire")))
                .ok_or_else(|| {
                    Failure::usage("there is no home directory", "name one by --home DIR")
                }),
        }
    }

    /// The node that `--node` names.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        let Some(node) = &self.node else {
            return Err(Failure::usage(
                "which node?",
                "add --node URL or set STARFIRE_NODE; a devnet's are in HOME/devnet.json under \"grpc\"",
            ));
        };
        Ok(Client::connect(node)?)
    }

    /// Opens a key file. A file that holds a bare BIF private key is taken too.
    pub(crate) fn key(&self, path: &Path) -> Result<PrivateKey, Failure> {
        if let Some(text) = bare_key(path, self.output)? {
            return PrivateKey::parse(text.trim()).map_err(|error| Failure::content(path, error));
        }
        // Read what is public first: a missing file should not ask for a passphrase.
        let file = keystore::public(path)?;
        let passphrase = self.passphrase_for(path, &format!("passphrase of {}: ", file.address))?;
        Ok(keystore::load(path, &passphrase)?)
    }

    /// The passphrase of an existing key file: as told, beside the file, or typed.
    pub(crate) fn passphrase_for(&self, path: &Path, prompt: &str) -> Result<Passphrase, Failure> {
        let found = || {
            keystore::passphrase_places(path)
                .into_iter()
                .find(|place| place.exists())
        };
        match self.passphrase_file.clone().or_else(found) {
            Some(file) => Ok(Passphrase::read_file(&file)?),
            None => self.typed(prompt),
        }
    }

    /// A passphrase for new keys: as told, typed twice, or, with nobody there, made up and written to `fallback`.
    /// The second value is that file.
    pub(crate) fn new_passphrase(
        &self,
        fallback: &Path,
    ) -> Result<(Passphrase, Option<PathBuf>), Failure> {
        if let Some(file) = &self.passphrase_file {
            return Ok((Passphrase::read_file(file)?, Some(file.clone())));
        }
        if !std::io::stdin().is_terminal() || self.output.is_json() {
            let passphrase = Passphrase::generate()?;
            passphrase.write_file(fallback)?;
            return Ok((passphrase, Some(fallback.to_owned())));
        }
        let first = self.typed("new passphrase: ")?;
        if first != self.typed("once more: ")? {
            return Err(Failure::new(
                "PASSPHRASE",
                "the two passphrases differ",
                "type the same one twice",
            ));
        }
        Ok((first, None))
    }

    fn typed(&self, prompt: &str) -> Result<Passphrase, Failure> {
        let stdin = std::io::stdin();
        if !stdin.is_terminal() {
            return Err(Failure::new(
                "PASSPHRASE",
                "a passphrase is needed and nobody is there to type it",
                "name its file by --passphrase-file or STARFIRE_PASSPHRASE_FILE",
            ));
        }
        self.output.prompt(prompt);
        let line = read_unechoed().map_err(|error| Failure::caused("PASSPHRASE", &error, ""))?;
        self.output.prompt("\n");
        let line = line.trim_end_matches(['\r', '\n']);
        if line.is_empty() {
            return Err(Failure::new(
                "PASSPHRASE",
                "the passphrase is empty",
                "type at least one character",
            ));
        }
        Ok(Passphrase::new(line.to_owned()))
    }
}

/// The text of a file that holds a bare BIF private key.
fn bare_key(path: &Path, output: Output) -> Result<Option<Zeroizing<String>>, Failure> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) => return Err(Failure::file("read", path, &error)),
    };
    if !text.starts_with("pri") {
        return Ok(None);
    }
    // The same care as for sealed ones.
    // Scripts write such files as they come; a sealed key file would be refused.
    if let Err(error) = keystore::check_private(path) {
        output.warn(&error.to_string());
    }
    Ok(Some(text))
}

/// One line from the terminal, not shown while it is typed.
fn read_unechoed() -> std::io::Result<Zeroizing<String>> {
    let stdin = std::io::stdin();
    let before = tcgetattr(&stdin)?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&stdin, OptionalActions::Flush, &silent)?;
    let mut line = Zeroizing::new(String::new());
    let read = stdin.lock().read_line(&mut line);
    tcsetattr(&stdin, OptionalActions::Flush, &before)?;
    read.map(|_| line)
}
