//! Secrets, captured values, cookies and output on every surface of the compiled program: they must be on none.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use tempfile::TempDir;

use super::super::file;
use super::site::{Site, page};
use crate::support::process::Process;
use crate::support::target::refusing;
use crate::support::{burndown, http};

/// What must not be seen, each with characters that encodings change.
const SECRETS: [(&str, &str); 5] = [
    ("environment", "envir0nment/w+rd&x=1"),
    ("file", "f1le<w?rd>\"quoted\""),
    ("captured", "captur3d/t+ken&y=2"),
    ("cookie", "c00kie-session/z~9"),
    ("output", "0utput of a=c0mmand"),
];

const PATIENCE: Duration = Duration::from_secs(60);

/// Every form in which a secret may show.
fn forms(secret: &str) -> Vec<String> {
    let encode = |keep: fn(u8) -> bool, upper: bool| -> String {
        secret
            .bytes()
            .map(|byte| match byte {
                byte if keep(byte) => char::from(byte).to_string(),
                byte if upper => format!("%{byte:02X}"),
                byte => format!("%{byte:02x}"),
            })
            .collect()
    };
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let in_path = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(&byte);
    let mut forms = vec![
        secret.to_owned(),
        encode(unreserved, true),
        encode(unreserved, false),
        encode(in_path, true),
        http::encode(secret),
        serde_json::Value::from(secret).to_string().trim_matches('"').to_owned(),
        secret.bytes().map(|byte| format!("{byte:02x}")).collect(),
        secret.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(", "),
    ];
    // At each of the three places that it can have between other bytes; what mixes with them is cut off.
    for before in 0..3 {
        let padded = [&b"..."[..before], secret.as_bytes()].concat();
        for engine in [STANDARD, URL_SAFE] {
            let text = engine.encode(&padded);
            let whole = &text[[0, 2, 3][before]..padded.len() / 3 * 4];
            forms.push(whole.to_owned());
        }
    }
    forms
}

/// The secrets that a text holds in any form.
fn found(text: &str) -> Vec<&'static str> {
    let holds = |secret: &str| forms(secret).iter().any(|form| text.contains(form.as_str()));
    SECRETS.iter().filter(|(_, secret)| holds(secret)).map(|(name, _)| *name).collect()
}

#[test]
fn every_form_is_found() {
    let secret = SECRETS[0].1;
    for text in [
        secret.to_owned(),
        format!("{secret:?}"),
        STANDARD.encode(format!("user:{secret}")),
        STANDARD.encode(format!("users:{secret}:more")),
        URL_SAFE.encode(format!("a:{secret}")),
        format!("/a?b={}", http::encode(secret)),
        format!("{:?}", secret.as_bytes()),
    ] {
        assert_eq!(found(&text), ["environment"], "{text}");
    }
    assert!(found("nothing of the sort").is_empty());
}

/// A probe that logs in, captures a token, gets a cookie, and then does something that fails, as its cleanup does.
fn probe(site: &Site, name: &str, step: &str) -> String {
    let login = format!(
        "{{name: login, http: {{url: \"{}\", headers: {{X-Api-Key: {{env: BURNDOWN_TEST_SECRET}}}}}}, \
         capture: {{token: {{json: /token}}}}}}",
        site.url("/login")
    );
    format!(
        "  - name: {name}\n    interval: 2s\n    timeout: 2s\n    journey:\n      steps:\n        - {login}\n        \
         - {{name: fails, {step}}}\n      cleanup:\n        - {{name: tidy, http: {{url: \"{}\"}}}}\n",
        site.url("/echo/${token}")
    )
}

