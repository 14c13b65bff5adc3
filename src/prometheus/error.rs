//! What can go wrong between a question and its answer.

/// Why there is no answer. No secret is ever part of it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is not one of a Prometheus.
    #[error("`{url}` is no address of a Prometheus: {why}")]
    Address {
        /// The address, without a password.
        url: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A secret cannot be read from where it is kept.
    #[error("{place}: {why}")]
    Secret {
        /// The variable or file.
        place: String,
        /// Why not.
        why: String,
    },
    /// A header that cannot be sent.
    #[error("the header `{0}` cannot be sent: write `NAME=VALUE` in printable ASCII")]
    Header(String),
    /// A file of certificates that cannot be used.
    #[error("the certificates {place}: {why}")]
    Certificates {
        /// Which they are.
        place: String,
        /// Why not.
        why: String,
    },
    /// The client cannot be set up.
    #[error("the HTTP client cannot be set up: {0}")]
    Setup(String),
    /// Nobody answers there.
    #[error("{url} cannot be reached: {why}")]
    Unreachable {
        /// What was asked.
        url: String,
        /// Why.
        why: String,
    },
    /// No answer in time.
    #[error("{url} did not answer within {}", crate::units::Duration::from_millis(*millis))]
    Timeout {
        /// What was asked.
        url: String,
        /// How long it had, in milliseconds.
        millis: u64,
    },
    /// It wants other credentials, or some at all.
    #[error("{url} refuses access with status {status}: give a token, or a user and password")]
    Unauthorized {
        /// What was asked.
        url: String,
        /// 401 or 403.
        status: u16,
    },
    /// It sends the client elsewhere, where no credentials are sent.
    #[error("{url} redirects to {to}: give that address instead")]
    Redirected {
        /// What was asked.
        url: String,
        /// Where it points.
        to: String,
    },
    /// It answers that it cannot.
    #[error("{url} answers with status {status}: {said}")]
    Status {
        /// What was asked.
        url: String,
        /// The status.
        status: u16,
        /// The beginning of its words.
        said: String,
        /// More of them, for whoever knows their form.
        body: String,
    },
    /// Something else than a Prometheus answers.
    #[error("{url} is not answered as Prometheus does: {why}")]
    NotPrometheus {
        /// What was asked.
        url: String,
        /// What came instead.
        why: String,
    },
    /// A document of another form than is wanted.
    #[error("the answer of {url} is of another form: {why}")]
    OtherForm {
        /// What was asked.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// More bytes than are read.
    #[error("the answer of {url} has more than {limit} bytes")]
    TooLarge {
        /// What was asked.
        url: String,
        /// The most that is read.
        limit: usize,
    },
    /// Prometheus answered with less than it was asked for.
    #[error("the answer is not complete: {0}")]
    Incomplete(String),
    /// Prometheus understood and refuses.
    #[error("Prometheus refuses ({kind}): {message}")]
    Refused {
        /// Its kind of error, such as `bad_data` or `timeout`.
        kind: String,
        /// Its words.
        message: String,
    },
}

impl Error {
    /// Whether it is the question that a server does not answer, so that it may answer others.
    #[must_use]
    pub const fn is_about_the_question(&self) -> bool {
        matches!(self, Self::NotPrometheus { .. } | Self::Refused { .. } | Self::TooLarge { .. })
    }
}
