//! The near cache's settings from all sources.

use super::{Given, env, file, origin};
use nearside::config::{Cache, CacheMode, CachePattern, CachePolicy, Config, render};
use std::time::Duration;

const MIB: u64 = 1 << 20;

fn pattern(glob: &str, max_age: Option<u64>, serve_stale: Option<u64>) -> CachePattern {
    let seconds = |n: Option<u64>| n.map(Duration::from_secs);
    CachePattern { glob: glob.into(), max_age: seconds(max_age), serve_stale: seconds(serve_stale) }
}

#[test]
fn without_any_source_it_is_on_and_bounded() {
    let config = Given::default().memory(2048 * MIB).good().config;
    assert_eq!(config.cache_mode(), CacheMode::Auto);
    let cache = Cache {
        mode: CacheMode::Auto,
        memory: 256 * MIB,
        policy: CachePolicy::Lru,
        max_value: 64 << 10,
        max_age: Duration::from_secs(60),
        max_staleness: Duration::from_secs(1),
        admit_after: 2,
        admit_window: Duration::from_secs(60),
        verify: 0.0,
        acl_check: Duration::from_secs(5),
        scripts_declare_keys: false,
        ttl_max_age: Duration::from_secs(1),
        stamps: 1 << 20,
        include: vec![],
        exclude: vec![],
    };
    assert_eq!(config.cache, cache);
}

#[test]
fn its_memory_follows_the_machine_and_its_stamps_follow_its_memory() {
    let of = |given: Given| {
        let loaded = given.good();
        (loaded.config.cache.memory / MIB, loaded.config.cache.stamps.ilog2(), loaded.warnings.len())
    };
    assert_eq!(of(Given::default().memory(64 * MIB)), (16, 18, 0));
    assert_eq!(of(Given::default().memory(512 * MIB)), (64, 20, 0));
    assert_eq!(of(Given::default().memory(1 << 40)), (1024, 20, 0));
    let asked = [("NEARSIDE_CACHE_MEMORY", "1mb")];
    assert_eq!(of(env(&asked).memory(1 << 40)), (1, 14, 0));
    assert_eq!(
        of(env(&asked).flag("--set cache.stamps", "cache.stamps", "1024").memory(1 << 40)),
        (1, 10, 0)
    );
    let loaded = env(&[("NEARSIDE_CACHE_MEMORY", "2gb")]).memory(512 * MIB).good();
    assert_eq!(
        loaded.warnings,
        ["env NEARSIDE_CACHE_MEMORY: cache.memory (2GiB) is more than this process may use (512MiB)"]
    );
}

#[test]
fn every_setting_from_a_file() {
    let text = "[cache]\nmode = \"ttl\"\nmemory = \"32MiB\"\npolicy = \"allkeys-lfu\"\nmax_value = \"1kb\"\n\
        max_age = \"5m\"\nmax_staleness = \"250ms\"\nadmit_after = 0\nadmit_window = \"10s\"\nverify = 0.5\n\
        acl_check = \"1s\"\nscripts_declare_keys = true\nttl_max_age = \"2s\"\nstamps = 65536\n\
        include = [\"api:notion:* max_age=30s\", \"api:hubspot:[a,b]:* serve_stale=5m\"]\nexclude = [\"lock:*\"]\n";
    let cache = file(text).good().config.cache;
    let expected = Cache {
        mode: CacheMode::Ttl,
        memory: 32 * MIB,
        policy: CachePolicy::Lfu,
        max_value: 1024,
        max_age: Duration::from_secs(300),
        max_staleness: Duration::from_millis(250),
        admit_after: 0,
        admit_window: Duration::from_secs(10),
        verify: 0.5,
        acl_check: Duration::from_secs(1),
        scripts_declare_keys: true,
        ttl_max_age: Duration::from_secs(2),
        stamps: 65_536,
        include: vec![
            pattern("api:notion:*", Some(30), None),
            pattern("api:hubspot:[a,b]:*", None, Some(300)),
        ],
        exclude: vec!["lock:*".into()],
    };
    assert_eq!(cache, expected);
    assert_eq!(file("cache.verify = 1\n").good().config.cache.verify, 1.0);
}

#[test]
fn patterns_from_the_environment_stand_between_commas() {
    let cache = env(&[
        ("NEARSIDE_CACHE_INCLUDE", " api:notion:* max_age=30s serve_stale=1h, api:*,"),
        ("NEARSIDE_CACHE_EXCLUDE", "api:token:*,lock:*"),
        ("NEARSIDE_CACHE_VERIFY", "0.01"),
        ("NEARSIDE_CACHE_SCRIPTS_DECLARE_KEYS", "yes"),
    ])
    .good()
    .config
    .cache;
    assert_eq!(cache.include, [pattern("api:notion:*", Some(30), Some(3600)), pattern("api:*", None, None)]);
    assert_eq!(cache.exclude, ["api:token:*", "lock:*"]);
    assert_eq!((cache.verify, cache.scripts_declare_keys), (0.01, true));
}

#[test]
fn the_guides_switch_turns_it_off_and_says_so_to_whoever_asked_for_it() {
    let off = env(&[("REDIS_CACHE_ENABLED", "false")]).good();
    assert_eq!((off.config.cache_mode(), off.config.cache.mode), (CacheMode::Off, CacheMode::Auto));
    assert!(off.warnings.is_empty(), "{:?}", off.warnings);
    let both = env(&[("REDIS_CACHE_ENABLED", "false")]).flag("--cache", "cache.mode", "ttl").good();
    assert_eq!(both.config.cache_mode(), CacheMode::Off);
    assert_eq!(
        both.warnings,
        ["env REDIS_CACHE_ENABLED: there is no near cache, whatever cache.mode = ttl (flag --cache) says"]
    );
    assert_eq!(env(&[("REDIS_CACHE_ENABLED", "true")]).good().config.cache_mode(), CacheMode::Auto);
}

