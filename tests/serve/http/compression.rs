//! Compressed answers: read if they were asked for, within the limit of what comes out.

use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use rustls::RootCertStore;

use super::super::{first, prober, run};
use super::{assert_none, complaint, request};
use crate::support::target::{Act, Target, sends};

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).expect("writes");
    encoder.finish().expect("finishes")
}

fn zlib(content: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).expect("writes");
    encoder.finish().expect("finishes")
}

fn raw_deflate(content: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).expect("writes");
    encoder.finish().expect("finishes")
}

/// "hello hello" as an uncompressed meta-block of brotli (RFC 7932, section 9.2).
const BROTLI: &[u8] = b"\x0b\x05\x80hello hello\x03";

/// What the answer says of its body, the body, what the file says, and the reason and detail that must come of it.
struct Case(&'static str, &'static str, Vec<u8>, &'static str, &'static str, &'static str);

fn cases() -> Vec<Case> {
    let hello = b"hello hello";
    let cut = |bytes: Vec<u8>| bytes[..bytes.len() - 3].to_vec();
    let any = "compression: [gzip, br, deflate], expect: {body: {contains: hello hello}}";
    let one_kib = "compression: [gzip, br, deflate], max_body: 1KiB";
    let mut broken_sum = gzip(hello);
    let at = broken_sum.len() - 6;
    broken_sum[at] ^= 1;
    vec![
        Case("gzip", "Content-Encoding: gzip", gzip(hello), any, "success", ""),
        Case("x-gzip", "Content-Encoding: x-gzip", gzip(hello), any, "success", ""),
        Case("capitals", "Content-Encoding: GZIP", gzip(hello), any, "success", ""),
        Case("two members", "Content-Encoding: gzip", [gzip(b"hello "), gzip(b"hello")].concat(), any, "success", ""),
        Case("deflate", "Content-Encoding: deflate", zlib(hello), any, "success", ""),
        Case("deflate as some send it", "Content-Encoding: deflate", raw_deflate(hello), any, "success", ""),
        Case("br", "Content-Encoding: br", BROTLI.to_vec(), any, "success", ""),
        Case("not compressed", "X: y", hello.to_vec(), any, "success", ""),
        Case("identity", "Content-Encoding: identity", hello.to_vec(), any, "success", ""),
        Case("other words", "Content-Encoding: gzip", gzip(b"bye"), any, "body", "does not contain"),
        Case("off, so taken as it is", "Content-Encoding: gzip", gzip(hello), "", "success", ""),
        Case(
            "off, so nothing is found",
            "Content-Encoding: gzip",
            gzip(hello),
            "expect: {body: {contains: hello}}",
            "body",
            "",
        ),
        Case("not asked for", "Content-Encoding: br", BROTLI.to_vec(), "compression: gzip", "protocol", "not asked"),
        Case("x-gzip unasked", "Content-Encoding: x-gzip", gzip(hello), "compression: br", "protocol", "not asked"),
        Case("unknown", "Content-Encoding: zstd", hello.to_vec(), any, "protocol", "not asked for"),
        Case("twice", "Content-Encoding: gzip\r\nContent-Encoding: br", gzip(hello), any, "protocol", "not asked for"),
        Case("cut gzip", "Content-Encoding: gzip", cut(gzip(hello)), any, "protocol", "ends too early"),
        Case("cut deflate", "Content-Encoding: deflate", cut(zlib(hello)), any, "protocol", "ends too early"),
        Case("cut br", "Content-Encoding: br", cut(BROTLI.to_vec()), any, "protocol", "ends too early"),
        Case("a wrong sum", "Content-Encoding: gzip", broken_sum, any, "protocol", "not compressed as"),
        Case("no gzip", "Content-Encoding: gzip", hello.to_vec(), any, "protocol", "not compressed as"),
        Case("no deflate", "Content-Encoding: deflate", hello.to_vec(), any, "protocol", "not compressed as"),
        Case("no br", "Content-Encoding: br", vec![0xff; 64], any, "protocol", "not compressed as"),
        Case("nothing", "Content-Encoding: gzip", Vec::new(), "compression: gzip", "success", ""),
        Case("limit - 1", "Content-Encoding: gzip", gzip(&[b'x'; 1023]), one_kib, "success", ""),
        Case("the limit", "Content-Encoding: gzip", gzip(&[b'x'; 1024]), one_kib, "success", ""),
        Case("limit + 1", "Content-Encoding: gzip", gzip(&[b'x'; 1025]), one_kib, "body_too_large", "1024 bytes"),
        Case("a bomb", "Content-Encoding: gzip", gzip(&vec![0; 50_000_000]), one_kib, "body_too_large", "1024"),
        Case(
            "a bomb of deflate",
            "Content-Encoding: deflate",
            zlib(&vec![0; 50_000_000]),
            one_kib,
            "body_too_large",
            "",
        ),
    ]
}

#[tokio::test]
async fn what_is_compressed_is_read_within_the_limit() {
    let mut complaints = Vec::new();
    for Case(name, says, body, options, word, part) in cases() {
        let head = format!("HTTP/1.1 200 O\r\n{says}\r\nContent-Length: {}\r\n\r\n", body.len());
        let target = Target::plain(vec![Act::ReadHead, sends(&head), Act::Send(body)]).await;
        let probe = first(&request(target.url("http", "/").as_str(), options));
        let outcome = run(&prober(RootCertStore::empty()), &probe).await;
        complaints.extend(complaint(name, &outcome, word, part));
    }
    assert_none(&complaints);
}

#[tokio::test]
async fn compressed_nothing_does_not_go_on_for_ever() {
    // Empty stored blocks: bytes that come to nothing, again and again.
    let head = sends("HTTP/1.1 200 O\r\nContent-Encoding: deflate\r\n\r\n");
    let script = vec![Act::ReadHead, head, Act::SendForEver([0, 0, 0, 0xff, 0xff].repeat(1000))];
    let target = Target::plain(script).await;
    let probe = first(&request(target.url("http", "/").as_str(), "compression: deflate"));
    let outcome = run(&prober(RootCertStore::empty()), &probe).await;
    assert_none(&complaint("empty blocks", &outcome, "body_too_large", "").into_iter().collect::<Vec<_>>());
    assert!(outcome.duration < Duration::from_millis(900), "{outcome:?}");
}
