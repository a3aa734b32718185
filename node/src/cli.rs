//! The command line: one file a command, each a straight line from arguments to one report.
//!
//! Every command takes `--json`, exits 0 only on success, and says on standard error why it refused and what to do next:
//! `error: CODE: what; hint: next step`.

mod anchor;
mod bench;
mod certificate;
mod context;
mod db;
mod devnet;
mod did;
mod evidence;
mod genesis;
mod init;
mod key;
mod member;
mod opaque;
pub(crate) mod output;
mod proof;
mod start;
mod state;
mod trust;
mod tx;
mod vc;
mod verify;

use std::ffi::OsString;
use std::panic;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::failure::Failure;
use crate::rocks::Unreadable;
use context::Context;
use output::Output;

/// The exit code of a command that did not understand its arguments.
const EXIT_USAGE: u8 = 2;
const EXIT_FAILURE: i32 = 1;

/// Starfire: a permissioned blockchain node with a DID registry
#[derive(Debug, Parser)]
#[command(name = "starfire", version, disable_help_subcommand = true)]
struct Cli {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
struct Options {
    /// Directory of the node, the devnet or the user's pins and keys [default: ~/.starfire]
    #[arg(long, global = true, value_name = "DIR")]
    home: Option<PathBuf>,
    /// Gateway to talk to, e.g. http://127.0.0.1:26680
    #[arg(long, global = true, value_name = "URL", env = "STARFIRE_NODE")]
    node: Option<String>,
    /// File whose first line unlocks key files
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "STARFIRE_PASSPHRASE_FILE"
    )]
    passphrase_file: Option<OsString>,
    /// Print one JSON object; failures too
    #[arg(long, global = true)]
    json: bool,
}

