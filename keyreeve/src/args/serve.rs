//! `serve` and `sandbox` as typed.

/// `serve`
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  keyreeve serve\n  keyreeve serve --sandbox\n  \
    keyreeve serve --listen 127.0.0.1:9000"
)]
pub(crate) struct Serve {
    /// Start the simulated API too, with a profile and a key named `sandbox`
    #[arg(long)]
    pub(crate) sandbox: bool,
    /// Where the simulated API listens on 127.0.0.1; 0 takes a free port
    #[arg(long, value_name = "PORT", default_value_t = 0, requires = "sandbox")]
    pub(crate) sandbox_port: u16,
    /// Where to listen; localhost means both loopback addresses [default: localhost:8484]
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) listen: Option<String>,
}

/// `sandbox`
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  keyreeve sandbox --port 8499")]
pub(crate) struct Sandbox {
    /// Where to listen on 127.0.0.1; 0 takes a free port
    #[arg(long, value_name = "PORT", default_value_t = 8485)]
    pub(crate) port: u16,
}
