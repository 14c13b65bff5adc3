//! `--prometheus.*`: where the programs are that the reader's Prometheus talks to.

use crate::generate::prometheus::Options;
use crate::spec::model::Endpoint;

/// Where the programs are that a Prometheus talks to.
#[derive(Debug, clap::Args)]
pub(super) struct PrometheusArguments {
    /// A probe service that Prometheus scrapes; may be given more than once [default: burndown:9799].
    #[arg(long = "prometheus.target", value_name = "HOST:PORT")]
    targets: Vec<Endpoint>,
    /// An Alertmanager that Prometheus tells of alerts; may be given more than once [default: alertmanager:9093].
    #[arg(long = "prometheus.alertmanager", value_name = "HOST:PORT")]
    alertmanagers: Vec<Endpoint>,
}

impl PrometheusArguments {
    /// Whether any of them is given.
    pub(super) fn is_given(&self) -> bool {
        !self.targets.is_empty() || !self.alertmanagers.is_empty()
    }

    /// What they mean.
    pub(super) fn options(&self) -> Options {
        let given = |endpoints: &[Endpoint], usual| if endpoints.is_empty() { usual } else { endpoints.to_vec() };
        let usual = Options::default();
        Options {
            targets: given(&self.targets, usual.targets),
            alertmanagers: given(&self.alertmanagers, usual.alertmanagers),
        }
    }
}
