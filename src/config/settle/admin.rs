//! What would let others in, or cannot be served, where those who operate a proxy ask it.

use super::Settler;
use crate::config::Config;

impl Settler<'_> {
    pub(super) fn admin(&mut self, config: &mut Config) {
        let admin = &mut config.admin;
        admin.optional = !self.origins.contains_key("admin.listen");
        let admin = &config.admin;
        if admin.token.is_some() && admin.token_file.is_some() {
            self.problem(
                "admin.token_file",
                "admin.token_file names a file, and admin.token is set too: keep one".into(),
            );
        }
        if admin.tls && !admin.listen.is_empty() && config.tls.cert_file.is_none() {
            self.problem(
                "admin.tls",
                "admin.tls wants a certificate: set tls.cert_file and tls.key_file".into(),
            );
        }
        if let Some(listen) = admin.exposed() {
            let message = format!(
                "admin.listen is {listen}, where other machines could drain this proxy and read its keys: set admin.token \
                 (or admin.token_file), or admin.open = true if they may"
            );
            self.problem("admin.listen", message);
        }
    }
}
