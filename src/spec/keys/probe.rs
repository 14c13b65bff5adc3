//! The keys of probes.

use super::{Key, Mapping, Rule, Shape, Word};

const NAME: Shape = Shape::Word(Word::Name);
const TEXT: Shape = Shape::Word(Word::Text);
const FLAG: Shape = Shape::Word(Word::Flag);
const POSITIVE: Shape = Shape::Word(Word::PositiveDuration);
const DECIMAL: Shape = Shape::Word(Word::Decimal);
const ENDPOINT: Shape = Shape::Word(Word::Endpoint);
const PATH: Shape = Shape::Word(Word::Path);
const SECRET_ONLY: Shape = Shape::Mapping(&SECRET);
const TEXT_OR_SECRET: Shape = Shape::Either(&[TEXT, SECRET_ONLY]);
const TEXTS: Shape = Shape::OneOrMore(&Shape::Word(Word::Filled));
const PATTERNS: Shape = Shape::OneOrMore(&Shape::Word(Word::Pattern));
const TLS_OR_FLAG: Shape = Shape::Either(&[FLAG, Shape::Mapping(&TLS)]);
const TLS_OR_TRUE: Shape = Shape::Either(&[Shape::Choice(&["true"]), Shape::Mapping(&TLS)]);
const VARIABLES: Shape = Shape::Keyed(Word::Variable, &TEXT_OR_SECRET);
const HEADERS: Shape =
    Shape::Keyed(Word::Header, &Shape::Either(&[TEXT, SECRET_ONLY, Shape::AnyList(&TEXT_OR_SECRET)]));
const STEPS: Shape = Shape::Mapping(&STEP);

const IP: Key = Key::new(
    "ip",
    Shape::Choice(&["any", "4", "6", "prefer_4", "prefer_6"]),
    "prefer_4",
    "Which addresses of the target count",
)
.default("any");

const WITHIN: Key =
    Key::new("within", POSITIVE, "2s", "How long it may take to be good; a later answer fails as `too_slow`")
        .otherwise("until the timeout");

const EXPECT_WITHIN: Key =
    Key::new("expect", Shape::Mapping(&ONLY_WITHIN), "{within: 2s}", "What must be so for a run to be good");

/// A probe.
pub static PROBE: Mapping = Mapping {
    name: "probe",
    about: "What is tried, how often, and for how long",
    keys: &[
        Key::new("name", NAME, "home", "Its name, once in a service").required(),
        Key::new("interval", POSITIVE, "1m", "From one run to the next; at least `100ms`").required(),
        Key::new("timeout", POSITIVE, "5s", "A wall over everything that a run does; at most the interval")
            .otherwise("`10s`, or the interval if that is shorter"),
        Key::new("http", Shape::Mapping(&HTTP), "{url: 'https://shop.example.com/'}", "A request over HTTP"),
        Key::new("tcp", Shape::Mapping(&TCP), "{address: 'mail.example.com:25'}", "A conversation over TCP"),
        Key::new(
            "tls",
            Shape::Mapping(&CHAIN),
            "{address: 'shop.example.com:443'}",
            "A handshake, and the chain that is presented",
        ),
        Key::new(
            "dns",
            Shape::Mapping(&DNS),
            "{server: '192.0.2.53:53', name: www.example.com}",
            "A query, and its answer",
        ),
        Key::new("icmp", Shape::Mapping(&ICMP), "{host: 192.0.2.1}", "An echo"),
        Key::new("grpc", Shape::Mapping(&GRPC), "{address: 'orders.example.com:443'}", "A health check over gRPC"),
        Key::new(
            "journey",
            Shape::Mapping(&JOURNEY),
            "{steps: [{name: push, run: [cf, push, canary]}]}",
            "Commands and requests, one after another",
        ),
    ],
    rules: &[Rule::OneOf(&["http", "tcp", "tls", "dns", "icmp", "grpc", "journey"])],
};

