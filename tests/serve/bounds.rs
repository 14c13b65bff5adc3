//! What clients may do to the server: slow ones, many of them, large requests, every method of every path.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::program::{Program, idle, status};

#[test]
fn slow_clients_are_cut_off_and_as_many_as_there_may_be_only_delay_the_next() {
    let program = Program::start(&idle(), &[], &[]);
    let begun = Instant::now();
    let mut slow: Vec<TcpStream> = (0..256)
        .map(|_| {
            let mut stream = TcpStream::connect(program.address).expect("connects");
            stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-Slow: ").expect("sends");
            stream
        })
        .collect();
    let trickle = std::thread::spawn(move || {
        while begun.elapsed() < Duration::from_secs(30) {
            // Each byte comes in time; what counts is the whole head.
            slow.retain_mut(|stream| stream.write_all(b"x").is_ok());
            if slow.is_empty() {
                return;
            }
            std::thread::sleep(Duration::from_secs(1));
        }
        panic!("{} slow clients are still connected", slow.len());
    });
    let mut next = TcpStream::connect(program.address).expect("connects");
    next.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
    next.write_all(b"GET /-/healthy HTTP/1.0\r\nHost: localhost\r\n\r\n").expect("sends");
    let mut answer = String::new();
    next.read_to_string(&mut answer).expect("reads");
    assert_eq!(status(&answer), "200");
    let waited = begun.elapsed();
    assert!((Duration::from_secs(15)..Duration::from_secs(28)).contains(&waited), "{waited:?}");
    trickle.join().expect("all were cut off");
}

#[test]
fn large_requests_are_refused_however_they_come() {
    let program = Program::start(&idle(), &["--web.enable-lifecycle"], &[]);
    let close = "Host: localhost\r\nConnection: close\r\n";
    let large = "x".repeat(1_000_000);
    let many: String = (0..200).map(|n| format!("X-{n}: x\r\n")).collect();
    for (request, wanted) in [
        (format!("GET /metrics HTTP/1.1\r\n{close}X-Large: {large}\r\n\r\n"), "431"),
        (format!("GET /{large} HTTP/1.1\r\n{close}\r\n"), "431"),
        (format!("GET /metrics HTTP/1.1\r\n{close}{many}\r\n"), "431"),
        (format!("GET /metrics HTTP/1.1\r\n{close}Content-Length: 1000000\r\n\r\n{large}"), "413"),
        (format!("GET /metrics HTTP/1.1\r\n{close}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"), "413"),
        (format!("POST /-/reload HTTP/1.1\r\n{close}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"), "413"),
        (format!("POST /-/reload HTTP/1.1\r\n{close}Content-Length: 5\r\n\r\nhello"), "413"),
        (format!("GET /metrics HTTP/1.1\r\n{close}Content-Length: 99999999999999999999\r\n\r\n"), "400"),
    ] {
        let start: String = request.chars().take(60).collect();
        let mut stream = TcpStream::connect(program.address).expect("connects");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        // The server may close before it has taken all of it.
        let _ = stream.write_all(request.as_bytes());
        let mut answer = [0; 64];
        let length = stream.read(&mut answer).unwrap_or(0);
        let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
        // A reset behind the refusal may reach the client before it.
        assert!(answer.is_empty() || status(&answer) == wanted, "{start}: {answer}");
        assert!(request.len() > 900_000 || !answer.is_empty(), "{start}");
    }
    assert_eq!(status(&program.get("/-/healthy", "")), "200");
}

#[test]
fn every_path_answers_its_own_methods_and_no_other() {
    let program = Program::start(&idle(), &["--web.enable-lifecycle"], &[]);
    let paths = [
        "/",
        "/metrics",
        "/config",
        "/probes",
        "/probes/shop/first",
        "/api/v1/probes",
        "/api/v1/probes/first/runs",
        "/-/healthy",
        "/-/ready",
    ];
    for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "FROB"] {
        let ask = |path: &str| {
            let target = if method == "CONNECT" { "localhost:80" } else { path };
            program.send(&format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
        };
        for path in paths {
            let answer = ask(path);
            let wanted = if matches!(method, "GET" | "HEAD") { "200" } else { "405" };
            assert_eq!(status(&answer), wanted, "{method} {path}");
            assert_eq!(wanted == "405", answer.contains("allow: GET, HEAD"), "{method} {path}\n{answer}");
            assert!(method != "HEAD" || answer.ends_with("\r\n\r\n"), "{answer}");
        }
        let wanted = if matches!(method, "POST" | "PUT") { "200" } else { "405" };
        assert_eq!(status(&ask("/-/reload")), wanted, "{method}");
    }
}
