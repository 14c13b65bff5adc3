//! What the service manager hears: systemd's notifications, where it asked for them with `NOTIFY_SOCKET`.
//!
//! Nothing here may depend on being heard: without a manager every call does nothing.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval};

/// The probes run, or run again after a reload; `systemctl status` shows `status`.
pub(super) fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The files are being read again. [`ready`] must follow.
pub(super) fn reloading() {
    // systemd 253 and later tell by the moment which reload this is; earlier ones do not read it.
    match NotifyState::monotonic_usec_now() {
        Ok(moment) => tell(&[NotifyState::Reloading, moment]),
        Err(error) => tracing::warn!(%error, "the service manager cannot be told of the reload"),
    }
}

/// The probes are being stopped.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Tells a watchdog that tasks still run here, twice in each of its intervals, for as long as the runtime lives. Must
/// be called within a runtime.
pub(super) fn reassure() {
    let Some(patience) = sd_notify::watchdog_enabled() else { return };
    // A watchdog of less than this cannot be meant.
    let mut ticks = interval((patience / 2).max(Duration::from_millis(10)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tokio::spawn(async move {
        loop {
            ticks.tick().await;
            tell(&[NotifyState::Watchdog]);
        }
    });
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}