impl Options {
    /// As commands take them. A variable that is set and empty is as good as none.
    fn context(self) -> Context {
        Context {
            output: Output::new(self.json),
            home: self.home,
            node: self.node.filter(|node| !node.is_empty()),
            passphrase_file: self
                .passphrase_file
                .filter(|file| !file.is_empty())
                .map(PathBuf::from),
        }
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a node's home: configuration, keys, member card
    Init(init::Init),
    /// Agree on a chain's genesis
    #[command(subcommand)]
    Genesis(genesis::Command),
    /// Run the node of a home
    Start(start::Start),
    /// Run whole chains on this machine
    #[command(subcommand)]
    Devnet(devnet::Command),
    /// Make, show, import and export keys
    #[command(subcommand)]
    Key(key::Command),
    /// Register, change and resolve DIDs
    #[command(subcommand)]
    Did(did::Command),
    /// Commit to files, and check them
    #[command(subcommand)]
    Evidence(evidence::Command),
    /// Issue, verify and revoke certificates
    #[command(subcommand)]
    Certificate(certificate::Command),
    /// Issue, verify, present and revoke credentials
    #[command(subcommand)]
    Vc(vc::Command),
    /// Verify a proof file or a saved answer of a gateway offline
    Verify(verify::Verify),
    /// Pin main chains
    #[command(subcommand)]
    Trust(trust::Command),
    /// Look at transactions, and send prepared ones
    #[command(subcommand)]
    Tx(tx::Command),
    /// Members, motions and accreditations
    #[command(subcommand)]
    Member(member::Command),
    /// Anchors of sub-chains
    #[command(subcommand)]
    Anchor(anchor::Command),
    /// Look at the store of a stopped node
    #[command(subcommand)]
    Db(db::Command),
    /// Measure networks on this machine
    #[command(subcommand)]
    Bench(bench::Command),
    #[command(subcommand, hide = true)]
    Opaque(opaque::Command),
}

/// Runs the program with the process's arguments.
pub fn main() -> ExitCode {
    run(std::env::args_os().collect())
}

fn run(arguments: Vec<OsString>) -> ExitCode {
    let asked_for_json = arguments.iter().any(|argument| argument == "--json");
    match Cli::try_parse_from(arguments) {
        Ok(Cli { options, command }) => {
            let context = options.context();
            end_when_unreadable(context.output);
            match execute(command, &context) {
                Ok(()) => ExitCode::SUCCESS,
                Err(failure) => ended(context.output, &failure),
            }
        }
        Err(error) if error.use_stderr() && asked_for_json => {
            let complaint = complaint(&error);
            let hint = "--help shows what the command takes";
            ended(Output::new(true), &Failure::usage(complaint, hint))
        }
        Err(error) if error.use_stderr() => {
            // A usage error in clap's own words. Nothing is left to do when the terminal is gone.
            let _closed = error.print();
            ExitCode::from(EXIT_USAGE)
        }
        // Help, or the version.
        Err(help) => match output::said(help.print()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => ended(Output::new(asked_for_json), &failure),
        },
    }
}

/// Tells a failure; the exit code that goes with it.
fn ended(output: Output, failure: &Failure) -> ExitCode {
    output.failure(failure);
    match failure.code.as_str() {
        Failure::USAGE => ExitCode::from(EXIT_USAGE),
        _ => ExitCode::FAILURE,
    }
}

/// Ends the process, with a code, when any thread meets a store that cannot be read.
fn end_when_unreadable(output: Output) {
    let other = panic::take_hook();
    panic::set_hook(Box::new(move |panicked| {
        let Some(unreadable) = panicked.payload().downcast_ref::<Unreadable>() else {
            return other(panicked);
        };
        output.failure(&Failure::caused(
            Unreadable::CODE,
            unreadable,
            Unreadable::HINT,
        ));
        std::process::exit(EXIT_FAILURE);
    }));
}

/// What clap complains about, in one line.
fn complaint(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines = text
        .lines()
        .take_while(|line| !line.starts_with("Usage:"))
        .map(str::trim);
    lines
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
        .trim_start_matches("error: ")
        .to_owned()
}

fn execute(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::Init(arguments) => init::run(arguments, context),
        Command::Genesis(command) => genesis::run(command, context),
        // A node builds its own runtime, on all cores.
        Command::Start(arguments) => start::run(&arguments, context),
        Command::Devnet(command) => wait(devnet::run(command, context)),
        Command::Key(command) => key::run(command, context),
        Command::Did(command) => wait(did::run(command, context)),
        Command::Evidence(command) => wait(evidence::run(command, context)),
        Command::Certificate(command) => wait(certificate::run(command, context)),
        Command::Vc(command) => wait(vc::run(command, context)),
        Command::Verify(arguments) => verify::run(&arguments, context),
        Command::Trust(command) => wait(trust::run(command, context)),
        Command::Tx(command) => wait(tx::run(command, context)),
        Command::Member(command) => wait(member::run(command, context)),
        Command::Anchor(command) => wait(anchor::run(command, context)),
        Command::Db(command) => db::run(&command, context),
        Command::Bench(command) => bench::run(command, context),
        Command::Opaque(command) => opaque::run(command, context),
    }
}

