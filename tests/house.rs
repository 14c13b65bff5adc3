//! The rules of the house: layers, names, lints, project files.