#[test]
fn the_transparent_profile_has_none_unless_asked() {
    let transparent = || env(&[("NEARSIDE_PROFILE", "transparent"), ("REDIS_CACHE_ENABLED", "true")]);
    let loaded = transparent().good();
    assert_eq!(loaded.config.cache_mode(), CacheMode::Off);
    assert_eq!(origin(&loaded, "cache.mode"), "profile transparent");
    let asked = transparent().flag("--cache", "cache.mode", "auto").good();
    assert_eq!(asked.config.cache_mode(), CacheMode::Auto);
    for name in ["default", "development", "staging", "production"] {
        let config = env(&[("NEARSIDE_PROFILE", name)]).good().config;
        assert_eq!(config.cache_mode(), CacheMode::Auto, "{name}");
    }
}

#[test]
fn what_is_wrong_is_said_with_what_to_write() {
    for (key, text, why) in [
        ("mode", "atuo", "expects auto, ttl or off, got \"atuo\", did you mean auto?"),
        ("mode", "on", "expects auto, ttl or off, got \"on\""),
        (
            "policy",
            "volatile-lru",
            "\"volatile-lru\" does not matter to a cache in which every entry expires; write allkeys-lru",
        ),
        ("policy", "allkeys-lfuu", "\"allkeys-lfuu\" is no policy, did you mean allkeys-lfu?"),
        ("memory", "1kb", "expects a size such as \"64MiB\", at least 1MiB, got \"1kb\""),
        ("max_value", "0", "expects a size such as \"64MiB\", at least 1, got \"0\""),
        ("max_age", "60", "expects a duration with its unit, from 10ms to 24h, got \"60\""),
        ("max_staleness", "1ms", "expects a duration with its unit, from 50ms to 1m, got \"1ms\""),
        ("admit_after", "16", "expects a whole number from 0 to 15, got \"16\""),
        ("verify", "1.5", "expects a number from 0 to 1, got \"1.5\""),
        ("verify", "NaN", "expects a number from 0 to 1, got \"NaN\""),
        ("stamps", "1000", "expects a power of two from 1024 to 16777216, got \"1000\""),
        ("include", "a:* maxage=3s", "\"a:* maxage=3s\" has no such option, did you mean max_age?"),
        ("include", "a,b,a", "names \"a\" twice; the first pattern that fits a key holds"),
        (
            "exclude",
            "a b",
            "\"a b\" has a blank: write a comma between two patterns, and ? for a blank in a key",
        ),
    ] {
        let key = format!("cache.{key}");
        let problems = Given::default().flag("--set", &key, text).bad();
        assert_eq!(problems, [format!("flag --set: {key} {why}")]);
    }
    let problems = file("[cache]\nmax_age = 60\ninclude = [3]\n").bad();
    assert!(problems[0].ends_with("from 10ms to 24h, got an integer"), "{problems:?}");
    assert!(
        problems[1].ends_with("a list of patterns such as \"api:* max_age=30s\", got an array"),
        "{problems:?}"
    );
    let problems = file("cache.max_value = \"2mb\"\n").env(&[("NEARSIDE_CACHE_MEMORY", "1mb")]).bad();
    assert_eq!(problems, ["env NEARSIDE_CACHE_MEMORY: cache.memory (1MiB) is below cache.max_value (2MiB)"]);
}

#[test]
fn a_switch_under_another_name_leads_to_the_right_one() {
    assert_eq!(
        file("cache.enabled = false\n").bad(),
        ["file n.toml:1: unknown key cache.enabled, did you mean features.cache?"]
    );
    assert_eq!(
        file("cache = false\n").bad(),
        ["file n.toml:1: unknown key cache, did you mean features.cache?"]
    );
    assert_eq!(
        env(&[("NEARSIDE_CACHE_ENABLED", "false")]).bad(),
        ["env NEARSIDE_CACHE_ENABLED: there is no such setting, did you mean NEARSIDE_FEATURES_CACHE?"]
    );
}

#[test]
fn a_pattern_that_hides_the_rest_is_a_warning() {
    let warnings = file("cache.include = [\"a\", \"*\", \"b max_age=1s\"]\n").good().warnings;
    assert_eq!(
        warnings,
        ["file n.toml:1: cache.include has patterns behind \"*\", which already fits every key"]
    );
    assert!(file("cache.include = [\"a\", \"*\"]\n").good().warnings.is_empty());
}

#[test]
fn check_prints_it() {
    let loaded = env(&[("NEARSIDE_CACHE_INCLUDE", "api:* serve_stale=90s")]).memory(1 << 30).good();
    let text = render(&loaded);
    let row = |key: &str| {
        let line = text.lines().find(|line| line.split_whitespace().next() == Some(key)).unwrap();
        line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(row("cache.mode"), "auto default");
    assert_eq!(row("cache.memory"), "128MiB default");
    assert_eq!(row("cache.include"), "api:* serve_stale=90s env NEARSIDE_CACHE_INCLUDE");
    assert_eq!(row("cache.exclude"), "- default");
    assert_eq!(Config::default().cache.stamps, 1 << Config::default().cache.stamps.ilog2());
}
