//! Takes the compression off a body, piece by piece, and counts what comes out of it.
//!
//! A few bytes may unfold to any length: the limit holds for what comes out, and is looked at every 32 KiB or less.

use std::io::{self, Write};

use brotli_decompressor::{BrotliDecoderParameter, DecompressorWriter};
use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use crate::spec::model::Compression;

/// How much a decoder hands on at once, in bytes.
const PIECE: usize = 16 * 1024;

/// Where a body ends up: counted, and kept if somebody asks for it.
pub(super) struct Sink {
    kept: Vec<u8>,
    keep: bool,
    length: u64,
    limit: u64,
}

impl Sink {
    /// Takes at most `limit` bytes, and keeps them if `keep` says so.
    pub(super) fn new(limit: u64, keep: bool) -> Self {
        Self { kept: Vec::new(), keep, length: 0, limit }
    }

    /// Whether more has come than fits.
    pub(super) fn is_over(&self) -> bool {
        self.length > self.limit
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.length = self.length.saturating_add(bytes.len() as u64);
        if self.is_over() {
            return Err(io::Error::other("the body is too large"));
        }
        if self.keep {
            self.kept.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A body on its way through the decoder that fits it.
pub(super) enum Decoder {
    Identity(Sink),
    Gzip(Box<MultiGzDecoder<Sink>>),
    Brotli(Box<DecompressorWriter<Sink>>),
    /// `deflate` of which nothing has come yet. Some servers leave out the wrapping that the standard asks for.
    Deflate(Option<Sink>),
    Zlib(Box<ZlibDecoder<Sink>>),
    RawDeflate(Box<DeflateDecoder<Sink>>),
}

impl Decoder {
    /// The decoder for a body that is compressed like this, or not at all.
    pub(super) fn new(compression: Option<Compression>, sink: Sink) -> Self {
        match compression {
            None => Self::Identity(sink),
            Some(Compression::Gzip) => Self::Gzip(Box::new(MultiGzDecoder::new(sink))),
            Some(Compression::Deflate) => Self::Deflate(Some(sink)),
            Some(Compression::Brotli) => {
                let mut decoder = DecompressorWriter::new(sink, PIECE);
                // Content codings have windows of 16 MiB at most (RFC 7932, section 9.1); larger ones are memory for nothing.
                decoder.set_parameter(BrotliDecoderParameter::BROTLI_DECODER_PARAM_LARGE_WINDOW, 0);
                Self::Brotli(Box::new(decoder))
            }
        }
    }

    /// Takes the next piece of the body as it was sent.
    ///
    /// # Errors
    ///
    /// It is not what its encoding says, or more came out than fits: [`Decoder::is_over`] tells which.
    pub(super) fn take(&mut self, piece: &[u8]) -> io::Result<()> {
        if let (Self::Deflate(sink), Some(first)) = (&mut *self, piece.first())
            && let Some(sink) = sink.take()
        {
            // The first byte of the wrapping names method 8 (RFC 1950, section 2.2).
            *self = match first & 0x0f {
                8 => Self::Zlib(Box::new(ZlibDecoder::new(sink))),
                _ => Self::RawDeflate(Box::new(DeflateDecoder::new(sink))),
            };
        }
        match self {
            Self::Identity(sink) => sink.write_all(piece),
            Self::Gzip(decoder) => decoder.write_all(piece),
            Self::Brotli(decoder) => decoder.write_all(piece),
            Self::Zlib(decoder) => decoder.write_all(piece),
            Self::RawDeflate(decoder) => decoder.write_all(piece),
            Self::Deflate(_) => Ok(()),
        }
    }

    /// Whether more has come out than fits.
    pub(super) fn is_over(&self) -> bool {
        match self {
            Self::Identity(sink) => sink.is_over(),
            Self::Gzip(decoder) => decoder.get_ref().is_over(),
            Self::Brotli(decoder) => decoder.get_ref().is_over(),
            Self::Zlib(decoder) => decoder.get_ref().is_over(),
            Self::RawDeflate(decoder) => decoder.get_ref().is_over(),
            Self::Deflate(_) => false,
        }
    }

    /// Ends the body and gives what was kept of it.
    ///
    /// # Errors
    ///
    /// It ended too early, or with another sum than it says.
    pub(super) fn finish(&mut self) -> io::Result<Vec<u8>> {
        let sink = match self {
            Self::Identity(sink) => sink,
            Self::Gzip(decoder) => {
                decoder.try_finish()?;
                decoder.get_mut()
            }
            Self::Brotli(decoder) => {
                decoder.close()?;
                decoder.get_mut()
            }
            Self::Zlib(decoder) => {
                decoder.try_finish()?;
                decoder.get_mut()
            }
            Self::RawDeflate(decoder) => {
                decoder.try_finish()?;
                decoder.get_mut()
            }
            Self::Deflate(_) => return Ok(Vec::new()),
        };
        Ok(std::mem::take(&mut sink.kept))
    }
}

#[cfg(test)]
mod tests {
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    /// "hello hello" in brotli, as the reference encoder has it.
    const BROTLI: &[u8] = b"\x0b\x05\x80hello hello\x03";

    fn decoded(compression: Compression, pieces: &[&[u8]], limit: u64) -> io::Result<Vec<u8>> {
        let mut decoder = Decoder::new(Some(compression), Sink::new(limit, true));
        for piece in pieces {
            decoder.take(piece)?;
        }
        decoder.finish()
    }

    fn packed<W: Write>(mut encoder: W, finish: impl FnOnce(W) -> io::Result<Vec<u8>>) -> Vec<u8> {
        encoder.write_all(b"hello hello").expect("writes");
        finish(encoder).expect("finishes")
    }

    #[test]
    fn every_compression_is_read_byte_by_byte() {
        let level = flate2::Compression::default();
        let gzip = packed(GzEncoder::new(Vec::new(), level), GzEncoder::finish);
        let zlib = packed(ZlibEncoder::new(Vec::new(), level), ZlibEncoder::finish);
        let raw = packed(DeflateEncoder::new(Vec::new(), level), DeflateEncoder::finish);
        let cases = [
            (Compression::Gzip, gzip.as_slice()),
            (Compression::Deflate, &zlib),
            (Compression::Deflate, &raw),
            (Compression::Brotli, BROTLI),
        ];
        for (compression, body) in cases {
            let bytes: Vec<&[u8]> = body.chunks(1).collect();
            for pieces in [&bytes[..], &[body]] {
                assert_eq!(decoded(compression, pieces, 11).expect("whole"), b"hello hello", "{compression:?}");
                assert!(decoded(compression, pieces, 10).is_err(), "{compression:?} beyond the limit");
            }
            let cut = &body[..body.len() - 1];
            assert!(decoded(compression, &[cut], 11).is_err(), "{compression:?} cut off");
            assert!(decoded(compression, &[b"no compression at all"], 100).is_err(), "{compression:?} of nothing");
            assert!(decoded(compression, &[body, b"more"], 100).is_err(), "{compression:?} and more");
        }
        assert_eq!(decoded(Compression::Gzip, &[&gzip, &gzip], 22).expect("two members").len(), 22);
    }
}
