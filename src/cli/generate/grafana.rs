//! `--grafana.*`: how the dashboards fit into the reader's Grafana.

use clap::builder::NonEmptyStringValueParser;
use url::Url;

use crate::generate::grafana::{Options, Uid, UidPrefix};

/// How the dashboards fit into a Grafana.
#[derive(Debug, clap::Args)]
pub(super) struct GrafanaArguments {
    /// The uid of the Prometheus data source that the dashboards ask at first; without it, Grafana's default one.
    #[arg(long = "grafana.datasource-uid", value_name = "UID")]
    datasource_uid: Option<Uid>,
    /// A Prometheus that Grafana does not know yet: a data source for it is written to `grafana/provisioning/`.
    #[arg(long = "grafana.prometheus-url", value_name = "URL")]
    prometheus_url: Option<Url>,
    /// The folder of the dashboards [default: burndown].
    #[arg(long = "grafana.folder", value_name = "TITLE", value_parser = NonEmptyStringValueParser::new())]
    folder: Option<String>,
    /// Where Grafana finds the directory `grafana/` [default: /var/lib/grafana/dashboards].
    #[arg(long = "grafana.path", value_name = "DIR", value_parser = NonEmptyStringValueParser::new())]
    path: Option<String>,
    /// What the uid of every dashboard begins with, so that several sets fit into one Grafana [default: burndown].
    #[arg(long = "grafana.uid-prefix", value_name = "PREFIX")]
    uid_prefix: Option<UidPrefix>,
    /// A tag of every dashboard besides `burndown`; may be given more than once.
    #[arg(long = "grafana.tag", value_name = "TAG", value_parser = NonEmptyStringValueParser::new())]
    tags: Vec<String>,
}

impl GrafanaArguments {
    /// Whether any of them is given.
    pub(super) fn is_given(&self) -> bool {
        self.datasource_uid.is_some()
            || self.prometheus_url.is_some()
            || self.folder.is_some()
            || self.path.is_some()
            || self.uid_prefix.is_some()
            || !self.tags.is_empty()
    }

    /// What they mean.
    ///
    /// # Errors
    /// What is wrong with an address, without the address: it may hold a password.
    pub(super) fn options(&self) -> Result<Options, &'static str> {
        let usual = Options::default();
        self.prometheus_url.as_ref().map_or(Ok(()), check)?;
        Ok(Options {
            datasource_uid: self.datasource_uid.clone(),
            prometheus_url: self.prometheus_url.clone(),
            folder: self.folder.clone().unwrap_or(usual.folder),
            path: self.path.clone().unwrap_or(usual.path),
            uid_prefix: self.uid_prefix.clone().unwrap_or(usual.uid_prefix),
            tags: self.tags.clone(),
        })
    }
}

/// An address that Grafana can ask, without anything that has to stay secret.
fn check(url: &Url) -> Result<(), &'static str> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err("write `--grafana.prometheus-url` as `http://HOST:PORT` or `https://HOST:PORT`");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "the user and password of `--grafana.prometheus-url` would stand in a file that everybody reads: name \
                    a data source that Grafana knows with `--grafana.datasource-uid`",
        );
    }
    Ok(())
}
