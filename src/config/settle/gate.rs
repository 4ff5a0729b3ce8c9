//! What only several settings of the gate together can say: names that lead nowhere, addresses that
//! stand twice, certificates without keys, doors left open.

use super::Settler;
use crate::config::listen::is_local;
use crate::config::tables::toml_text;
use crate::config::written::{Origin, Problem, Value};
use crate::config::{AuthClients, Config, Listen};

impl Settler<'_> {
    pub(super) fn gate(&mut self, config: &Config) {
        self.certificates(config);
        self.addresses(config);
        self.names(config);
        self.open_doors(config);
        if !config.rates.is_empty() && !config.features.rate_limiting {
            let by = self.origin("features.rate_limiting");
            self.warnings.push(format!("{by}: no rate limit is applied, whatever rates says"));
        }
    }

    fn certificates(&mut self, config: &Config) {
        let tls = &config.tls;
        let files = [("tls.cert_file", &tls.cert_file), ("tls.key_file", &tls.key_file)];
        for (key, file) in files {
            if !tls.listen.is_empty() && file.is_none() && self.is_good(key) {
                self.problem("tls.listen", format!("tls.listen needs {key}: the path of a file (PEM)"));
            }
            let unused = tls.listen.is_empty() && !config.admin.tls;
            if unused && file.is_some() && self.is_good("tls.listen") {
                let by = self.origin(key);
                self.warnings.push(format!("{by}: {key} is not used: there is no tls.listen"));
            }
        }
        let asked = tls.auth_clients != AuthClients::No;
        if asked && tls.ca_cert_file.is_none() && self.is_good("tls.ca_cert_file") {
            let message =
                "tls.auth_clients needs tls.ca_cert_file: who signs the certificates of clients (PEM)";
            self.problem("tls.auth_clients", message.into());
        }
        if !asked && !tls.users.is_empty() && self.is_good("tls.auth_clients") {
            let by = self.origin("tls.users");
            self.warnings.push(format!(
                "{by}: tls.users are not used: tls.auth_clients = \"no\", so that no client shows a certificate"
            ));
        }
    }

    fn addresses(&mut self, config: &Config) {
        let twice = config.tls.listen.iter().filter(|listen| !matches!(listen, Listen::Tcp(_, 0)));
        for listen in twice.filter(|listen| config.listen.contains(listen)) {
            let by = self.origin("listen");
            self.problem("tls.listen", format!("tls.listen names {listen}, as does listen ({by})"));
        }
    }

    /// Users and listeners that rules name.
    fn names(&mut self, config: &Config) {
        // Users of the upstream are not known here.
        if !config.users.is_empty() && self.is_good("users") {
            let users: Vec<String> = config.users.iter().map(|user| user.name.clone()).collect();
            for (at, row) in config.tls.users.iter().enumerate() {
                self.known("tls.users", at, std::slice::from_ref(&row.user), "user", &users);
            }
            for (at, row) in config.rules.deny.iter().enumerate() {
                self.known("rules.deny", at, &row.users, "user", &users);
            }
            for (at, row) in config.rates.iter().enumerate() {
                self.known("rates", at, &row.users, "user", &users);
            }
        }
        if self.is_good("listen") && self.is_good("tls.listen") {
            let all: Vec<String> =
                config.listen.iter().chain(&config.tls.listen).map(ToString::to_string).collect();
            for (at, row) in config.rules.deny.iter().enumerate() {
                self.known("rules.deny", at, &row.listeners, "listener", &all);
            }
            for (at, row) in config.rates.iter().enumerate() {
                self.known("rates", at, &row.listeners, "listener", &all);
            }
        }
    }

    fn known(&mut self, key: &str, at: usize, named: &[String], what: &str, known: &[String]) {
        for name in named.iter().filter(|name| !known.contains(name)) {
            let (name, known) = (toml_text(name), known.join(", "));
            let message = format!("{key} table {}: there is no {what} {name}, only {known}", at + 1);
            self.problems.push(Problem::new(&self.row(key, at), key, message));
        }
    }

    fn open_doors(&mut self, config: &Config) {
        let far = |listen: &[Listen]| -> Vec<String> {
            listen.iter().filter(|listen| !is_local(listen)).map(ToString::to_string).collect()
        };
        let (plain, mut open) = (far(&config.listen), far(&config.listen));
        if config.tls.auth_clients != AuthClients::Yes {
            open.extend(far(&config.tls.listen));
        }
        if !config.protected_mode && config.users.is_empty() && !open.is_empty() {
            self.warnings.push(format!(
                "{}: NOBODY HAS TO SAY WHO IT IS: with protected_mode = false and no [[users]] whoever reaches {} \
                 may do all that the upstream lets Nearside do; add [[users]], or have only TLS listeners with \
                 tls.auth_clients = \"yes\"",
                self.origin("protected_mode"),
                open.join(", ")
            ));
        }
        if !config.users.is_empty() && !plain.is_empty() {
            self.warnings.push(format!(
                "{}: passwords of [[users]] travel in clear to {}: name it in tls.listen instead, or keep it to \
                 a network you trust",
                self.origin("listen"),
                plain.join(", ")
            ));
        }
    }

    pub(super) fn problem(&mut self, key: &str, message: String) {
        let by = self.origin(key);
        self.problems.push(Problem::new(&by, key, message));
    }

    /// Whether nothing was wrong with what is written for `key`: else what it is is not known.
    fn is_good(&self, key: &str) -> bool {
        !self.faulty.iter().any(|faulty| faulty == key)
    }

    /// Where table number `at` of a setting was written.
    fn row(&self, key: &str, at: usize) -> Origin {
        let written = self.written.iter().rev().find(|written| written.key == key);
        let line = written.and_then(|written| match &written.value {
            Value::Tables(tables) => tables.line(at),
            _ => None,
        });
        self.origin(key).at(line)
    }
}
