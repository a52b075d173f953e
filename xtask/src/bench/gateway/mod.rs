//! `cargo xtask bench gateway`: cost of the gateway, compared with nginx and a minimal proxy.
//!
//! All proxies have the same upstream, load and core, and are measured in turn (A B C A B C …), so that noise meets each
//! of them; a figure is the median of its rounds. Nothing is asserted. docs/performance.md explains the rows.

mod bodies;
mod load;
mod nginx;
mod proxy;
mod streams;
mod table;
mod wrk;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::environment::{self, Scratch};
use crate::output;
use crate::programs::{build, release_keyreeve};
use nginx::{Buffering, Nginx, Place};
use proxy::{Home, Proxy, Upstream, free_port, start_minimal, start_nginx};

/// Concurrent connections of the saturating load.
const CONNECTIONS: u32 = 64;
/// The core of the proxy, and that of load and upstream.
const PROXY_CORE: &str = "1";
const LOAD_CORE: &str = "0";
/// The credential that the upstream expects.
const CREDENTIAL: &str = "made-up-bearer-token";

/// Selection of the measurements.
pub(crate) struct Options {
    /// Only the two sizes of bodies, in short rounds.
    pub(crate) quick: bool,
    /// A further release build of keyreeve, measured in the same rounds.
    pub(crate) also: Option<PathBuf>,
}

impl Options {
    /// Parses the arguments after `gateway`.
    pub(crate) fn parse(arguments: &[&str]) -> Result<Self> {
        let mut options = Self {
            quick: false,
            also: None,
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match *argument {
                "--quick" => options.quick = true,
                "--also" => {
                    let path = arguments.next().context("--also needs a path")?;
                    options.also = Some(PathBuf::from(path));
                }
                _ => bail!("unknown option {argument}"),
            }
        }
        Ok(options)
    }
}

/// Programs and files that every measurement needs.
struct Bench<'a> {
    options: &'a Options,
    /// The release build under test.
    keyreeve: PathBuf,
    /// The proxy, upstream and load generators of `xtask/bench`.
    programs: PathBuf,
    scratch: Scratch,
}

/// Builds the programs and prints the tables.
pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    for program in ["nginx", "wrk", "taskset"] {
        ensure!(
            environment::find_program(program).is_some()
                || Path::new("/usr/sbin").join(program).is_file(),
            "{program} is not installed; run: apt-get install nginx-light wrk util-linux"
        );
    }
    build(root, &["--release", "--package", "keyreeve-bench"])?;
    let target = environment::target_dir(root);
    let bench = Bench {
        options,
        keyreeve: release_keyreeve(root),
        programs: target.join("release/keyreeve-bench"),
        scratch: Scratch::new(&target, "bench-gateway")?,
    };
    output::print_line(format_args!("commit {}", commit(root)));
    bodies::run(&bench)?;
    if options.quick {
        return Ok(());
    }
    streams::run(&bench)
}

impl Bench<'_> {
    /// Starts an upstream that sends the same response to every request.
    fn start_upstream(&self, tls: Option<&Path>) -> Result<(Nginx, u16)> {
        let folder = self.scratch.folder("nginx")?;
        let port = free_port()?;
        let place = Place {
            folder: &folder,
            name: &format!("upstream-{port}"),
            port,
            core: LOAD_CORE,
        };
        Ok((Nginx::upstream(place, tls)?, port))
    }

    /// Starts nginx, the minimal proxy, keyreeve, and the further build of it if there is one.
    fn start_proxies(&self, name: &str, upstream: Upstream<'_>) -> Result<Vec<Proxy>> {
        let mut proxies = vec![
            start_nginx(&self.scratch.folder("nginx")?, upstream)?,
            start_minimal(&self.programs, upstream)?,
        ];
        let home = self.create_home(name, &self.keyreeve, upstream)?;
        proxies.push(home.serve("keyreeve", PROXY_CORE, &[])?);
        if let Some(binary) = &self.options.also {
            let home = self.create_home(&format!("{name}-also"), binary, upstream)?;
            proxies.push(home.serve("keyreeve, further build", PROXY_CORE, &[])?);
        }
        Ok(proxies)
    }

    fn create_home(&self, name: &str, binary: &Path, upstream: Upstream<'_>) -> Result<Home> {
        let folder = self.scratch.folder(&format!("home-{name}"))?;
        Home::create(folder, binary, upstream)
    }
}

fn plain(port: u16) -> Upstream<'static> {
    Upstream {
        port,
        ca_file: None,
        buffering: Buffering::On,
    }
}

/// Returns the commit of the tree, with a mark if it has changes.
fn commit(root: &Path) -> String {
    let output = Command::new("git")
        .args([
            "describe",
            "--always",
            "--dirty",
            "--abbrev=7",
            "--exclude=*",
        ])
        .current_dir(root)
        .output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.unwrap_or_default()
}