/// Probes that fail in every way in which a secret could be said, each with its reason.
async fn probes(site: &Site, directory: &std::path::Path) -> Vec<(String, &'static str)> {
    let at = |name: &str| directory.join(name).display().to_string();
    let refused = refusing().await;
    let url = |path: &str| site.url(path);
    let env = format!("env: {{S: {{file: \"{}\"}}, T: '${{token}}'}}", at("file"));
    let prints = format!("cat {0}; cat {0} >&2; echo $S $T; echo $1 >&2; exit 3", at("output"));
    let token = "headers: {Authorization: 'Bearer ${token}'}, body: 't=${token}', method: POST";
    let steps = [
        ("status", "status", format!("http: {{url: \"{}\", {token}}}", url("/echo/${token}?t=${token}"))),
        ("body", "body", format!("http: {{url: \"{}\", {token}, expect: {{body: {{contains: x}}}}}}", url("/token"))),
        ("regex", "body", format!("http: {{url: \"{}\", expect: {{body: {{not_matches: 'tok'}}}}}}", url("/token"))),
        ("json", "body", format!("http: {{url: \"{}\", expect: {{json: {{/token: {{equals: x}}}}}}}}", url("/token"))),
        (
            "header",
            "header",
            format!("http: {{url: \"{}\", expect: {{headers: {{X-T: {{equals: x}}}}}}}}", url("/token")),
        ),
        ("capture", "capture", format!("http: {{url: \"{}\"}}, capture: {{z: {{json: /nope}}}}", url("/token"))),
        ("redirect", "redirect", format!("http: {{url: \"{}\", redirects: 1}}", url("/redirect/${token}"))),
        ("refused", "connect", format!("http: {{url: \"http://{refused}/${{token}}\"}}")),
        ("path", "capture", format!("http: {{url: \"{}\"}}, capture: {{z: {{regex: '^$'}}}}", url("/${token}/token"))),
        (
            "user",
            "status",
            format!(
                "http: {{url: \"{}\", basic_auth: {{username: me, password: {{file: \"{}\"}}}}}}",
                url("/echo"),
                at("file")
            ),
        ),
        ("command", "exit_code", format!("run: [sh, -c, '{prints}', sh, '${{token}}'], {env}")),
        ("program", "internal", format!("run: [no-such-program, '${{token}}'], {env}")),
        ("output", "capture", format!("run: [cat, \"{}\"], {env}, capture: {{z: {{regex: 'nothing'}}}}", at("output"))),
        (
            "bad-header",
            "internal",
            format!("http: {{url: \"{}\", headers: {{X-Api-Key: {{file: \"{}\"}}}}}}", url("/token"), at("broken")),
        ),
    ];
    steps.into_iter().map(|(name, reason, step)| (probe(site, name, &step), reason)).collect()
}

/// What `burndown probe` says of one run, on both of its outputs.
fn run_once(directory: &TempDir, name: &str, more: &[&str]) -> String {
    let mut command = burndown::command(["probe", "shop.yaml", name].iter().chain(more));
    command.current_dir(directory.path()).env("BURNDOWN_TEST_SECRET", SECRETS[0].1);
    let output = command.output().expect("burndown runs");
    [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).join("\n")
}

/// The name of a probe.
fn name(probe: &str) -> &str {
    probe.trim_start().trim_start_matches("- name: ").lines().next().expect("a name")
}

