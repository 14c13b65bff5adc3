//! The options that say which running `burndown serve` is asked, and how to get in.

use std::path::{Path, PathBuf};

use url::Url;

use super::prometheus::secret;
use crate::prometheus::{Access, Client, Error};
use crate::units::Duration;

/// How to get in.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Access to the server")]
pub(super) struct ServerArguments {
    /// User of the server's web configuration.
    #[arg(long = "server.username", value_name = "NAME", requires = "server_password", id = "server_username")]
    username: Option<String>,
    /// File that holds the user's password.
    #[arg(
        long = "server.password-file",
        value_name = "FILE",
        group = "server_password",
        id = "server_password_file",
        requires = "server_username"
    )]
    password_file: Option<PathBuf>,
    /// Environment variable that holds the user's password.
    #[arg(
        long = "server.password-env",
        value_name = "NAME",
        group = "server_password",
        id = "server_password_env",
        requires = "server_username"
    )]
    password_env: Option<String>,
    /// PEM file with the certificates to trust, instead of those of the system.
    #[arg(long = "server.ca-file", value_name = "FILE", id = "server_ca_file")]
    ca_file: Option<PathBuf>,
    /// How long one question may take.
    #[arg(long = "server.timeout", value_name = "DURATION", default_value = "10s", id = "server_timeout")]
    timeout: Duration,
}

impl ServerArguments {
    /// A client for the server at `url`.
    ///
    /// # Errors
    /// [`Error`] if a secret or certificate cannot be read, or the address is none.
    pub(super) fn client(&self, url: &Url) -> Result<Client, Error> {
        let mut access = Access::default();
        let password = secret(self.password_file.as_ref(), self.password_env.as_ref())?;
        if let (Some(username), Some(password)) = (&self.username, &password) {
            access = access.basic(username, password)?;
        }
        if let Some(path) = &self.ca_file {
            access = access.trusting(path)?;
        }
        Client::new(url, &access, self.timeout.to_std())
    }

    /// A client for another server, which asks for no credentials.
    ///
    /// # Errors
    /// [`Error`] if the address is none.
    pub(super) fn open(&self, url: &Url) -> Result<Client, Error> {
        Client::new(url, &Access::default(), self.timeout.to_std())
    }

    /// A client for the server behind a socket of this machine.
    ///
    /// # Errors
    /// [`Error::Setup`].
    pub(super) fn local(&self, socket: &Path) -> Result<Client, Error> {
        Client::local(socket, self.timeout.to_std())
    }
}

/// Why a running service gave no answer, and what to do where it is none of this version.
pub(super) fn unanswered(error: &Error) -> String {
    match error {
        Error::OtherForm { url, why } => not_ours(url, why),
        error => error.to_string(),
    }
}

/// That somebody refuses in other words than a service of this version does.
pub(super) fn foreign(url: &str, status: u16, said: &str) -> String {
    not_ours(url, &format!("status {status}, `{said}`"))
}

fn not_ours(url: &str, why: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "{url} does not answer as burndown {version} does: {why}; name a running `burndown serve`, and upgrade it or this \
         command, whichever is older"
    )
}
