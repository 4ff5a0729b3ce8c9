//! Who asks. Every user has the password `pw`.

/// A user, and its rules in Redis's words, without the password.
pub(crate) type User = (&'static str, &'static str);

/// Those of the matrix. Keys that may be used are `app:*`, channels `news*`.
pub(crate) const USERS: &[User] = &[
    ("all", "on ~* &* +@all"),
    ("keys", "on ~app:* &* +@all"),
    ("reads", "on %R~app:* &* +@all"),
    ("writes", "on %W~app:* &* +@all"),
    ("halves", "on %R~app:* %W~oth:* &* +@all"),
    ("few", "on ~* &* +get +mget +set +exists +multi +exec +config|get +client|getname +select"),
    ("kinds", "on ~* &* +@all -@dangerous -@write -@scripting"),
    ("channels", "on ~* resetchannels &news* +@all"),
    (
        "parts",
        "on +@transaction +ping (+get ~app:*) (+set +mset %W~oth:*) (+@read %R~app:s* ~oth:h) (+@pubsub &news)",
    ),
    ("endless", "on ~app:* &* +@all -exec -discard"),
    ("none", "on -@all"),
    ("off", "off ~* &* +@all"),
];

/// A default user that needs no password, and may not do much.
pub(crate) const OPEN: User = ("default", "on nopass ~app:* resetchannels &news +@all -@dangerous");

/// Who may do everything, for the test itself.
pub(crate) const ROOT: User = ("root", "on ~* &* +@all");

/// The rules of `user` with its password.
pub(crate) fn rules(user: User) -> String {
    let password = if user.1.contains("nopass") { "" } else { " >pw" };
    format!("{}{password}", user.1)
}
