//! What would hold for somebody: asked by those who operate a proxy, on nobody's behalf.

use std::sync::Arc;

use super::gate::{Gate, Origin};
use super::rights::{Rights, Who};

impl Gate {
    /// The rights a client from `origin` would have as `user`; `None`: as whoever it is before it says so, who
    /// is `upstream` to the upstream. Nothing is remembered of it.
    ///
    /// # Errors
    /// Why nobody can be that user.
    pub fn suppose(
        &self,
        origin: &Origin,
        user: Option<&str>,
        upstream: &str,
    ) -> Result<Arc<Rights>, String> {
        let Some(name) = user else { return Ok(self.newcomer(origin, upstream)) };
        if !self.has_users() {
            let who = Who::Upstream(name.to_owned());
            return Ok(Arc::new(Rights::new(who, origin.listener, &self.common)));
        }
        match self.users.get(name) {
            None => Err(format!("there is no user {name} among users")),
            Some(user) if !user.is_on() => Err(format!("the user {name} is off: nobody can log in as it")),
            Some(user) => Ok(self.local(origin, user)),
        }
    }
}
