//! What `burndown check` says about good and bad files.
