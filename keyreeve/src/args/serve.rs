//! Arguments of `serve` and `sandbox`.

/// Arguments of `serve`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  keyreeve serve\n  keyreeve serve --sandbox\n  \
    keyreeve serve --listen 127.0.0.1:9000\n  \
    keyreeve serve --pass-through\n  keyreeve serve --install --print"
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag as typed")]
pub(crate) struct ServeArgs {
    /// Also run the simulated API, with a profile and a key named `sandbox`
    #[arg(long)]
    pub(crate) sandbox: bool,
    /// Port of the simulated API on 127.0.0.1; 0 picks a free one
    #[arg(long, value_name = "PORT", default_value_t = 0, requires = "sandbox")]
    pub(crate) sandbox_port: u16,
    /// Address to listen on; `localhost` means 127.0.0.1 and `[::1]` [default: localhost:8484]
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) listen: Option<String>,
    /// Let clients use their own login through /passthrough, with a virtual key in x-keyreeve-key
    #[arg(long)]
    pub(crate) pass_through: bool,
    /// Format of the log on standard error: text, or json for one object a line [default: text]
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log_format: Option<String>,
    /// Write a systemd user unit for the gateway, without starting it
    #[arg(long, conflicts_with_all = ["sandbox", "uninstall"])]
    pub(crate) install: bool,
    /// With --install: print the unit and write nothing
    #[arg(long, requires = "install")]
    pub(crate) print: bool,
    /// Remove the unit that --install wrote
    #[arg(long, conflicts_with_all = ["sandbox", "listen", "pass_through", "log_format"])]
    pub(crate) uninstall: bool,
}

/// Arguments of `sandbox`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  keyreeve sandbox --port 8499")]
pub(crate) struct SandboxArgs {
    /// Port on 127.0.0.1; 0 picks a free one
    #[arg(long, value_name = "PORT", default_value_t = 8485)]
    pub(crate) port: u16,
}
