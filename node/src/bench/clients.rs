//! The client processes of a measurement, from the harness's side.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::job::{Job, Ready, Start};
use crate::failure::Failure;

/// What a process is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// It sends payments.
    Client,
    /// It asks for DIDs.
    ResolverClient,
    /// It answers nothing, to be compared with.
    Empty,
}

impl Role {
    /// Its subcommand of `bench`.
    fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::ResolverClient => "resolver-client",
            Self::Empty => "empty",
        }
    }

    /// How it is started. A client that wakes up must not drive out what it measures, with which it shares the processors; `chrt`
    /// becomes the client. What is compared with a node runs as a node does.
    fn command(self, binary: &Path) -> Command {
        match self {
            Self::Client | Self::ResolverClient => {
                let mut command = Command::new("chrt");
                command.args(["--batch", "0"]).arg(binary);
                command
            }
            Self::Empty => Command::new(binary),
        }
    }
}

/// Client processes. When it is dropped they are gone.
#[derive(Debug)]
pub(crate) struct Clients(Vec<Process>);

#[derive(Debug)]
struct Process {
    child: Child,
    /// Its end tells the client that nobody waits any more.
    input: ChildStdin,
    output: Option<BufReader<ChildStdout>>,
}

impl Clients {
    /// Starts one process for each job; returns when all have signed their payments.
    pub(crate) async fn start(jobs: &[Job]) -> Result<Self, Failure> {
        Self::start_as::<Ready>(Role::Client, jobs)
            .await
            .map(|(clients, _)| clients)
    }

    /// Starts one process of this role for each job; returns when all are ready, with what each said then.
    pub(crate) async fn start_as<R: DeserializeOwned + Send + 'static>(
        role: Role,
        jobs: &[impl Serialize],
    ) -> Result<(Self, Vec<R>), Failure> {
        let processes = jobs.iter().map(|job| Process::start(role, job));
        let mut clients = Self(processes.collect::<Result<_, _>>()?);
        let ready = clients.hear().await?;
        Ok((clients, ready))
    }

    /// The processes' numbers, in the order of their jobs.
    pub(crate) fn pids(&self) -> Vec<u32> {
        self.0.iter().map(|process| process.child.id()).collect()
    }

    /// Lets all begin at this Unix time, milliseconds.
    pub(crate) fn go(&mut self, at_ms: i64) -> Result<(), Failure> {
        let start = Start { at_ms };
        self.0
            .iter_mut()
            .try_for_each(|process| process.tell(&start))
    }

    /// Waits for what came of all jobs.
    pub(crate) async fn outcomes<T: DeserializeOwned + Send + 'static>(
        mut self,
    ) -> Result<Vec<T>, Failure> {
        self.hear().await
    }

    /// One line of each. They are read on threads of their own: if this wait is given up, the clients are killed and the threads end.
    async fn hear<T: DeserializeOwned + Send + 'static>(&mut self) -> Result<Vec<T>, Failure> {
        let mut heard = Vec::new();
        for process in &mut self.0 {
            let Some(mut output) = process.output.take() else {
                return Err(Failure::new("BENCH", "a client was given up before", ""));
            };
            let (output, line) = tokio::task::spawn_blocking(move || {
                let mut line = String::new();
                output.read_line(&mut line).map(|_| (output, line))
            })
            .await
            .map_err(|error| Failure::caused("BENCH", &error, ""))?
            .map_err(|error| Failure::caused("BENCH", &error, ""))?;
            process.output = Some(output);
            heard.push(serde_json::from_str(&line).map_err(|_| {
                Failure::new(
                    "BENCH",
                    "a client process ended without a result",
                    "its reason is on standard error",
                )
            })?);
        }
        Ok(heard)
    }
}

impl Process {
    fn start(role: Role, job: &impl Serialize) -> Result<Self, Failure> {
        let fault = |error: std::io::Error| Failure::caused("BENCH", &error, "");
        let binary = std::env::current_exe().map_err(fault)?;
        let mut child = role
            .command(&binary)
            .args(["bench", role.name()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| Failure::caused("BENCH", &error, "it needs chrt, of util-linux"))?;
        let input = child.stdin.take().expect("standard input is a pipe");
        let output = child.stdout.take().expect("standard output is a pipe");
        let mut process = Self {
            child,
            input,
            output: Some(BufReader::new(output)),
        };
        process.tell(job)?;
        Ok(process)
    }

    fn tell(&mut self, message: &impl Serialize) -> Result<(), Failure> {
        let mut line = serde_json::to_string(message).expect("a message is plain JSON");
        line.push('\n');
        self.input
            .write_all(line.as_bytes())
            .map_err(|error| Failure::caused("BENCH", &error, "a client process ended early"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself already.
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}