/// Runs a client's command on this thread.
fn wait(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::caused(
                "RUNTIME",
                &error,
                "the machine may be out of file descriptors",
            )
        })?;
    runtime.block_on(command)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_tree_is_sound() {
        Cli::command().debug_assert();
    }

    /// An argument of the same id would be filled by the option's environment variable.
    #[test]
    fn no_command_has_an_argument_by_the_name_of_a_global_option() {
        fn check(command: &clap::Command, globals: &[String]) {
            for inner in command.get_subcommands() {
                for argument in inner.get_arguments() {
                    let name = argument.get_id().to_string();
                    assert!(!globals.contains(&name), "{} {name}", inner.get_name());
                }
                check(inner, globals);
            }
        }
        let whole = Cli::command();
        let globals = whole
            .get_arguments()
            .filter(|argument| argument.is_global_set());
        let globals: Vec<_> = globals
            .map(|argument| argument.get_id().to_string())
            .collect();
        assert_eq!(globals.len(), 4);
        check(&whole, &globals);
    }

    #[test]
    fn every_command_parses_as_documented() {
        for line in [
            "init --home d --name main-1 --role super --organisation O",
            "genesis collect a.json b.json --chain-id starfire-main-1 --out genesis.json",
            "genesis sign genesis.json --home d",
            "genesis build genesis.json a.json --out final.json",
            "genesis show genesis.json",
            "start --home d --passphrase-file p --log debug",
            "key new --algorithm sm2 --json",
            "key show --stdin --json",
            "key show k.json",
            "did create --node http://127.0.0.1:1 --key k.json --json",
            "did update --key k --with l m --guardian did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2=2 --guardian-threshold 2 --recovery-delay 7d",
            "did update --key k --no-guardians --controller did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2=3 --controller-threshold 3",
            "did recover did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2 --key g --with h --new-key k --node http://127.0.0.1:1 --json",
            "did recover did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2 --key g --algorithm sm2 --out k.json",
            "did recover did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2 --key g --end --reason lost --main http://127.0.0.1:1 --force",
            "did deactivate --key k --main http://127.0.0.1:1",
            "did veto --key k --did did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2",
            "did complete did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2 --key k",
            "did consent --key a b --node http://127.0.0.1:1",
            "did consent --key a --document d.json",
            "did batch creations.jsonl --key k --with m --skip 10000 --out done.jsonl --json",
            "did resource add logo logo.png --key k --media-type image/png",
            "did resource list did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2 --name logo",
            "did resource show did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2 logo --version 1 --out f",
            "did resolve did:bid:cn01:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2 --node http://127.0.0.1:1 --proof p.json",
            "evidence add f --node http://127.0.0.1:1 --key k.json --algorithm sm3 --public --proof p.json",
            "evidence check f --node http://127.0.0.1:1",
            "certificate issue f --node http://127.0.0.1:1 --main http://127.0.0.1:2 --key k --type CertificateOfOrigin --jurisdiction CN --out d",
            "certificate issue f --node http://127.0.0.1:1 --key k --type T --jurisdiction CN --out d --as-file",
            "certificate verify p.json --document d.json --trust t.json --pin ab --max-age 24h",
            "vc issue c.json --key k --issuer did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2 --method #key-2 --suite eddsa-rdfc-2022 --status revoked:7 --valid-until 2027-01-01 --out v.json",
            "vc issue - --key k --did-method key --format sd-jwt --sd /name --sd /address/city",
            "vc verify v.json --documents a.json b.json --status-list l.json --accredited CN --type CertificateOfOrigin --challenge c --domain d --offline --json",
            "vc present v.json w.jwt --key k --holder did:key:z6Mk --challenge c --domain d --format jwt",
            "vc present s.txt --key k --challenge c --domain d --disclose /name",
            "vc present s.txt --key k --disclose /name",
            "vc verify v.json --accredited CN --proofs a.json s.json --offline",
            "vc revoke --list revoked --index 7 --key k --node http://127.0.0.1:1",
            "vc status create revoked --key k --purpose revocation --length 131072 --ttl 300",
            "vc status set revoked --key k --set 1 2 3",
            "vc status show did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2/status-lists/revoked --index 7",
            "vc status publish revoked --key k --issuer did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2 --format jwt",
            "vc accreditation grant --issuer did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2 --type T --jurisdiction CN --from 2026-01-01 --until 2027-01-01 --depth 1 --only-accredits --key k",
            "vc accreditation revoke --issuer did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2 --type T --jurisdiction CN --reason R --key k --did did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2",
            "vc accreditation show did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2 --type T --jurisdiction CN --at 2026-06-01",
            "vc schema register origin s.json --key k",
            "vc schema retire origin --version 1 --key k",
            "vc schema show did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2/schemas/origin/1 --out s.json",
            "verify p.json --did-url did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2?service=a",
            "verify p.json --document d.json --trust t.json --pin ab --max-age 3650d --json",
            "trust export --node http://127.0.0.1:1 --fingerprint",
            "trust pin t.json --pin ab",
            "trust update --node http://127.0.0.1:1",
            "db verify --home d --json",
            "tx wait 0000000000000000000000000000000000000000000000000000000000000000 --seconds 5",
            "member propose accredit --issuer did:bid:cn01:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2 --type T --jurisdiction CN --from 2026-01-01 --until 2027-01-01 --key k --node http://127.0.0.1:1",
            "member propose accredit --issuer did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2 --type T --jurisdiction CN --from 2026-01-01 --until 2027-01-01 --depth 2 --only-accredits --key k",
            "member propose admit member.json --power 0 --key k --node http://127.0.0.1:1",
            "member propose remove did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2 --reason R --key k",
            "member propose power did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2 --power 10 --key k",
            "member propose rotate-key member-next.json --key k",
            "member propose rotate-node member-next.json --key k",
            "member vote 1 --approve --key k",
            "key next --home d",
            "key next --home d --node-key",
            "anchor status --node http://127.0.0.1:1",
            "devnet up --home d --validators 4 --sub cn01:4 --sub my01:4 --profile bif --json",
            "devnet kill main-1 --home d",
            "devnet pause all --home d",
            "devnet status --home d",
            "devnet down --home d",
            "bench run --mode durable --validators 4 --routing broadcast --rate 500 --seconds 10 --accounts 1000 --clients 2 --json",
            "bench run --mode idle --validators 7",
            "bench run --rate saturate",
            "bench scaling --validators 4,7 --routing collector --seconds 5",
            "bench gap --fault censor --times 3 --json",
            "bench restart --times 50",
            "bench report docs/benchmarks docs/performance.md",
        ] {
            let arguments = std::iter::once("starfire").chain(line.split(' '));
            if let Err(error) = Cli::try_parse_from(arguments) {
                panic!("{line}: {error}");
            }
        }
    }

    #[test]
    fn what_makes_no_sense_together_is_refused() {
        const DID: &str = "did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2";
        for line in [
            format!("did recover {DID} --key g --end --new-key k"),
            format!("did recover {DID} --key g --reason lost"),
            format!("did recover {DID} --key g --force"),
            format!("did recover {DID} --key g --main http://127.0.0.1:1"),
            format!("did update --key k --guardian {DID} --no-guardians"),
            "did update --key k --recovery-delay 7d".to_owned(),
            "did update --key k --controller-threshold 2".to_owned(),
            format!("vc accreditation show {DID} --type T"),
            format!("vc accreditation show {DID} --at 2026-06-01"),
            format!("vc accreditation show {DID} --proof p.json"),
            format!("vc status show {DID}/status-lists/revoked --proof p.json"),
            "vc present s.txt --key k --challenge c".to_owned(),
            "did update --key k --force".to_owned(),
            format!("did show {DID} --version 0"),
        ] {
            let arguments = std::iter::once("starfire").chain(line.split(' '));
            assert!(Cli::try_parse_from(arguments).is_err(), "{line}");
        }
    }

    #[test]
    fn a_variable_that_is_set_and_empty_counts_as_unset() {
        let line = [
            "starfire",
            "did",
            "show",
            "did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2",
        ];
        // As clap takes the variables' values.
        let options = ["--node", "", "--passphrase-file", ""];
        let cli = Cli::try_parse_from(line.into_iter().chain(options)).unwrap();
        let context = cli.options.context();
        assert_eq!(
            (context.node.as_deref(), context.passphrase_file.as_deref()),
            (None, None)
        );
        assert_eq!(context.client().unwrap_err().message, "which node?");
    }

    #[test]
    fn a_usage_error_names_what_is_missing() {
        let error = Cli::try_parse_from(["starfire", "key", "show"])
            .err()
            .unwrap();
        assert_eq!(
            complaint(&error),
            "the following required arguments were not provided: <FILE>"
        );
    }
}