/// A request.
pub static HTTP: Mapping = Mapping {
    name: "http",
    about: "A request, and what its answer must be",
    keys: &[
        Key::new(
            "url",
            Shape::Word(Word::Url),
            "https://shop.example.com/",
            "What is asked for; never with a password. In a step, path and query may hold `${name}`",
        )
        .required(),
        Key::new(
            "method",
            Shape::Choice(&["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]),
            "POST",
            "The method",
        )
        .default("GET"),
        Key::new("version", Shape::Choice(&["any", "1.1", "2"]), "2", "The version of HTTP that is spoken")
            .default("any"),
        IP,
        Key::new(
            "headers",
            HEADERS,
            "{accept: text/html}",
            "Headers; a list sends one several times. In a step, values may hold `${name}`",
        ),
        Key::new(
            "basic_auth",
            Shape::Mapping(&BASIC_AUTH),
            "{username: canary, password: {env: CANARY_PASSWORD}}",
            "A user and a password",
        ),
        Key::new("bearer_token", SECRET_ONLY, "{file: /run/secrets/token}", "A token"),
        Key::new(
            "oauth2",
            Shape::Mapping(&OAUTH2),
            "{token_url: 'https://login.example.com/token', client_id: canary, client_secret: {env: CANARY_SECRET}}",
            "A token that is fetched with client credentials",
        ),
        Key::new("body", TEXT_OR_SECRET, "'{\"ping\": true}'", "What is sent. In a step it may hold `${name}`"),
        Key::new("body_file", TEXT, "ping.json", "A file whose content is sent"),
        Key::new(
            "compression",
            Shape::OneOrMore(&Shape::Choice(&["gzip", "br", "deflate"])),
            "[gzip, br]",
            "How the answer may be compressed, best first",
        )
        .otherwise("not at all"),
        Key::new("redirects", Shape::Word(Word::Whole(0, 20)), "3", "How many are followed").default("0"),
        Key::new(
            "proxy",
            Shape::Mapping(&PROXY),
            "{url: 'http://proxy.example.com:3128'}",
            "Through whom the request goes",
        ),
        Key::new("tls", Shape::Mapping(&TLS), "{ca_file: ca.pem}", "How TLS is spoken"),
        Key::new("max_body", Shape::Word(Word::Size), "2MiB", "How much of an answer is read; a longer one fails")
            .default("1MiB"),
        Key::new(
            "expect",
            Shape::Mapping(&HTTP_EXPECT),
            "{status: 200, body: {contains: Welcome}}",
            "What the answer must be",
        ),
    ],
    rules: &[Rule::AtMostOne(&["basic_auth", "bearer_token", "oauth2"]), Rule::AtMostOne(&["body", "body_file"])],
};

/// What an answer must be.
pub static HTTP_EXPECT: Mapping = Mapping {
    name: "http-expect",
    about: "What an answer must be; all of it",
    keys: &[
        Key::new("status", Shape::OneOrMore(&Shape::Word(Word::Status)), "[200, 304]", "Statuses").default("2xx"),
        Key::new("version", Shape::OneOrMore(&Shape::Choice(&["1.0", "1.1", "2"])), "2", "Versions of HTTP")
            .otherwise("any"),
        Key::new("tls", FLAG, "true", "Whether the answer came over TLS, after redirects"),
        Key::new(
            "headers",
            Shape::Keyed(Word::Header, &Shape::Mapping(&VALUE_RULES)),
            "{content-type: {contains: html}}",
            "Headers of the answer",
        ),
        Key::new("body", Shape::Mapping(&TEXT_RULES), "{contains: Welcome}", "The body"),
        Key::new(
            "json",
            Shape::Keyed(Word::Pointer, &Shape::Mapping(&VALUE_RULES)),
            "{/status: {equals: ok}}",
            "Values of a JSON body, by JSON pointer",
        ),
        WITHIN,
    ],
    rules: &[],
};

const CONTAINS: Key = Key::new("contains", TEXTS, "Welcome", "Every one of these texts is in it");
const NOT_CONTAINS: Key = Key::new("not_contains", TEXTS, "Oops", "None of these texts is in it");
const MATCHES: Key = Key::new("matches", PATTERNS, "'^v[0-9]+'", "Every one of these expressions matches");
const NOT_MATCHES: Key = Key::new("not_matches", PATTERNS, "'(?i)maintenance'", "None of these expressions matches");

/// Rules for a body.
pub static TEXT_RULES: Mapping = Mapping {
    name: "text-rules",
    about: "What a text must hold",
    keys: &[CONTAINS, NOT_CONTAINS, MATCHES, NOT_MATCHES],
    rules: &[Rule::AtLeastOne(&["contains", "not_contains", "matches", "not_matches"])],
};

/// Rules for a header or a value of a document.
pub static VALUE_RULES: Mapping = Mapping {
    name: "value-rules",
    about: "What a header or a value must be",
    keys: &[
        Key::new("present", FLAG, "true", "Whether it is there at all"),
        Key::new("equals", TEXT, "ok", "It is this"),
        CONTAINS,
        NOT_CONTAINS,
        MATCHES,
        NOT_MATCHES,
        Key::new("below", DECIMAL, "100", "It is a number below this"),
        Key::new("at_most", DECIMAL, "100", "It is a number up to this"),
        Key::new("above", DECIMAL, "0", "It is a number above this"),
        Key::new("at_least", DECIMAL, "1", "It is a number from this on"),
    ],
    rules: &[Rule::AtLeastOne(&[
        "present",
        "equals",
        "contains",
        "not_contains",
        "matches",
        "not_matches",
        "below",
        "at_most",
        "above",
        "at_least",
    ])],
};

/// Where a secret is kept.
pub static SECRET: Mapping = Mapping {
    name: "secret",
    about: "Where a secret is kept; it never stands in the file, and is read at the moment of use",
    keys: &[
        Key::new("env", Shape::Word(Word::Variable), "CANARY_PASSWORD", "An environment variable of the prober"),
        Key::new("file", TEXT, "/run/secrets/canary", "A file, read without its last newline"),
    ],
    rules: &[Rule::OneOf(&["env", "file"])],
};

/// `basic_auth`.
pub static BASIC_AUTH: Mapping = Mapping {
    name: "basic-auth",
    about: "A user and a password",
    keys: &[
        Key::new("username", TEXT_OR_SECRET, "canary", "The user").required(),
        Key::new("password", SECRET_ONLY, "{env: CANARY_PASSWORD}", "The password").required(),
    ],
    rules: &[],
};

/// `oauth2`.
pub static OAUTH2: Mapping = Mapping {
    name: "oauth2",
    about: "Client credentials (RFC 6749, section 4.4)",
    keys: &[
        Key::new("token_url", Shape::Word(Word::Url), "https://login.example.com/token", "Where tokens are fetched")
            .required(),
        Key::new("client_id", TEXT_OR_SECRET, "canary", "The client").required(),
        Key::new("client_secret", SECRET_ONLY, "{env: CANARY_SECRET}", "Its secret").required(),
        Key::new(
            "auth_method",
            Shape::Choice(&["client_secret_basic", "client_secret_post"]),
            "client_secret_post",
            "Whether both stand in a header or in the body",
        )
        .default("client_secret_basic"),
        Key::new("scopes", Shape::OneOrMore(&Shape::Word(Word::Scope)), "[read, write]", "What the token is for"),
        Key::new("params", Shape::Keyed(Word::Parameter, &TEXT), "{audience: shop}", "More parameters"),
        Key::new("tls", Shape::Mapping(&TLS), "{ca_file: ca.pem}", "How TLS is spoken with that server"),
    ],
    rules: &[],
};

/// `proxy`.
pub static PROXY: Mapping = Mapping {
    name: "proxy",
    about: "Through whom a request goes",
    keys: &[
        Key::new("url", Shape::Word(Word::Url), "http://proxy.example.com:3128", "Scheme, host and port").required(),
        Key::new(
            "basic_auth",
            Shape::Mapping(&BASIC_AUTH),
            "{username: canary, password: {env: PROXY_PASSWORD}}",
            "Whom the proxy knows",
        ),
        Key::new(
            "no_proxy",
            Shape::OneOrMore(&Shape::Word(Word::Filled)),
            "[.internal.example.com, 10.0.0.0/8]",
            "Targets that are met without it, as `no_proxy` of curl",
        ),
    ],
    rules: &[],
};

/// `tls` of a client.
pub static TLS: Mapping = Mapping {
    name: "tls",
    about: "How TLS is spoken: the keys of Prometheus's `tls_config`",
    keys: &[
        Key::new("ca_file", PATH, "ca.pem", "Whom to trust instead of the machine's roots"),
        Key::new("cert_file", PATH, "me.pem", "A certificate of the client"),
        Key::new("key_file", PATH, "me.key", "Its key"),
        Key::new("server_name", Shape::Word(Word::Host), "shop.example.com", "The name that the certificate must hold")
            .otherwise("the host"),
        Key::new("min_version", Shape::Choice(&["TLS12", "TLS13"]), "TLS13", "The oldest version that is spoken")
            .default("TLS12"),
        Key::new("insecure_skip_verify", FLAG, "true", "Take any certificate; never with `ca_file`").default("false"),
    ],
    rules: &[Rule::Together(&["cert_file", "key_file"])],
};

/// `tcp`.
pub static TCP: Mapping = Mapping {
    name: "tcp",
    about: "A connection, and what is said over it",
    keys: &[
        Key::new("address", ENDPOINT, "mail.example.com:25", "Where to").required(),
        IP,
        Key::new("tls", TLS_OR_FLAG, "true", "TLS from the first byte").default("false"),
        Key::new(
            "exchange",
            Shape::List(&Shape::Mapping(&EXCHANGE)),
            "[{expect: '^220 '}, {send: \"QUIT\\r\\n\"}]",
            "What is awaited and said, in turn",
        ),
        Key::new("max_read", Shape::Word(Word::Size), "16KiB", "How much is read").default("64KiB"),
        EXPECT_WITHIN,
    ],
    rules: &[],
};

/// A step of `exchange`.
pub static EXCHANGE: Mapping = Mapping {
    name: "exchange",
    about: "A step of a conversation",
    keys: &[
        Key::new("expect", Shape::Word(Word::Pattern), "'^220 (?<host>[^ ]+)'", "Wait until this matches"),
        Key::new("not", Shape::Word(Word::Pattern), "'^5'", "Fail if this matches first"),
        Key::new("lines", FLAG, "false", "Match line by line, rather than all that was read").default("true"),
        Key::new(
            "send",
            Shape::Either(&[Shape::Word(Word::Filled), SECRET_ONLY, Shape::List(&TEXT_OR_SECRET)]),
            "\"EHLO me\\r\\n\"",
            "Say this; `${1}` and `${name}` are what the last patterns captured",
        ),
        Key::new("starttls", TLS_OR_TRUE, "true", "Speak TLS from here on"),
    ],
    rules: &[Rule::OneOf(&["expect", "send", "starttls"]), Rule::Only("expect", &["not", "lines"])],
};

/// A probe of kind `tls`.
pub static CHAIN: Mapping = Mapping {
    name: "tls-probe",
    about: "A handshake, and the chain that is presented",
    keys: &[
        Key::new("address", ENDPOINT, "shop.example.com:443", "Where to").required(),
        IP,
        Key::new("settings", Shape::Mapping(&TLS), "{server_name: www.example.com}", "How TLS is spoken"),
        Key::new("expect", Shape::Mapping(&CHAIN_EXPECT), "{valid_for: 14d}", "What the chain must be"),
    ],
    rules: &[],
};

/// What a chain must be.
pub static CHAIN_EXPECT: Mapping = Mapping {
    name: "tls-expect",
    about: "What a chain must be, besides good",
    keys: &[
        Key::new("valid_for", POSITIVE, "14d", "How long every certificate must still hold"),
        Key::new(
            "names",
            Shape::OneOrMore(&Shape::Word(Word::Host)),
            "[shop.example.com]",
            "Names that the certificate must hold",
        ),
        WITHIN,
    ],
    rules: &[],
};

/// `dns`.
pub static DNS: Mapping = Mapping {
    name: "dns",
    about: "A query, and its answer",
    keys: &[
        Key::new("server", ENDPOINT, "192.0.2.53:53", "Whom to ask").required(),
        IP,
        Key::new("transport", Shape::Choice(&["udp", "tcp", "tls"]), "tcp", "How to ask").default("udp"),
        Key::new("tls", TLS_OR_TRUE, "{server_name: dns.example.com}", "How TLS is spoken; only with `transport: tls`"),
        Key::new("name", Shape::Word(Word::Filled), "www.example.com", "What is asked for").required(),
        Key::new(
            "type",
            Shape::Choice(&[
                "A", "AAAA", "CAA", "CNAME", "DNSKEY", "DS", "HTTPS", "MX", "NAPTR", "NS", "PTR", "SOA", "SRV", "SVCB",
                "TXT",
            ]),
            "AAAA",
            "Which records",
        )
        .default("A"),
        Key::new("recursion", FLAG, "false", "Whether the server may ask others").default("true"),
        Key::new(
            "expect",
            Shape::Mapping(&DNS_EXPECT),
            "{answer: {any: '^192\\.0\\.2\\.'}}",
            "What the answer must be",
        )
        .otherwise("`NOERROR` with at least one record"),
    ],
    rules: &[],
};

/// What an answer of DNS must be.
pub static DNS_EXPECT: Mapping = Mapping {
    name: "dns-expect",
    about: "What an answer of DNS must be",
    keys: &[
        Key::new(
            "rcode",
            Shape::OneOrMore(&Shape::Choice(&["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"])),
            "[NOERROR, NXDOMAIN]",
            "Response codes",
        )
        .default("NOERROR"),
        Key::new("answer", Shape::Mapping(&DNS_ANSWER), "{at_least: 2}", "Records"),
        Key::new("authoritative", FLAG, "true", "Whether the server answers for the zone itself"),
        WITHIN,
    ],
    rules: &[],
};

/// What the records of an answer must be.
pub static DNS_ANSWER: Mapping = Mapping {
    name: "dns-answer",
    about: "What the records of an answer must be",
    keys: &[
        Key::new("at_least", Shape::Word(Word::Whole(0, 5957)), "2", "How many there are")
            .otherwise("1, or 0 with `at_most: 0`"),
        Key::new("at_most", Shape::Word(Word::Whole(0, 5957)), "4", "How many there are at most"),
        Key::new("any", PATTERNS, "'^192\\.0\\.2\\.'", "Each of these matches one of them"),
        Key::new("all", PATTERNS, "'^192\\.0\\.2\\.'", "Each of these matches all of them"),
        Key::new("none", PATTERNS, "'^10\\.'", "None of these matches any of them"),
    ],
    rules: &[],
};

/// `icmp`.
pub static ICMP: Mapping = Mapping {
    name: "icmp",
    about: "An echo",
    keys: &[
        Key::new("host", Shape::Word(Word::Host), "192.0.2.1", "Whom to ask").required(),
        IP,
        Key::new("payload", Shape::Word(Word::Size), "100B", "How much is sent").default("56B"),
        Key::new("ttl", Shape::Word(Word::Whole(1, 255)), "9", "How many routers it may pass")
            .otherwise("that of the system"),
        EXPECT_WITHIN,
    ],
    rules: &[],
};

/// `grpc`.
pub static GRPC: Mapping = Mapping {
    name: "grpc",
    about: "A health check (`grpc.health.v1.Health/Check`)",
    keys: &[
        Key::new("address", ENDPOINT, "orders.example.com:443", "Where to").required(),
        IP,
        Key::new("tls", TLS_OR_FLAG, "true", "Whether, or how, TLS is spoken").default("false"),
        Key::new("service", TEXT, "shop.v1.Orders", "The service that is asked about")
            .otherwise("the server as a whole"),
        Key::new("metadata", HEADERS, "{authorization: {env: ORDERS_TOKEN}}", "What is sent besides"),
        EXPECT_WITHIN,
    ],
    rules: &[],
};

/// `expect` where a time is all that can be expected.
pub static ONLY_WITHIN: Mapping =
    Mapping { name: "within", about: "How long a good run may take", keys: &[WITHIN], rules: &[] };

/// `journey`.
pub static JOURNEY: Mapping = Mapping {
    name: "journey",
    about: "Commands and requests, one after another; the first that fails ends it",
    keys: &[
        Key::new(
            "env",
            VARIABLES,
            "{CF_HOME: '${run_dir}'}",
            "Environment of every command; `${run_dir}` is a fresh directory for each run",
        ),
        Key::new("steps", Shape::List(&STEPS), "[{name: push, run: [cf, push, canary]}]", "What is done").required(),
        Key::new(
            "cleanup",
            Shape::AnyList(&STEPS),
            "[{name: delete, run: [cf, delete, -f, canary]}]",
            "What is done afterwards, whatever happened; it does not count",
        ),
    ],
    rules: &[],
};

/// A step of a journey.
pub static STEP: Mapping = Mapping {
    name: "step",
    about: "A command or a request",
    keys: &[
        Key::new("name", NAME, "push", "Its name, once in a journey").required(),
        Key::new(
            "run",
            Shape::List(&TEXT),
            "[cf, push, canary]",
            "A command, word by word, without a shell; its words may hold `${name}`",
        ),
        Key::new("http", Shape::Mapping(&HTTP), "{url: 'https://canary.example.com/'}", "A request"),
        Key::new("env", VARIABLES, "{CF_PASSWORD: {env: CANARY_PASSWORD}}", "More environment of the command"),
        Key::new("timeout", POSITIVE, "5s", "How long it may take")
            .otherwise("until the timeout of the journey; `60s` in `cleanup`"),
        Key::new(
            "capture",
            Shape::Keyed(Word::Name, &Shape::Mapping(&CAPTURE)),
            "{order: {regex: 'order ([0-9]+)'}}",
            "What later steps take from its answer or output, as `${name}`",
        ),
    ],
    rules: &[Rule::OneOf(&["run", "http"])],
};

/// What a step captures.
pub static CAPTURE: Mapping = Mapping {
    name: "capture",
    about: "Where a captured value stands",
    keys: &[
        Key::new("json", Shape::Word(Word::Pointer), "/id", "A value of a JSON answer or output"),
        Key::new("header", Shape::Word(Word::Header), "location", "A header of an answer"),
        Key::new(
            "regex",
            Shape::Word(Word::Pattern),
            "'order ([0-9]+)'",
            "The group, or the match, in that value, or in all of the text",
        ),
    ],
    rules: &[Rule::AtMostOne(&["json", "header"]), Rule::AtLeastOne(&["json", "header", "regex"])],
};
