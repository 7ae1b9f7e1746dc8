use super::*;

fn with(change: impl FnOnce(&mut Options)) -> Result<Config, String> {
    let mut options = Options { token: Some("token".to_owned()), ..Options::default() };
    change(&mut options);
    options.validate().map_err(|error| error.to_string())
}

fn login_of(username: &str, password: &str) -> Login {
    Login { username: username.to_owned(), password: Secret::new(password) }
}

#[test]
fn defaults_are_those_of_the_documentation() {
    let config = with(|_| {}).unwrap();

    assert_eq!(config.api.url.as_str(), "https://api.aluvia.io/v1/user");
    assert_eq!(config.poll_interval, Some(Duration::from_secs(5)));
    assert_eq!(config.gateway.host.as_str(), "gateway.aluvia.io");
    assert_eq!(config.gateway.port, 8080);
    assert_eq!(config.local_port, 0);
}

#[test]
fn an_https_gateway_has_a_port_of_its_own() {
    let config = with(|options| options.gateway_protocol = Some("https".to_owned())).unwrap();

    assert_eq!(config.gateway.port, 8443);
}

#[test]
fn base_url_and_path_are_joined_whatever_their_slashes() {
    for (base, path) in [("http://h/v1", "/me"), ("http://h/v1///", "me"), (" http://h/v1/ ", "//me")] {
        let config = with(|options| {
            options.api_base_url = Some(base.to_owned());
            options.config_path = Some(path.to_owned());
        });
        assert_eq!(config.unwrap().api.url.as_str(), "http://h/v1/me", "{base} {path}");
    }
}

#[test]
fn a_blank_token_is_a_missing_one() {
    for token in [None, Some(""), Some(" \n\t")] {
        let options = Options { token: token.map(str::to_owned), ..Options::default() };
        assert_eq!(options.validate().unwrap_err(), ConfigError::MissingToken);
    }
}

#[test]
fn each_bad_option_is_named_with_what_it_takes() {
    type Change = fn(&mut Options);
    let cases: &[(&str, Change)] = &[
        ("token must be visible", |o| o.token = Some("a\nb".to_owned())),
        ("apiBaseUrl must be an http or https URL", |o| o.api_base_url = Some("ftp://h".to_owned())),
        ("apiBaseUrl must be", |o| o.api_base_url = Some("http://u:p@h".to_owned())),
        ("apiBaseUrl must be", |o| o.api_base_url = Some("api.aluvia.io".to_owned())),
        ("configPath must be", |o| o.config_path = Some("a b".to_owned())),
        ("pollIntervalMs must be a finite number of milliseconds, at least 50, or 0 for no polling, not 49", |o| {
            o.poll_interval_ms = Some(49.0);
        }),
        ("pollIntervalMs must be", |o| o.poll_interval_ms = Some(f64::NAN)),
        ("pollIntervalMs must be", |o| o.poll_interval_ms = Some(f64::INFINITY)),
        ("pollIntervalMs must be", |o| o.poll_interval_ms = Some(-1.0)),
        ("gatewayProtocol must be 'http' or 'https', not \"socks5\"", |o| {
            o.gateway_protocol = Some("socks5".to_owned());
        }),
        ("gatewayHost must be", |o| o.gateway_host = Some("http://gw".to_owned())),
        ("gatewayHost must be", |o| o.gateway_host = Some("gw:80".to_owned())),
        ("gatewayPort must be a whole number from 1 to 65535, not 0", |o| o.gateway_port = Some(0.0)),
        ("gatewayPort must be", |o| o.gateway_port = Some(80.5)),
        ("localPort must be a whole number from 0 to 65535, not 65536", |o| o.local_port = Some(65536.0)),
        ("apiTimeoutMs must be", |o| o.api_timeout_ms = Some(0.0)),
        ("connectTimeoutMs must be", |o| o.connect_timeout_ms = Some(f64::INFINITY)),
        ("maxConnections must be a whole number from 1 to 1000000, not 0", |o| o.max_connections = Some(0.0)),
        ("maxHeaderSize must be", |o| o.max_header_size = Some(1023.0)),
        ("maxHeaderSize must be", |o| o.max_header_size = Some(f64::NAN)),
        ("maxHeadersCount must be", |o| o.max_headers_count = Some(16.5)),
        ("maxHeadersCount must be", |o| o.max_headers_count = Some(1e300)),
        ("idleTimeoutMs must be", |o| o.idle_timeout_ms = Some(0.0)),
        ("drainTimeoutMs must be", |o| o.drain_timeout_ms = Some(-1.0)),
        ("localAuth.username must be", |o| o.local_auth = Some(login_of("a:b", "p"))),
        ("localAuth.username must be", |o| o.local_auth = Some(login_of("", "p"))),
        ("localAuth.password must be", |o| o.local_auth = Some(login_of("u", ""))),
        ("localAuth.password must be", |o| o.local_auth = Some(login_of("u", "a\nb"))),
        (
            "allowTargets must be IP addresses and CIDR blocks, such as '169.254.169.254' or 'fe80::/10', not \"x\"",
            |o| {
                o.allow_targets = vec!["10.0.0.0/8".to_owned(), "x".to_owned()];
            },
        ),
        ("onGatewayFailure must be 'fail' or 'direct', not \"Direct\"", |o| {
            o.on_gateway_failure = Some("Direct".to_owned());
        }),
        ("onRouteChange must be 'when-idle', 'keep' or 'close', not \"\"", |o| {
            o.on_route_change = Some(String::new());
        }),
        ("stateFile must be the path of a file", |o| o.state_file = Some(" ".to_owned())),
        ("stateFile must be the path of a file", |o| o.state_file = Some("/tmp/".to_owned())),
        ("stateMaxAgeMs must be", |o| o.state_max_age_ms = Some(0.0)),
        ("ca must be certificates in PEM", |o| o.ca = vec!["nonsense".to_owned()]),
    ];
    for (expected, change) in cases {
        let message = with(*change).unwrap_err();
        assert!(message.starts_with(expected), "{message} does not start with {expected}");
    }
}
