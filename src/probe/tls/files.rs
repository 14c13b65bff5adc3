//! Certificates and keys from PEM files, and whether such a file has changed. Everything here blocks.
//!
//! Errors name the file, never its content: it may be a key, or a secret that was mistaken for a certificate.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::super::progress::Fault;
use crate::spec::model::ClientCertificate;

/// The largest file that is read, in bytes; the bundle of a whole operating system has about 250 KB.
const MAX_BYTES: u64 = 2 * 1024 * 1024;

/// What changes when a file is written or another takes its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// The stamp of the regular file at `path`, as symbolic links lead to it.
    pub(super) fn of(path: &Path) -> Result<Self, Fault> {
        let found = fs::metadata(path).map_err(|error| unreadable(path, &error.to_string()))?;
        // Reading a pipe would wait for its writer.
        if !found.is_file() {
            return Err(unreadable(path, "is not a regular file"));
        }
        Ok(Self {
            device: found.dev(),
            inode: found.ino(),
            length: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        })
    }
}

/// The certificates of a file, at least one, and the same as roots.
pub(super) fn roots(path: &Path) -> Result<(Vec<CertificateDer<'static>>, RootCertStore), Fault> {
    let certificates = certificates(path)?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates.iter().cloned() {
        roots.add(certificate).map_err(|_| unreadable(path, "holds a certificate that cannot be a root"))?;
    }
    Ok((certificates, roots))
}

/// A client certificate with the chain behind it, and its key.
pub(super) fn identity(
    client: &ClientCertificate,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), Fault> {
    let chain = certificates(&client.cert_file)?;
    let key = PrivateKeyDer::from_pem_slice(&read(&client.key_file)?)
        .map_err(|_| unreadable(&client.key_file, "holds no private key in PEM form"))?;
    Ok((chain, key))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let bytes = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(unreadable(path, "holds no certificate in PEM form")),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    let opened = File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes));
    opened.map_err(|error| unreadable(path, &error.to_string()))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(unreadable(path, "is larger than 2 MiB"));
    }
    Ok(bytes)
}

fn unreadable(path: &Path, why: &str) -> Fault {
    Fault::Prober(format!("the file {}: {why}", path.display()))
}
