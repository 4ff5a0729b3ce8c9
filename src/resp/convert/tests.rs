use super::{Conversion, convert};

fn to(how: Conversion, frame: &str) -> String {
    let mut out = b"before".to_vec();
    convert(how, frame.as_bytes(), &mut out);
    String::from_utf8(out.split_off(6)).unwrap()
}

#[test]
fn each_type_has_its_resp2_form() {
    for (resp3, resp2) in [
        ("+OK\r\n", "+OK\r\n"),
        ("-ERR no\r\n", "-ERR no\r\n"),
        (":3\r\n", ":3\r\n"),
        ("$2\r\n_\n\r\n", "$2\r\n_\n\r\n"),
        ("_\r\n", "$-1\r\n"),
        ("#t\r\n", ":1\r\n"),
        ("#f\r\n", ":0\r\n"),
        (",3.25\r\n", "$4\r\n3.25\r\n"),
        (",-inf\r\n", "$4\r\n-inf\r\n"),
        ("(123456789012345678901\r\n", "$21\r\n123456789012345678901\r\n"),
        ("=7\r\ntxt:a\nb\r\n", "$3\r\na\nb\r\n"),
        ("!7\r\nERR a\nb\r\n", "-ERR a b\r\n"),
        ("*0\r\n", "*0\r\n"),
        ("~1\r\n:1\r\n", "*1\r\n:1\r\n"),
        (">2\r\n+a\r\n:1\r\n", "*2\r\n+a\r\n:1\r\n"),
        ("%2\r\n+a\r\n:1\r\n+b\r\n%1\r\n+c\r\n_\r\n", "*4\r\n+a\r\n:1\r\n+b\r\n*2\r\n+c\r\n$-1\r\n"),
        ("*3\r\n$1\r\na\r\n_\r\n$1\r\nb\r\n", "*3\r\n$1\r\na\r\n$-1\r\n$1\r\nb\r\n"),
        ("*2\r\n|1\r\n+ttl\r\n*1\r\n%0\r\n:1\r\n:2\r\n", "*2\r\n:1\r\n:2\r\n"),
        ("|1\r\n+a\r\n|1\r\n+b\r\n:1\r\n:2\r\n_\r\n", "$-1\r\n"),
    ] {
        assert_eq!(to(Conversion::Generic, resp3), resp2, "{resp3:?}");
    }
}

#[test]
fn a_line_feed_within_a_line_ends_nothing() {
    for (resp3, resp2) in [
        ("*2\r\n+a\n_b\r\n_\r\n", "*2\r\n+a\n_b\r\n$-1\r\n"),
        ("~1\r\n-ERR a\n#t\n\r\n", "*1\r\n-ERR a\n#t\n\r\n"),
        ("(12\n34\r\n", "$5\r\n12\n34\r\n"),
    ] {
        assert_eq!(to(Conversion::Generic, resp3), resp2, "{resp3:?}");
    }
}

#[test]
fn nulls_stand_where_the_command_has_them() {
    assert_eq!(to(Conversion::NullArray, "_\r\n"), "*-1\r\n");
    assert_eq!(to(Conversion::NullArray, "*1\r\n_\r\n"), "*1\r\n$-1\r\n");
    assert_eq!(to(Conversion::NullArrays, "*2\r\n_\r\n*1\r\n_\r\n"), "*2\r\n*-1\r\n*1\r\n*-1\r\n");
    assert_eq!(to(Conversion::Pending, "*4\r\n:0\r\n_\r\n_\r\n_\r\n"), "*4\r\n:0\r\n$-1\r\n$-1\r\n*-1\r\n");
}

#[test]
fn pairs_are_flattened() {
    let resp3 = "*2\r\n*2\r\n$1\r\na\r\n,1\r\n*2\r\n$1\r\nb\r\n,2.5\r\n";
    assert_eq!(to(Conversion::Pairs, resp3), "*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$3\r\n2.5\r\n");
    assert_eq!(to(Conversion::Pairs, "*2\r\n$1\r\na\r\n,1\r\n"), "*2\r\n$1\r\na\r\n$1\r\n1\r\n");
    assert_eq!(to(Conversion::Pairs, "*0\r\n"), "*0\r\n");
}

#[test]
fn an_array_that_is_not_all_pairs_keeps_its_length() {
    let resp3 = "*3\r\n*2\r\n:1\r\n:2\r\n:3\r\n_\r\n";
    assert_eq!(to(Conversion::Pairs, resp3), "*3\r\n*2\r\n:1\r\n:2\r\n:3\r\n$-1\r\n");
}

#[test]
fn a_map_of_streams_is_an_array_of_pairs() {
    let resp3 =
        "%2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n+f\r\n+v\r\n$1\r\nt\r\n*1\r\n*2\r\n+i\r\n_\r\n";
    let resp2 = "*2\r\n*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n+f\r\n+v\r\n*2\r\n$1\r\nt\r\n*1\r\n*2\r\n+i\r\n*-1\r\n";
    assert_eq!(to(Conversion::Streams, resp3), resp2);
    assert_eq!(to(Conversion::Streams, "_\r\n"), "*-1\r\n");
    assert_eq!(to(Conversion::Streams, "*1\r\n+a\r\n"), "*1\r\n+a\r\n");
}

const ALL: [Conversion; 6] = [
    Conversion::Generic,
    Conversion::NullArray,
    Conversion::NullArrays,
    Conversion::Pairs,
    Conversion::Streams,
    Conversion::Pending,
];

#[test]
fn no_bytes_make_it_panic() {
    let alphabet = b"*~>%|$=!_#,(+-:0129tf\r\n\r\n\r\n";
    let mut seed = 0x9e37_79b9_7f4a_7c15u64;
    let mut out = Vec::new();
    for _ in 0..200_000 {
        let mut frame = [0u8; 24];
        for byte in &mut frame {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            *byte = alphabet[(seed >> 33) as usize % alphabet.len()];
        }
        for how in ALL {
            out.clear();
            convert(how, &frame[..(seed % 25) as usize], &mut out);
        }
    }
}

#[test]
fn depth_costs_no_stack() {
    let frame = format!("{}_\r\n", "*1\r\n".repeat(1_000_000));
    for how in ALL {
        let mut out = Vec::new();
        convert(how, frame.as_bytes(), &mut out);
        assert!(out.len() >= frame.len());
    }
}

#[test]
fn a_declared_length_reserves_nothing() {
    for frame in ["*9999999999999999999\r\n", "%9999999999999999999\r\n", "~18446744073709551616\r\n_\r\n"] {
        for how in ALL {
            let mut out = Vec::new();
            convert(how, frame.as_bytes(), &mut out);
            assert!(out.capacity() < 256);
        }
    }
}
