//! Network namespaces on one bridge, and the packet filter in each.
//!
//! A holder process owns the user and mount namespaces in which the network namespaces have their names. It ends when its standard
//! input does, which is when the test ends, however that ends; the processes of the nodes are killed with the thread that started
//! them. Nothing else refers to the namespaces then, and the kernel removes them.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

/// Set to 1, it leaves out every test that needs namespaces.
const SKIP: &str = "STARFIRE_SKIP_NETNS";
/// Where `ip`, `nft` and `nsenter` stand, which is not in everybody's path.
pub(super) const PATH: &str = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin";
/// Makes the namespaces n1, n2, …, and says so; then stays until its input ends.
const HOLD: &str = r#"
set -e
mount -t tmpfs none /run
ip link add br0 type bridge
ip link set br0 up
for i in $(seq 1 "$1"); do
  ip netns add "n$i"
  ip link add "v$i" type veth peer name eth0 netns "n$i"
  ip link set "v$i" master br0 up
  ip -n "n$i" addr add "10.77.0.$i/24" dev eth0
  ip -n "n$i" link set eth0 up
  ip -n "n$i" link set lo up
  ip netns exec "n$i" nft add table inet faults
done
echo ready
exec cat
"#;

/// Places 1, 2, … on one bridge.
#[derive(Debug)]
pub(super) struct World {
    holder: Child,
}

impl World {
    /// So many places. None: the tests that need namespaces are to be left out.
    pub(super) fn new(places: usize) -> Option<Self> {
        if std::env::var_os(SKIP).is_some_and(|value| value == "1") {
            println!("left out, since {SKIP}=1: a test that needs network namespaces");
            return None;
        }
        let mut holder = Command::new("unshare")
            .args(["--user", "--map-root-user", "--net", "--mount"])
            .args(["sh", "-c", HOLD, "hold", &places.to_string()])
            .env("PATH", PATH)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("util-linux is installed: scripts/setup.sh --tests");
        let mut said = String::new();
        let output = holder.stdout.take().expect("its output is a pipe");
        BufReader::new(output).read_line(&mut said).ok();
        if said.trim() != "ready" {
            let mut complaint = String::new();
            let mut errors = holder.stderr.take().expect("its errors are a pipe");
            errors.read_to_string(&mut complaint).ok();
            panic!(
                "no network namespaces here: {}. Install iproute2 and nftables by scripts/setup.sh --tests, and allow user \
                 namespaces (sysctl kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0); or set \
                 {SKIP}=1 to leave these tests out",
                complaint.trim()
            );
        }
        Some(Self { holder })
    }

    /// The address of a place.
    pub(super) fn address(place: usize) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, 0, u8::try_from(place).expect("few places"))
    }

    /// A program that will run at a place. It is the process itself that is spawned, so its pid is the program's.
    pub(super) fn command(&self, place: usize, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--target={}", self.holder.id()))
            .args(["--preserve-credentials", "--user", "--net", "--mount", "--"])
            .args(["ip", "netns", "exec", &format!("n{place}")])
            .args(["setpriv", "--pdeathsig", "KILL", "--"])
            .arg(program)
            .env("PATH", PATH);
        command
    }

    /// A relay at a place: to `target` as seen from there, with delays up to this, from a socket out here. With the socket's URL.
    pub(super) fn door(&self, place: usize, target: &str) -> (Child, String) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there are ports");
        let address = listener.local_addr().expect("it listens");
        let relay = self
            .command(place, env!("CARGO_BIN_EXE_relay"))
            .args([target, "0"])
            .stdin(Stdio::from(OwnedFd::from(listener)))
            .spawn()
            .expect("the relay runs");
        (relay, format!("http://{address}"))
    }

    /// What a place does with packets that arrive there, in the packet filter's words; nothing: it takes them all.
    pub(super) fn filter(&self, place: usize, rules: &[String]) {
        self.nft(
            place,
            &format!(
                "flush table inet faults\n\
                 table inet faults {{\n\
                 chain arriving {{\n\
                 type filter hook input priority 0; policy accept;\n{}\n}}\n}}\n",
                rules.join("\n")
            ),
        );
    }

    /// Has connections to a port of a place go through a relay there, which delays what it passes on.
    pub(super) fn delay(&self, place: usize, port: u16, delay_ms_max: u64) -> Child {
        let own = Self::address(place);
        let detour = port + 1;
        self.nft(
            place,
            &format!(
                "table inet detour {{\n\
                 chain arriving {{\n\
                 type nat hook prerouting priority dstnat; policy accept;\n\
                 iifname \"eth0\" tcp dport {port} redirect to :{detour}\n}}\n}}\n"
            ),
        );
        self.command(place, env!("CARGO_BIN_EXE_relay"))
            .args([
                format!("{own}:{port}"),
                delay_ms_max.to_string(),
                format!("{own}:{detour}"),
            ])
            .stdin(Stdio::null())
            .spawn()
            .expect("the relay runs")
    }

    fn nft(&self, place: usize, script: &str) {
        let mut nft = self
            .command(place, "nft")
            .args(["-f", "-"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("nftables is installed: scripts/setup.sh --tests");
        let mut input = nft.stdin.take().expect("its input is a pipe");
        input.write_all(script.as_bytes()).expect("a short script");
        drop(input);
        let output = nft.wait_with_output().expect("it ends");
        assert!(
            output.status.success(),
            "{script}\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.holder.kill().ok();
        self.holder.wait().ok();
    }
}
