use super::*;

const LIMITS: Limits =
    Limits { max_bulk: 512 << 20, max_multibulk: 1 << 20, large: 1 << 20, unauthenticated: false };

type Scanned = (Progress, Vec<Vec<u8>>, Vec<u8>);

fn scan_all(input: &[u8], limits: &Limits) -> Result<Scanned, ProtocolError> {
    let mut scanner = RequestScanner::default();
    let progress = scanner.scan(input, limits)?;
    let args = scanner.args(input);
    Ok((progress, args.iter().map(<[u8]>::to_vec).collect(), args.bytes().to_vec()))
}

#[test]
fn a_request_is_found_however_it_is_cut() {
    for input in
        [&b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nhello\r\n"[..], b"SET k \"a b\"\r\n", b"*1\r\n$0\r\n\r\n"]
    {
        let whole = scan_all(input, &LIMITS).unwrap();
        let mut scanner = RequestScanner::default();
        for end in 1..input.len() {
            let progress = scanner.scan(&input[..end], &LIMITS).unwrap();
            let Progress::Partial { declared } = progress else { panic!("{progress:?} at {end}") };
            assert!(declared > end && declared <= input.len(), "{declared} at {end}");
        }
        assert_eq!(scanner.scan(input, &LIMITS), Ok(whole.0));
        assert_eq!(scanner.args(input).iter().map(<[u8]>::to_vec).collect::<Vec<_>>(), whole.1);
    }
}

#[test]
fn empty_requests_are_skipped() {
    for (input, len) in
        [(&b"\r\nPING\r\n"[..], 2), (b"*0\r\n", 4), (b"*-1\r\n", 5), (b"   \r\n", 5), (b"\n", 1)]
    {
        let mut scanner = RequestScanner::default();
        assert_eq!(scanner.scan(input, &LIMITS), Ok(Progress::Nothing { len }), "{input:?}");
    }
}

