//! Messages that no frontend should send: none ends the kernel, none is obeyed without a signature.
//!
//! The random ones are the same in every run. `CANDLEWICK_FUZZ_ROUNDS` makes them more, `CANDLEWICK_FUZZ_SEED` others.

mod frontend;

use frontend::{Frontend, message};
use jupyter_zmq_client::RawMessage;
use serde_json::{Map, Value, json};

const DELIMITER: &[u8] = b"<IDS|MSG>";

/// The id and the frames of a request with this signature.
fn frames(kind: &str, signature: &[u8]) -> (String, Vec<Vec<u8>>) {
    let request = message(kind, json!({"code": "out obeyed"}));
    let header = serde_json::to_vec(&request.header).unwrap();
    let content = serde_json::to_vec(&request.content).unwrap();
    let frames = vec![DELIMITER.to_vec(), signature.to_vec(), header, b"{}".to_vec(), b"{}".to_vec(), content];
    (request.header.msg_id, frames)
}

/// Numbers that look random and are the same in every run (xorshift).
struct Random(u64);

fn told(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |told| told.parse().expect("a number"))
}

/// How many random messages a test sends.
fn rounds() -> usize {
    told("CANDLEWICK_FUZZ_ROUNDS", 3_000) as usize
}

impl Random {
    /// Never from zero, which would stay zero.
    fn seeded(number: u64) -> Random {
        Random((told("CANDLEWICK_FUZZ_SEED", 42) * 64 + number).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// JSON of any kind, some of it large or deep.
    fn json(&mut self, depth: usize) -> Value {
        match self.next() % if depth == 0 { 9 } else { 11 } {
            0 => Value::Null,
            1 => json!(self.next() & 1 == 0),
            2 => json!(self.next() as i64),
            3 => json!(-1),
            4 => json!(f64::from_bits(self.next() as u64)),
            5 => json!(String::from_utf8_lossy(&self.bytes(40))),
            6 => json!("\u{0}\u{1f56f}\u{301}\u{202e}"),
            7 => json!("a".repeat(self.next() % 100_000)),
            8 => json!(u64::MAX),
            9 => (0..self.next() % 4).map(|_| self.json(depth - 1)).collect(),
            _ => (0..self.next() % 4).map(|n| (format!("k{n}"), self.json(depth - 1))).collect::<Map<_, _>>().into(),
        }
    }

    fn next(&mut self) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 as usize
    }

    fn bytes(&mut self, at_most: usize) -> Vec<u8> {
        (0..self.next() % at_most).map(|_| self.next() as u8).collect()
    }
}

#[test]
fn a_wrong_signature_is_not_obeyed() {
    let f = Frontend::start();
    for signature in [&b""[..], b"00", b"zz", &[b'0'; 64], b"\xff\xfe"] {
        for channel in [&f.shell, &f.control, &f.stdin] {
            channel.send_raw(frames("execute_request", signature).1);
        }
    }
    assert_eq!(f.run_quietly("out x")["execution_count"], 1);
    f.end();
}

#[test]
fn frames_that_are_no_message_are_dropped() {
    let f = Frontend::start();
    let many = vec![
        vec![b"".to_vec()],
        vec![b"x".to_vec()],
        vec![DELIMITER.to_vec()],
        vec![DELIMITER.to_vec(), b"".to_vec()],
        vec![DELIMITER.to_vec(), b"".to_vec(), b"{}".to_vec()],
        vec![b"".to_vec(); 40],
        vec![vec![0xff; 100_000]],
        vec![DELIMITER.to_vec(); 10],
    ];
    for frames in many {
        f.shell.send_raw(frames.clone());
        f.control.send_raw(frames.clone());
        f.stdin.send_raw(frames);
    }
    assert_eq!(f.run_quietly("out x")["status"], "ok");
    f.end();
}

#[test]
fn requests_that_cannot_be_understood_are_refused() {
    let f = Frontend::start();
    let bad = [
        ("execute_request", json!({})),
        ("execute_request", json!({"code": 7})),
        ("complete_request", json!({"code": "x", "cursor_pos": -3})),
        ("history_request", json!({"hist_access_type": "telepathy"})),
        ("create_subshell_request", json!({})),
    ];
    for (kind, content) in bad {
        let reply = f.ask(kind, content.clone());
        assert_eq!((&reply["status"], &reply["ename"]), (&json!("error"), &json!("BadRequest")), "{kind} {content}");
    }
    // What wants no reply gets none.
    let id = f.shell.send("comm_msg", json!({"comm_id": 3}));
    f.busy(&id);
    f.idle(&id);
    f.end();
}

#[test]
fn content_that_is_no_object_is_refused() {
    let f = Frontend::start_without_key();
    for content in [&b"[]"[..], b"null", b"\"text\"", b"3"] {
        for kind in ["execute_request", "kernel_info_request", "dance_request"] {
            let (id, mut frames) = frames(kind, b"");
            frames[5] = content.to_vec();
            f.shell.send_raw(frames);
            f.busy(&id);
            f.shell.reply(&kind.replace("_request", "_reply"), &id);
            f.idle(&id);
        }
    }
    // What is no JSON at all has no content that could be refused.
    let (_, mut frames) = frames("execute_request", b"");
    frames[5] = b"{".to_vec();
    f.shell.send_raw(frames);
    assert_eq!(f.run_quietly("out x")["execution_count"], 1);
    f.end();
}

#[test]
fn random_bytes_on_the_sockets_do_not_end_the_kernel() {
    use std::io::Write;
    let f = Frontend::start();
    let mut random = Random::seeded(1);
    for port in 1..=5 {
        for round in 0..rounds() / 20 {
            let path = format!("{}-{port}", f.connection.ip);
            let mut socket = std::os::unix::net::UnixStream::connect(path).unwrap();
            // Some begin as a greeting does.
            let mut bytes = if round % 2 == 0 { vec![0xff] } else { Vec::new() };
            bytes.extend(random.bytes(300));
            // The kernel may hang up in between.
            let _ = socket.write_all(&bytes);
        }
    }
    f.wait_for_silence();
    assert_eq!(f.run_quietly("out x")["status"], "ok");
    f.end();
}

#[test]
fn mutated_messages_do_not_end_the_kernel() {
    // Without a key the mutations get past the signature, to the parser.
    for f in [Frontend::start(), Frontend::start_without_key()] {
        let mut random = Random::seeded(2);
        let kinds =
            ["execute_request", "complete_request", "history_request", "comm_open", "input_reply", "debug_request"];
        for round in 0..rounds() {
            let (_, mut frames) = frames(kinds[round % kinds.len()], b"");
            let frame = random.next() % frames.len();
            match random.next() % 4 {
                0 => drop(frames.remove(frame)),
                1 => frames[frame].truncate(1),
                2 => frames.insert(frame, random.bytes(64)),
                _ if frames[frame].is_empty() => {}
                _ => {
                    let at = random.next() % frames[frame].len();
                    frames[frame][at] ^= random.next() as u8 | 1;
                }
            }
            for channel in [&f.shell, &f.control, &f.stdin] {
                channel.send_raw(frames.clone());
            }
        }
        f.wait_for_silence();
        assert_eq!(f.run_quietly("out x")["status"], "ok");
        f.end();
    }
}

#[test]
fn odd_values_in_signed_messages_do_not_end_the_kernel() {
    let f = Frontend::start();
    let requests = [
        (
            "execute_request",
            json!({"code": "out x", "silent": false, "store_history": true, "user_expressions": {},
            "allow_stdin": false, "stop_on_error": true}),
        ),
        ("complete_request", json!({"code": "gr\u{f6}\u{1f56f}e", "cursor_pos": 4})),
        ("inspect_request", json!({"code": "gr\u{f6}\u{1f56f}e", "cursor_pos": 4, "detail_level": 0})),
        ("is_complete_request", json!({"code": "fn f() {"})),
        (
            "history_request",
            json!({"hist_access_type": "range", "output": true, "raw": true, "session": 0, "start": 0,
            "stop": 9, "n": 3, "pattern": "*", "unique": true}),
        ),
        ("comm_info_request", json!({"target_name": "t"})),
        ("comm_open", json!({"comm_id": "c", "target_name": "t", "data": {}})),
        ("comm_msg", json!({"comm_id": "c", "data": {}})),
        ("comm_close", json!({"comm_id": "c", "data": {}})),
        ("kernel_info_request", json!({})),
        ("debug_request", json!({"type": "request", "seq": 1, "command": "initialize", "arguments": {}})),
        ("input_reply", json!({"value": "x"})),
    ];
    let mut random = Random::seeded(3);
    for round in 0..rounds() {
        let (kind, mut content) = requests[random.next() % requests.len()].clone();
        let fields: Vec<String> = content.as_object().unwrap().keys().cloned().collect();
        for _ in 0..=random.next() % 2 {
            let odd = random.json(3);
            match fields.is_empty() {
                true => content["odd"] = odd,
                false => content[&fields[random.next() % fields.len()]] = odd,
            }
        }
        let buffers = (0..random.next() % 3).map(|_| random.bytes(100)).collect();
        let channel = [&f.shell, &f.shell, &f.control, &f.stdin][random.next() % 4];
        channel.send_buffers(kind, content, buffers);
        if round % 100 == 0 {
            f.wait_for_silence();
        }
    }
    f.wait_for_silence();
    assert_eq!(f.run_quietly("out x")["status"], "ok");
    f.end();
}

#[test]
fn the_crate_still_finds_a_missing_delimiter() {
    // What `receive` relies on.
    let frames = zeromq::ZmqMessage::from("no delimiter");
    assert!(RawMessage::from_multipart(frames, &None).is_err());
}