async fn site() -> Site {
    let secret = |name: &str| SECRETS.iter().find(|(known, _)| *known == name).expect("a secret").1;
    let token = serde_json::json!({"token": secret("captured")}).to_string();
    let all = SECRETS.map(|(_, secret)| secret).join(" ");
    let cookie = format!("Set-Cookie: session={}; Path=/\r\n", secret("cookie"));
    let elsewhere = format!("Location: /again?t={}\r\n", http::encode(secret("captured")));
    Site::start(vec![
        ("/login", 200, cookie, token.clone()),
        ("/token", 200, format!("X-T: {}\r\n", secret("captured")), token),
        ("/redirect", 302, elsewhere.clone(), String::new()),
        ("/again", 302, elsewhere, String::new()),
        ("/echo", 500, format!("X-Echo: {}\r\n", secret("cookie")), all),
        page("/", "ok"),
    ])
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn no_surface_shows_a_secret() {
    let site = site().await;
    let directory = tempfile::tempdir().expect("a directory");
    for (name, secret) in SECRETS {
        fs::write(directory.path().join(name), format!("{secret}\n")).expect("writes");
    }
    fs::write(directory.path().join("broken"), format!("{}\nsplit", SECRETS[1].1)).expect("writes");
    let probes = probes(&site, directory.path()).await;
    let text: String = probes.iter().map(|(probe, _)| probe.as_str()).collect();
    fs::write(directory.path().join("shop.yaml"), file(&text)).expect("writes");
    for format in ["human", "json"] {
        let arguments = [
            "serve",
            "shop.yaml",
            "--web.listen-address",
            "127.0.0.1:0",
            "--log.level",
            "trace",
            "--log.format",
            format,
        ];
        let mut command = burndown::command(arguments);
        command.current_dir(directory.path()).env("BURNDOWN_TEST_SECRET", SECRETS[0].1);
        let mut process = Process::start(&mut command, "this repository");
        // Before that, the program says of each capture that nothing uses it, and shows lines with URLs of the file.
        let address: SocketAddr = process.wait_for_line("an address", PATIENCE, |line| {
            line.split_once("listening on http://")?.1.split('/').next()?.parse().ok()
        });
        for (probe, reason) in &probes {
            let name = name(probe);
            // Every failure took place, for the reason that it was made for.
            let kind = if *reason == "internal" { "skipped" } else { "failures" };
            let series =
                format!("slo_probe_{kind}_total{{slo_service=\"shop\",probe=\"{name}\",reason=\"{reason}\"}} ");
            process.wait_until(&series, PATIENCE, || {
                let text = http::get(address, "/metrics", &[]).ok()?.body;
                let count = text.lines().find_map(|line| line.strip_prefix(&series)?.parse::<f64>().ok())?;
                (count >= 1.0).then_some(())
            });
        }
        let open = [("Accept", "application/openmetrics-text; version=1.0.0")];
        for (path, headers) in [
            ("/metrics", &[][..]),
            ("/metrics", &open[..]),
            ("/", &[]),
            ("/probes", &[]),
            ("/probes/body", &[]),
            ("/probes/command", &[]),
            ("/api/v1/probes", &[]),
            ("/api/v1/probes/body/runs", &[]),
            ("/api/v1/probes/command/runs", &[]),
            ("/api/v1/probes/path/runs", &[]),
            ("/config", &[]),
            ("/-/ready", &[]),
        ] {
            let answer = http::get(address, path, headers).expect("answers");
            assert_eq!(answer.status, 200, "{path}");
            let whole = format!("{:?}\n{}", answer.headers, answer.body);
            assert!(found(&whole).is_empty(), "{path} shows {:?}:\n{whole}", found(&whole));
        }
        let log = process.log();
        assert!(found(&log).is_empty(), "the {format} log shows {:?}:\n{log}", found(&log));
        assert!(log.contains("step `fails`") && log.contains("cleanup failed"), "{log}");
    }
    for (probe, reason) in &probes {
        for output in ["human", "json"] {
            let whole = run_once(&directory, name(probe), &["--output", output, "--log.level", "trace"]);
            assert!(whole.contains("step `fails`"), "{whole}");
            // Whoever runs a probe by hand sees what a body said that was not as expected.
            let shown = if *reason == "body" { &["captured"][..] } else { &[] };
            assert_eq!(found(&whole), shown, "probe {}:\n{whole}", name(probe));
        }
    }
    let whole = run_once(&directory, "command", &["--show-output"]);
    assert_eq!(found(&whole), ["captured", "output"], "{whole}");
    // The target did get what nobody else must see.
    let requests = site.requests().join("\n");
    assert_eq!(found(&requests), ["environment", "file", "captured", "cookie"]);
}