#[test]
fn inline_and_irregular_requests_are_forwarded_in_proper_form() {
    let (_, args, bytes) = scan_all(b"get 'a b'\r\n", &LIMITS).unwrap();
    assert_eq!(args, [b"get".to_vec(), b"a b".to_vec()]);
    assert_eq!(bytes, b"*2\r\n$3\r\nget\r\n$3\r\na b\r\n");
    let (_, args, bytes) = scan_all(b"*2\r\n$3\r\nGETxx$1\r\nkyy", &LIMITS).unwrap();
    assert_eq!(args, [b"GET".to_vec(), b"k".to_vec()]);
    assert_eq!(bytes, b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
}

#[test]
fn a_header_line_whose_end_is_irregular_is_not_forwarded() {
    for input in [&b"*2\rx$3\r\nGET\r\n$1\r\nk\r\n"[..], b"*2\r\n$3\r\nGET\r\n$1\r\rk\r\n"] {
        let (progress, args, bytes) = scan_all(input, &LIMITS).unwrap();
        assert_eq!(progress, Progress::Whole { len: input.len() });
        assert_eq!(args, [b"GET".to_vec(), b"k".to_vec()]);
        assert_eq!(bytes, b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
    }
}

#[test]
fn protocol_errors_are_those_of_redis() {
    use ProtocolError as E;
    let cases: &[(&[u8], ProtocolError)] = &[
        (b"*1048577\r\n", E::MultibulkLength),
        (b"*x\r\n", E::MultibulkLength),
        (b"*99999999999999999999999\r\n", E::MultibulkLength),
        (b"*1\r\nfoo\r\n", E::ExpectedBulk(b'f')),
        (b"*1\r\n$-1\r\n", E::BulkLength),
        (b"*1\r\n$536870913\r\n", E::BulkLength),
        (b"*1\r\n$a\r\n", E::BulkLength),
        (b"SET \"k\r\n", E::UnbalancedQuotes),
    ];
    for (input, error) in cases {
        assert_eq!(scan_all(input, &LIMITS), Err(*error), "{input:?}");
    }
    assert_eq!(scan_all(&[b'x'; MAX_LINE + 1], &LIMITS), Err(E::BigInline));
    let endless = [&b"*"[..], &[b'1'; MAX_LINE + 1]].concat();
    assert_eq!(scan_all(&endless, &LIMITS), Err(E::BigMultibulkLine));
    let endless = [&b"*1\r\n$"[..], &[b'1'; MAX_LINE + 1]].concat();
    assert_eq!(scan_all(&endless, &LIMITS), Err(E::BigBulkLine));
}

#[test]
fn small_limits_hold_before_authentication() {
    let limits = Limits { unauthenticated: true, ..LIMITS };
    assert_eq!(scan_all(b"*11\r\n", &limits), Err(ProtocolError::UnauthenticatedMultibulk));
    assert_eq!(scan_all(b"*1\r\n$16385\r\n", &limits), Err(ProtocolError::UnauthenticatedBulk));
    assert!(scan_all(b"*1\r\n$4\r\nPING\r\n", &limits).is_ok());
}

#[test]
fn a_declared_length_reserves_nothing() {
    let mut scanner = RequestScanner::default();
    let progress = scanner.scan(b"*1000000\r\n$536870912\r\nabc", &LIMITS).unwrap();
    assert_eq!(progress, Progress::Partial { declared: 22 + 536_870_912 + 2 });
    assert!(scanner.spans.capacity() < 64);
}

#[test]
fn the_rest_of_a_large_request_is_passed_on_in_pieces() {
    let input = b"*4\r\n$4\r\nMSET\r\n$1\r\na\r\n$10\r\n0123456789\r\n$1\r\nb\r\nNEXT";
    let request = input.len() - 4;
    for cut in 4..request {
        for piece in 1..9 {
            let mut scanner = RequestScanner::default();
            assert!(matches!(scanner.scan(&input[..cut], &LIMITS), Ok(Progress::Partial { .. })));
            let mut rest = scanner.remainder();
            let (mut sent, mut end, mut done) = (rest.from, cut, false);
            while !done {
                let (n, whole) = rest.advance(&input[sent..end], &LIMITS).unwrap();
                (sent, done) = (sent + n, whole);
                end = (end + piece).min(input.len());
            }
            assert_eq!(sent, request, "cut {cut} piece {piece}");
        }
    }
}

#[test]
fn any_bytes_give_the_same_answer_cut_or_whole() {
    // A small linear congruential generator: the seed is the test's, so a failure repeats.
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move |n: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % n
    };
    let tokens: &[&[u8]] =
        &[b"*", b"$", b"1", b"3", b"-1", b"\r\n", b"\r", b"\n", b"GET", b"k", b"\"", b"'", b" ", b"0", b"\0"];
    for _ in 0..20_000 {
        let input: Vec<u8> = (0..next(12)).flat_map(|_| tokens[next(tokens.len())].to_vec()).collect();
        let whole = scan_all(&input, &LIMITS);
        let mut scanner = RequestScanner::default();
        let mut cut = Ok(Progress::Partial { declared: 1 });
        for end in 0..=input.len() {
            cut = scanner.scan(&input[..end], &LIMITS);
            if !matches!(cut, Ok(Progress::Partial { .. })) {
                break;
            }
        }
        match (whole, cut) {
            (Ok((Progress::Partial { .. }, ..)), Ok(Progress::Partial { .. })) => {}
            (Ok((progress, ..)), cut) => assert_eq!(cut, Ok(progress), "{input:?}"),
            (Err(error), cut) => assert_eq!(cut, Err(error), "{input:?}"),
        }
    }
}

#[test]
fn a_whole_request_may_be_looked_at_again() {
    for (bytes, name) in
        [(&b"PING\r\nGET k\r\n"[..], &b"PING"[..]), (b"*1\r\n$4\r\nPINGxx*1\r\n$1\r\nX\r\n", b"PING")]
    {
        let mut scanner = RequestScanner::default();
        let first = scanner.scan(bytes, &LIMITS);
        assert_eq!(scanner.scan(bytes, &LIMITS), first);
        assert_eq!(scanner.args(bytes).get(0), name);
        assert_eq!(scanner.args(bytes).len(), 1);
    }
}
