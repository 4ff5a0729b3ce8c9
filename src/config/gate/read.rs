//! Users and rules as tables of a file.

use super::super::commands::selector;
use super::super::listen;
use super::super::tables::{Options, Row, Shown};
use super::super::written::quoted;
use super::super::{CertificateUser, DenyRule, LocalUser, Secret};

impl Row for LocalUser {
    const EXAMPLE: &'static str = "[{name = \"app\", acl = \"on >password ~app:* +@read\"}]";

    /// Whether the words of `acl` are Redis's is for those who know them; here they are a secret.
    fn read(options: &mut Options<'_>) -> Self {
        let name = options.needed("name");
        if name.contains(|c: char| c.is_whitespace() || c.is_control())
            || name.starts_with(['>', '<', '#', '!'])
        {
            options.fault(
                "name",
                "has a blank in it or begins with a sign of passwords: write it alone, and the rest in acl",
            );
        }
        Self { name: name.into(), acl: Secret::new(options.needed("acl")) }
    }

    fn key(&self) -> (&'static str, &str) {
        ("name", &self.name)
    }

    fn show(&self, to: &mut Shown) {
        to.text("name", &self.name);
        to.text("acl", Secret::MASK);
    }

    fn secret(&self) -> Option<&Secret> {
        Some(&self.acl)
    }
}

impl Row for CertificateUser {
    const EXAMPLE: &'static str = "[{cert = \"app-*.example.com\", user = \"app\"}]";

    fn read(options: &mut Options<'_>) -> Self {
        Self { cert: options.shown("cert").into(), user: options.shown("user").into() }
    }

    fn key(&self) -> (&'static str, &str) {
        ("cert", &self.cert)
    }

    fn show(&self, to: &mut Shown) {
        to.text("cert", &self.cert);
        to.text("user", &self.user);
    }
}

impl Row for DenyRule {
    const EXAMPLE: &'static str =
        "[{name = \"no-config\", commands = [\"CONFIG|SET\", \"@dangerous\"], users = [\"app\"]}]";

    fn read(options: &mut Options<'_>) -> Self {
        let rule = Self {
            name: options.label("name"),
            commands: options.checked("commands", selector),
            args: options.list("args"),
            keys: options.list("keys"),
            users: options.list("users"),
            listeners: options.checked("listeners", listener),
        };
        if !["commands", "args", "keys", "users", "listeners"].iter().any(|name| options.is_there(name)) {
            options.fault("commands", "or another condition is missing: it would refuse every request");
        }
        rule
    }

    fn key(&self) -> (&'static str, &str) {
        ("name", &self.name)
    }

    fn show(&self, to: &mut Shown) {
        to.text("name", &self.name);
        to.list("commands", &self.commands);
        to.list("args", &self.args);
        to.list("keys", &self.keys);
        to.list("users", &self.users);
        to.list("listeners", &self.listeners);
    }
}

/// A listener as [`super::super::Listen`] shows it.
pub(super) fn listener(text: &str) -> Result<String, String> {
    listen::parse(text).map(|listen| listen.to_string()).map_err(|why| format!("{} {why}", quoted(text)))
}
