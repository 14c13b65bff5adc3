//! The stable codes of all diagnostics, each with its level and an explanation for the reference.

use super::Level;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal, $level:ident;)+) => {
        /// The stable code of a diagnostic.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($(#[doc = $doc])+ $variant,)+ }

        impl Code {
            /// Every code, in the order of the reference.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The code as people and programs see it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// How serious a diagnostic of this code is.
            #[must_use]
            pub const fn level(self) -> Level {
                match self { $(Self::$variant => Level::$level,)+ }
            }

            /// Why the code exists, for the reference.
            #[must_use]
            pub const fn explanation(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc,)+).trim_ascii(),)+ }
            }
        }
    };
}

codes! {
    /// No page pair of the SLO can fire, so nobody would be called.
    NoPagePair = "no-page-pair", Error;
    /// `resume_at` is more than the whole budget, so a closed gate would never open.
    ResumeBeyondBudget = "resume-beyond-budget", Error;
    /// `resume_at` is below `close_at`, so the gate would flap.
    ResumeBelowClose = "resume-below-close", Error;
    /// The window is no whole number of evaluations or five-minute slices, so its sums would not tile.
    WindowNotWhole = "window-not-whole", Error;
    /// A window holds more evaluations than a rule should read and promtool can prove.
    TooManyEvaluations = "too-many-evaluations", Error;
    /// A window pair was dropped because its short window would reach its long one.
    PairDropped = "pair-dropped", Warning;
    /// A short window was raised to hold three evaluations or probe runs.
    ShortWindowRaised = "short-window-raised", Note;
    /// A burn-rate factor was lowered because it could never be reached at this objective.
    FactorLowered = "factor-lowered", Note;
    /// A single failed run would raise an alert.
    SingleFailureAlerts = "single-failure-alerts", Warning;
}
