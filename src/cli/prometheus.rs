//! The options that say which Prometheus is asked, and how to get in.

use std::io;
use std::path::PathBuf;

use tokio::runtime::{Builder, Runtime};
use url::Url;

use crate::prometheus::{Access, Client, Error, Secret};
use crate::units::Duration;

/// How to get in.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Access to Prometheus")]
pub(super) struct AccessArguments {
    /// File that holds a bearer token.
    #[arg(long = "prometheus.token-file", value_name = "FILE", group = "credential")]
    token_file: Option<PathBuf>,
    /// Environment variable that holds a bearer token.
    #[arg(long = "prometheus.token-env", value_name = "NAME", group = "credential")]
    token_env: Option<String>,
    /// User of basic authentication.
    #[arg(long = "prometheus.username", value_name = "NAME", requires = "password", conflicts_with = "credential")]
    username: Option<String>,
    /// File that holds the user's password.
    #[arg(long = "prometheus.password-file", value_name = "FILE", group = "password", requires = "username")]
    password_file: Option<PathBuf>,
    /// Environment variable that holds the user's password.
    #[arg(long = "prometheus.password-env", value_name = "NAME", group = "password", requires = "username")]
    password_env: Option<String>,
    /// Header of every request, such as a tenant; may be given more than once.
    #[arg(long = "prometheus.header", value_name = "NAME=VALUE")]
    headers: Vec<String>,
    /// PEM file with the certificates to trust, instead of those of the system.
    #[arg(long = "prometheus.ca-file", value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// How long one question may take.
    #[arg(long = "prometheus.timeout", value_name = "DURATION", default_value = "2m")]
    timeout: Duration,
}

impl AccessArguments {
    /// A client for the server at `url`.
    ///
    /// # Errors
    /// [`Error`] if a secret or certificate cannot be read, or the address is none.
    pub(super) fn client(&self, url: &Url) -> Result<Client, Error> {
        let mut access = Access::default();
        if let Some(token) = secret(self.token_file.as_ref(), self.token_env.as_ref())? {
            access = access.bearer(&token)?;
        }
        let password = secret(self.password_file.as_ref(), self.password_env.as_ref())?;
        if let (Some(username), Some(password)) = (&self.username, &password) {
            access = access.basic(username, password)?;
        }
        for header in &self.headers {
            access = access.header(header)?;
        }
        if let Some(path) = &self.ca_file {
            access = access.trusting(path)?;
        }
        Client::new(url, &access, self.timeout.to_std())
    }
}

/// A secret from where it is kept, if that is said.
///
/// # Errors
/// [`Error::Secret`] if it cannot be read.
pub(super) fn secret(file: Option<&PathBuf>, variable: Option<&String>) -> Result<Option<Secret>, Error> {
    match (file, variable) {
        (Some(path), _) => Secret::from_file(path).map(Some),
        (None, Some(name)) => Secret::from_env(name).map(Some),
        (None, None) => Ok(None),
    }
}

/// A runtime for a command that asks one question after another.
pub(super) fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}
