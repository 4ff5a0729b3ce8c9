//! The columns for access control: categories, and what is done to each key.

use nearside::command::{Category, all, lookup};
use redis_protocol::resp2::{decode::decode, types::OwnedFrame};

use super::server::{Server, binaries};
use super::{array, commands, spans, talks, text, texts};

#[test]
fn categories_are_those_the_servers_tell() {
    let mut told = Vec::new();
    for binary in binaries() {
        let server = Server::start(&binary, false);
        let mut client = server.connect("2");
        let (names, _) = decode(&client.say(&["ACL", "CAT"])).unwrap().unwrap();
        assert_eq!(texts(&names), Category::ALL.map(Category::name), "{binary}");
        for (name, said) in commands(&server) {
            let row = all().find(|row| row.name == name).unwrap();
            let mut ours: Vec<&str> = row.categories().iter().map(Category::name).collect();
            let mut theirs: Vec<&str> = said.categories.iter().map(|name| &name[1..]).collect();
            ours.sort_unstable();
            theirs.sort_unstable();
            let older = name == "WAIT" && !theirs.contains(&"blocking");
            assert!(ours == theirs || older, "{binary}: {name}: {ours:?}, not {theirs:?}");
            told.push(name);
        }
    }
    // Newer than the servers at hand, or our own.
    let unproven = ["CLUSTER|MIGRATION", "DELEX", "DIGEST", "VRANGE"];
    if binaries().len() == 3 {
        for row in all().filter(|row| !row.name.starts_with("NEARSIDE") && !unproven.contains(&row.name)) {
            assert!(told.iter().any(|name| name == row.name), "{}", row.name);
        }
    }
}

/// The servers' own key finder, on everything the conversion tests say.
#[test]
fn keys_are_used_as_the_servers_tell() {
    for binary in binaries() {
        let server = Server::start(&binary, false);
        let mut client = server.connect("2");
        let mut compared = 0;
        for (_, words) in talks::TALKS.iter().flat_map(|talk| talks::lines(talk)).chain(more()) {
            let asked: Vec<&str> =
                ["COMMAND", "GETKEYSANDFLAGS"].into_iter().chain(words.iter().map(String::as_str)).collect();
            let (OwnedFrame::Array(theirs), _) = decode(&client.say(&asked)).unwrap().unwrap() else {
                continue;
            };
            let mut theirs: Vec<_> = theirs.into_iter().map(used).collect();
            let mut ours = spans::with(&words, |args| {
                let row = lookup(&args).unwrap();
                let (first, others) = row.access().needs(&args);
                let needs = std::iter::once(first).chain(std::iter::repeat(others));
                let keys = row.keys(&args).map(|key| String::from_utf8_lossy(key).into_owned());
                keys.zip(needs).map(|(key, need)| (key, need.read, need.write)).collect::<Vec<_>>()
            });
            theirs.sort();
            ours.sort();
            if !words[0].starts_with("SPUBLISH") {
                assert_eq!(ours, theirs, "{binary}: {words:?}");
            }
            compared += 1;
        }
        assert!(compared > 400, "{binary}: {compared}");
    }
}

/// A key, and whether it is read and written.
fn used(entry: OwnedFrame) -> (String, bool, bool) {
    let entry = array(entry);
    let flags = texts(&entry[1]);
    let has = |names: &[&str]| flags.iter().any(|flag| names.contains(&flag.to_ascii_lowercase().as_str()));
    (text(&entry[0]), has(&["access"]), has(&["update", "insert", "delete"]))
}

/// Forms that the talks lack.
fn more() -> impl Iterator<Item = (talks::Exactness, Vec<String>)> {
    talks::lines(
        "SET k v\nSET k v GET\nSET k v EX 5 get\nSET k v KEEPTTL\nBITFIELD k\nBITFIELD k GET u8 0\n\
         BITFIELD k OVERFLOW SAT GET u8 0\nBITFIELD k GET u8\nBITFIELD k GET u8 0 INCRBY u8 0 1\n\
         BITFIELD k OVERFLOW\nBITFIELD k OVERFLOW FAIL SET u8 0 1\nBITFIELD k NOSUCH\nBITFIELD_RO k GET u8 0\n\
         SORT k\nSORT k BY w* GET o* STORE d\nSORT_RO k BY nosort\nGEORADIUS k 1 2 3 km\n\
         GEORADIUS k 1 2 3 km STORE d\nGEORADIUSBYMEMBER k m 3 km STOREDIST d\nGEORADIUS_RO k 1 2 3 km\n\
         XREADGROUP GROUP g c COUNT 1 STREAMS a b > >\nXREAD STREAMS a 0\nEVAL s 2 a b c\nEVAL_RO s 1 a\n\
         FCALL f 1 a\nFCALL_RO f 1 a\nEVALSHA s 1 a\nMIGRATE h 1 k 0 5\nMIGRATE h 1 '' 0 5 KEYS a b\n\
         COPY a b\nRENAME a b\nMOVE a 1\nRESTORE a 0 x\nPFCOUNT a b\nPFMERGE d a b\nPFDEBUG ENCODING k\n\
         ZUNIONSTORE d 2 a b\nZRANGESTORE d s 0 -1\nBITOP AND d a b\nLMPOP 2 a b LEFT\nBLMPOP 0 2 a b LEFT\n\
         BZMPOP 0 1 a MIN\nZDIFFSTORE d 2 a b\nGEOSEARCHSTORE d s FROMMEMBER m BYRADIUS 1 m\nWATCH a b\n\
         MEMORY USAGE k\nOBJECT FREQ k\nTOUCH a b\nLCS a b\nSMOVE a b m\nLMOVE a b LEFT RIGHT",
    )
}
