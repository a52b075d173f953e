//! `cargo xtask bench gateway`: cost of the gateway, compared with nginx and a minimal proxy.
//!
//! All proxies have the same upstream, load and core, and are measured in turn (A B C A B C …), so that noise meets each
//! of them; a figure is the median of its rounds. Nothing is asserted. docs/performance.md explains the rows.

mod bodies;
mod commands;
mod in_turn;
mod large_store;
mod latency;
mod load;
mod nginx;
mod pinned;
mod proxy;
mod streams;
mod table;
mod tls;
mod workers;
mod wrk;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::environment::{self, Scratch};
use crate::output;
use crate::programs::{build, release_keyreeve};
use nginx::{Buffering, Nginx, Place};
use pinned::Priority;
use proxy::{Home, Named, Proxy, Upstream, free_port, start_minimal, start_nginx};

/// Concurrent connections of the saturating load.
const CONNECTIONS: u32 = 64;
/// The core of the proxy, and that of load and upstream.
const PROXY_CORE: &str = "1";
const LOAD_CORE: &str = "0";
/// The credential that the upstream expects.
const CREDENTIAL: &str = "made-up-bearer-token";

/// Selection of the measurements.
pub(crate) struct Options {
    /// Short rounds, and only the two sizes of bodies.
    pub(crate) quick: bool,
    /// Measured programs run before all others on the machine.
    pub(crate) priority: bool,
    /// A further release build of keyreeve, measured in the same rounds.
    pub(crate) also: Option<PathBuf>,
    /// The only measurement to run.
    pub(crate) only: Option<String>,
    /// Entries of the large store.
    pub(crate) entries: u32,
}

impl Options {
    /// Parses the arguments after `gateway`.
    pub(crate) fn parse(arguments: &[&str]) -> Result<Self> {
        let mut options = Self {
            quick: false,
            priority: false,
            also: None,
            only: None,
            entries: 3_000_000,
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match *argument {
                "--quick" => options.quick = true,
                "--priority" => options.priority = true,
                "--also" => {
                    let path = arguments.next().context("--also needs a path")?;
                    options.also = Some(PathBuf::from(path));
                }
                "--only" => {
                    let name = arguments.next().context("--only needs a name")?;
                    ensure!(
                        MEASUREMENTS.iter().any(|(known, _)| known == name),
                        "no measurement is called {name}: the names are {}",
                        MEASUREMENTS
                            .iter()
                            .map(|(known, _)| *known)
                            .collect::<Vec<_>>()
                            .join(", ")
                    );
                    options.only = Some((*name).to_owned());
                }
                "--entries" => {
                    let count = arguments.next().context("--entries needs a number")?;
                    options.entries = count.parse().context("--entries needs a number")?;
                }
                _ => bail!("unknown option {argument}"),
            }
        }
        Ok(options)
    }
}

/// Programs and files that every measurement needs.
struct Bench<'a> {
    root: &'a Path,
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
        root,
        options,
        keyreeve: release_keyreeve(root),
        programs: target.join("release/keyreeve-bench"),
        scratch: Scratch::new(&target, "bench-gateway")?,
    };
    output::print_line(format_args!("commit {}", commit(root)));
    let _priority = options.priority.then(Priority::raise).transpose()?;
    for (name, measure) in MEASUREMENTS {
        let is_selected = match &options.only {
            Some(only) => only == name,
            None => !options.quick || *name == "bodies",
        };
        if is_selected {
            measure(&bench).with_context(|| format!("cannot measure {name}"))?;
        }
    }
    Ok(())
}

/// A function that prints its tables.
type Measure = fn(&Bench<'_>) -> Result<()>;

/// The measurements by name, in their order.
const MEASUREMENTS: &[(&str, Measure)] = &[
    ("bodies", bodies::run),
    ("latency", latency::run),
    ("streams", streams::run),
    ("tls", tls::run),
    ("workers", workers::run),
    ("large-store", large_store::run),
    ("commands", commands::run),
];

/// A kind of proxy.
#[derive(Clone, Copy)]
enum Kind {
    Nginx,
    Minimal,
    Keyreeve,
    /// The further build.
    Also,
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

    /// Returns the kinds of proxy that are compared; the further build only if there is one.
    fn kinds(&self) -> Vec<Named<Kind>> {
        let mut kinds = vec![
            ("nginx".to_owned(), Kind::Nginx),
            ("minimal proxy".to_owned(), Kind::Minimal),
            ("keyreeve".to_owned(), Kind::Keyreeve),
        ];
        if self.options.also.is_some() {
            kinds.push(("keyreeve, further build".to_owned(), Kind::Also));
        }
        kinds
    }

    /// Starts a proxy of each kind.
    fn start_proxies(&self, name: &str, upstream: Upstream<'_>) -> Result<Vec<Named<Proxy>>> {
        let kinds = self.kinds().into_iter();
        kinds
            .map(|(kind_name, kind)| Ok((kind_name, self.start(kind, name, upstream)?)))
            .collect()
    }

    /// Starts a proxy; `name` is that of its files.
    fn start(&self, kind: Kind, name: &str, upstream: Upstream<'_>) -> Result<Proxy> {
        match kind {
            Kind::Nginx => start_nginx(&self.scratch.folder("nginx")?, upstream),
            Kind::Minimal => start_minimal(&self.programs, upstream),
            Kind::Keyreeve => {
                let home = self.create_home(name, &self.keyreeve, upstream)?;
                home.serve(PROXY_CORE)
            }
            Kind::Also => {
                let binary = self.options.also.as_deref();
                let binary = binary.context("there is no further build")?;
                let home = self.create_home(&format!("{name}-also"), binary, upstream)?;
                home.serve(PROXY_CORE)
            }
        }
    }

    /// Counted rounds of each measurement.
    fn rounds(&self) -> usize {
        if self.options.quick { 3 } else { 5 }
    }

    /// Seconds of load in a round.
    fn seconds(&self) -> u32 {
        if self.options.quick { 4 } else { 5 }
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
