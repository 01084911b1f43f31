//! Files of other programs that are damaged, lie, or mean harm: each is told what and where, and
//! reading takes no more memory than twice the file and 64 MB. One test a class.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    fs,
    path::PathBuf,
};

use reshet::formats::import::{Import, Imported};

/// Counts what the thread holds, and the most it held.
struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    // Threads that end free memory after their own variables are gone.
    let _ = HELD.try_with(|held| {
        held.set(held.get() + bytes);
        let _ = MOST.try_with(|most| most.set(most.get().max(held.get())));
    });
}

// SAFETY: hands all on to the system's allocator; the counters allocate nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Imports these bytes; checks the memory that it took.
#[track_caller]
fn import(name: &str, bytes: &[u8], network: Option<&str>) -> Result<Imported, String> {
    thread_local!(static FOLDER: tempfile::TempDir = tempfile::tempdir().unwrap());
    let path = FOLDER.with(|folder| folder.path().join(name));
    fs::write(&path, bytes).unwrap();
    let import = Import { network: network.map(String::from), ..Import::default() };
    let before = HELD.get();
    MOST.set(before);
    let read = import.read(&path).map_err(|e| e.to_string());
    let took = (MOST.get() - before) as usize;
    let most = 2 * bytes.len() + (64 << 20);
    assert!(took <= most, "{took} bytes of memory for a file of {}: {read:?}", bytes.len());
    read
}

#[track_caller]
fn refused(name: &str, bytes: &[u8], network: Option<&str>, says: &str) {
    let error = import(name, bytes, network).unwrap_err();
    assert!(error.contains(says), "{error}");
    assert!(error.contains(name), "{error}");
}

fn golden(name: &str) -> Vec<u8> {
    fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/foreign").join(name))
        .unwrap()
}

/// A stored zip; no checksums, which PyTorch can be told to leave out.
fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut all, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in files {
        let at = all.len() as u32;
        let size = (content.len() as u32).to_le_bytes();
        let common = [&[20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &size, &size].concat();
        let length = (name.len() as u16).to_le_bytes();
        all.extend(
            [b"PK\x03\x04", &common[..], &length, &[0, 0], name.as_bytes(), content].concat(),
        );
        directory.extend([b"PK\x01\x02\x14\x00", &common[..], &length, &[0; 12]].concat());
        directory.extend(at.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (at, size, n) = (all.len() as u32, directory.len() as u32, files.len() as u16);
    all.extend(directory);
    all.extend(b"PK\x05\x06\0\0\0\0");
    [n, n].iter().for_each(|n| all.extend(n.to_le_bytes()));
    [size, at].iter().for_each(|n| all.extend(n.to_le_bytes()));
    all.extend([0, 0]);
    all
}

fn text(text: &str) -> Vec<u8> {
    [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

fn whole(n: i64) -> Vec<u8> {
    [&b"\x8a\x08"[..], &n.to_le_bytes()].concat()
}

fn tuple(parts: &[i64]) -> Vec<u8> {
    [b"(".to_vec(), parts.iter().flat_map(|n| whole(*n)).collect(), b"t".to_vec()].concat()
}

/// A tensor in a pickle: the class of its storage, numbers in it, offset, shape, strides.
fn tensor(
    name: &str,
    class: &str,
    key: &str,
    length: i64,
    offset: i64,
    shape: &[i64],
    strides: &[i64],
) -> Vec<u8> {
    [
        text(name),
        b"ctorch._utils\n_rebuild_tensor_v2\n((".to_vec(),
        text("storage"),
        format!("ctorch\n{class}\n").into_bytes(),
        text(key),
        text("cpu"),
        whole(length),
        b"tQ".to_vec(),
        whole(offset),
        tuple(shape),
        tuple(strides),
        b"\x89}tR".to_vec(),
    ]
    .concat()
}

/// A file of PyTorch with this pickle and one storage.
fn torch(pickle: &[u8], storage: &[u8]) -> Vec<u8> {
    zip(&[("m/data.pkl", pickle), ("m/byteorder", b"little"), ("m/data/0", storage)])
}

/// A weight (1, 2) as described, and nothing else.
fn one_weight(
    class: &str,
    key: &str,
    length: i64,
    offset: i64,
    shape: &[i64],
    strides: &[i64],
) -> Vec<u8> {
    let weight = tensor("0.weight", class, key, length, offset, shape, strides);
    [b"\x80\x02}(", &weight[..], b"u."].concat()
}

const ONE: Option<&str> = Some("2-1");

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

#[test]
fn pytorch_truncated_or_with_any_byte_changed() {
    for (name, network) in [
        ("sequential.pt", "4-5:relu-3:softmax"),
        ("legacy.pt", "4-5:relu-3:softmax"),
        ("named_wrapped.pt", "3-6:tanh-4:gelu-1:sigmoid"),
    ] {
        let good = golden(name);
        assert!(import(name, &good, Some(network)).is_ok());
        for length in (0..good.len()).rev().step_by(3) {
            assert!(
                import(name, &good[..length], Some(network)).is_err(),
                "{name} cut at {length}"
            );
        }
        for at in (0..good.len()).step_by(3) {
            let mut bad = good.clone();
            bad[at] ^= 0x55;
            // A changed name, padding or weight may pass; what counts is that nothing panics.
            let _ = import(name, &bad, Some(network));
        }
    }
    // In a zip, weights have a checksum.
    let mut bad = golden("sequential.pt");
    let weight = bad.windows(7).position(|w| w == b"/data/0").unwrap() + 11;
    bad[weight.next_multiple_of(64)] ^= 1;
    refused("net.pt", &bad, Some("4-5:relu-3:softmax"), "data/0: damaged: its checksum differs");
}

#[test]
fn pytorch_lying_about_sizes() {
    let good = one_weight("FloatStorage", "0", 2, 0, &[1, 2], &[2, 1]);
    assert!(import("net.pt", &torch(&good, &floats(&[1.0, 2.0])), ONE).is_ok());
    let lies =
        |pickle: &[u8], says| refused("net.pt", &torch(pickle, &floats(&[1.0, 2.0])), ONE, says);
    lies(
        &one_weight("FloatStorage", "0", 3, 0, &[1, 2], &[2, 1]),
        "should have 3 numbers of 4 bytes and has 8 bytes",
    );
    lies(
        &one_weight("FloatStorage", "0", 2, 1, &[1, 2], &[2, 1]),
        "0.weight: its shape [1, 2] needs more than the 8 bytes",
    );
    lies(&one_weight("FloatStorage", "0", 2, 0, &[1, 2], &[2, 9]), "needs more than the 8 bytes");
    lies(
        &one_weight("FloatStorage", "1", 2, 0, &[1, 2], &[2, 1]),
        "its numbers (storage 1) are missing",
    );
    lies(&one_weight("FloatStorage", "0", 2, 0, &[1, 2], &[1]), "not described as torch.save does");
    lies(
        &one_weight("FloatStorage", "0", 2, -1, &[1, 2], &[2, 1]),
        "not described as torch.save does",
    );
}

#[test]
fn pytorch_of_absurd_sizes() {
    let absurd = |shape: &[i64], strides: &[i64]| {
        let pickle = one_weight("FloatStorage", "0", 2, 0, shape, strides);
        refused(
            "net.pt",
            &torch(&pickle, &floats(&[1.0, 2.0])),
            ONE,
            "needs more than the 8 bytes",
        );
    };
    absurd(&[1 << 40, 1 << 40], &[1 << 40, 1]);
    absurd(&[i64::MAX, 2], &[1, 1]);
    // Many numbers of one, by strides of 0.
    absurd(&[100_000, 100_000], &[0, 0]);
    absurd(&[1, 3], &[0, 0]);
    let long = [b"\x80\x02X".to_vec(), u32::MAX.to_le_bytes().to_vec(), b"abc".to_vec()].concat();
    refused("net.pt", &torch(&long, &[]), ONE, "it breaks off (byte 7 of the pickle)");
}

#[test]
fn pytorch_of_wrong_types() {
    let typed = |class: &str, storage: &[u8], says: &str| {
        let pickle = one_weight(class, "0", 2, 0, &[1, 2], &[2, 1]);
        refused("net.pt", &torch(&pickle, storage), ONE, says);
    };
    typed("LongStorage", &[0; 16], "it also has 0.weight of shape [1, 2]");
    typed("ComplexFloatStorage", &[0; 16], "its numbers are of the type torch.ComplexFloatStorage");
    let not = |pickle: &[u8], says: &str| refused("net.pt", &torch(pickle, &[]), ONE, says);
    not(b"\x80\x02K\x05.", "not a state_dict but a number");
    not(b"\x80\x02](K\x01K\x02e.", "not a state_dict but a list");
    not(b"\x80\x02}.", "an empty dictionary");
    not(
        &[b"\x80\x02}", &text("epoch")[..], b"K\x03s."].concat(),
        "a dictionary without a state_dict: it has epoch (a number)",
    );
    not(
        b"(lp0\nI1\na.",
        "the instruction 0x70, which torch.save does not write (byte 3 of the pickle)",
    );
    refused(
        "net.pt",
        &zip(&[("a.txt", b"hello")]),
        ONE,
        "a zip, but not PyTorch's: no data.pkl in it, but a.txt",
    );
    let big = zip(&[("m/data.pkl", b"\x80\x02}."), ("m/byteorder", b"big")]);
    refused("net.pt", &big, ONE, "big-endian");
    refused("net.pt", b"\x80\x02}.aaaaaaaaaaaaaaaaaaaa", ONE, "not a file that torch.save wrote");
}

#[test]
fn pytorch_bombs() {
    // Packed: a kilobyte could be a gigabyte.
    let mut packed = torch(b"\x80\x02}.", &[0; 100]);
    let directory = packed.windows(4).rposition(|w| w == b"PK\x01\x02").unwrap();
    packed[directory + 10] = 8;
    refused("net.pt", &packed, ONE, "m/data/0: it is packed, which PyTorch never does");
    // Steps without end: one byte each, and a value each.
    for step in [&b"N"[..], b"(", b")", b"2", b"\x94"] {
        let pickle = [b"\x80\x02N", &step.repeat(3_000_000 / step.len())[..], b"."].concat();
        refused("net.pt", &torch(&pickle, &[]), ONE, "more than 200000 steps");
    }
    // A long name, made again and again.
    let name = "x".repeat(60_000);
    let again =
        [b"\x80\x02", &text(&name)[..], b"\x940", &b"h\x00h\x00\x93"[..].repeat(39_000)].concat();
    refused("net.pt", &torch(&again, &[]), ONE, "a class's name that does not end");
    // A list that is doubled by being put into itself only points at itself.
    let doubled = [
        b"\x80\x02](K\x01K\x02e\x94".to_vec(),
        b"h\x00h\x00\x86\x94".repeat(40_000),
        b".".to_vec(),
    ]
    .concat();
    refused("net.pt", &torch(&doubled, &[]), ONE, "not a state_dict but a list");
    // One storage for many layers.
    let mut shared = b"\x80\x02}(".to_vec();
    for layer in 0..500 {
        shared.extend(tensor(
            &format!("{layer}.weight"),
            "FloatStorage",
            "0",
            250_000,
            0,
            &[500, 500],
            &[500, 1],
        ));
    }
    shared.extend(b"u.");
    let network = ["500"; 501].join("-");
    refused(
        "net.pt",
        &torch(&shared, &vec![0; 1_000_000]),
        Some(&network),
        "more than the file holds",
    );
}

#[test]
fn pytorch_in_circles_and_deeply_nested() {
    // d = {}; d["state_dict"] = d
    let circle = [b"\x80\x02}\x94", &text("state_dict")[..], b"h\x00s."].concat();
    refused("net.pt", &torch(&circle, &[]), ONE, "a dictionary without a state_dict");
    let deep = [b"\x80\x02N".to_vec(), vec![0x85; 199_000], b".".to_vec()].concat();
    refused("net.pt", &torch(&deep, &[]), ONE, "not a state_dict but a list");
}

/// Dictionaries that contain the next one, or themselves, many times: 10¹⁵ ways through them.
#[test]
fn pytorch_with_tangled_dictionaries() {
    let entries = |inner: &[u8]| [b"(", &b"h\x00"[..], inner].concat();
    let many = |entry: &[u8]| [b"(", &entry.repeat(40_000)[..], b"u"].concat();
    let itself =
        [b"\x80\x02", &text("a")[..], b"\x940}\x94", &many(b"h\x00h\x01")[..], b"."].concat();
    refused("net.pt", &torch(&itself, &[]), ONE, "contain each other too many times");
    let mut chain = [b"\x80\x02", &text("a")[..], b"\x940}\x94"].concat();
    for place in 1..4u8 {
        chain.extend(b"}\x94");
        chain.extend([b"(", &[b'h', 0, b'h', place].repeat(15_000)[..], b"u"].concat());
    }
    chain.push(b'.');
    refused("net.pt", &torch(&chain, &[]), ONE, "contain each other too many times");
    // Few references to one dictionary are no tangle.
    let one = [entries(b"}h\x00Nsu"), b".".to_vec()].concat();
    let few = [b"\x80\x02", &text("a")[..], b"\x940}", &one[..]].concat();
    refused("net.pt", &torch(&few, &[]), ONE, "a dictionary without a state_dict");
}

#[test]
fn pytorch_with_code_runs_none() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("ran");
    let command = format!("touch {}", mark.display());
    let pickle = [b"\x80\x02cos\nsystem\n", &text(&command)[..], b"\x85R."].concat();
    refused("net.pt", &torch(&pickle, &[]), ONE, "a whole object of the class os.system");
    assert!(!mark.exists());
}

#[test]
fn weights_that_are_not_finite() {
    let pickle = one_weight("FloatStorage", "0", 2, 0, &[1, 2], &[2, 1]);
    refused(
        "net.pt",
        &torch(&pickle, &floats(&[1.0, f32::NAN])),
        ONE,
        "parameter 0.weight is not finite",
    );
    let pickle = one_weight("DoubleStorage", "0", 2, 0, &[1, 2], &[2, 1]);
    let huge: Vec<u8> = [1.0, 1e300f64].iter().flat_map(|x| x.to_le_bytes()).collect();
    refused("net.pt", &torch(&pickle, &huge), ONE, "parameter 0.weight is not finite");
    refused(
        "net.onnx",
        &onnx(&[gemm("x", "y")], &[weight(&[1.0, f32::INFINITY])]),
        None,
        "parameter 0.weight is not finite",
    );
}

/// A field of a protocol buffer with bytes in it.
fn field(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut all = vec![tag << 3 | 2];
    let mut length = content.len();
    while length >= 0x80 {
        all.push(length as u8 | 0x80);
        length >>= 7;
    }
    all.push(length as u8);
    all.extend(content);
    all
}

fn node(kind: &str, inputs: &[&str], output: &str) -> Vec<u8> {
    let inputs: Vec<u8> = inputs.iter().flat_map(|name| field(1, name.as_bytes())).collect();
    [inputs, field(2, output.as_bytes()), field(4, kind.as_bytes())].concat()
}

fn gemm(from: &str, to: &str) -> Vec<u8> {
    node("MatMul", &[from, "w"], to)
}

/// The weight w (2, 1), in a tensor's message.
fn weight(values: &[f32]) -> Vec<u8> {
    [vec![8, 2, 8, 1, 16, 1], field(8, b"w"), field(9, &floats(values))].concat()
}

fn onnx(nodes: &[Vec<u8>], tensors: &[Vec<u8>]) -> Vec<u8> {
    let mut graph: Vec<u8> = nodes.iter().flat_map(|node| field(1, node)).collect();
    tensors.iter().for_each(|t| graph.extend(field(5, t)));
    graph.extend(field(11, &field(1, b"x")));
    graph.extend(field(12, &field(1, b"y")));
    [vec![8, 9], field(7, &graph)].concat()
}

#[test]
fn onnx_truncated_or_with_any_byte_changed() {
    for name in ["sklearn_yesno.onnx", "torch_script_viewed.onnx", "keras_export_picture.onnx"] {
        let good = golden(name);
        assert!(import(name, &good, None).is_ok());
        for length in 0..good.len() {
            // Cut after the graph, all is there.
            let _ = import(name, &good[..length], None);
        }
        assert!(import(name, &good[..good.len() / 2], None).is_err());
        for at in (0..good.len()).step_by(3) {
            let mut bad = good.clone();
            bad[at] ^= 0x55;
            let _ = import(name, &bad, None);
        }
    }
    refused(
        "net.onnx",
        &golden("sklearn_yesno.onnx")[..700],
        None,
        "a field is longer than what holds it, at byte",
    );
    refused("net.onnx", b"hello, I am no model at all", None, "not an ONNX file");
    refused("net.onnx", b"", None, "the file is empty");
}

#[test]
fn onnx_lying_about_sizes_and_types() {
    let matmul = [gemm("x", "y")];
    assert!(import("net.onnx", &onnx(&matmul, &[weight(&[1.0, 2.0])]), None).is_ok());
    let lies =
        |tensor: Vec<u8>, says: &str| refused("net.onnx", &onnx(&matmul, &[tensor]), None, says);
    lies(weight(&[1.0]), "tensor w: its 2 numbers need 8 bytes, and 4 are there");
    let of =
        |dims: &[u8], kind: u8| [dims, &[16, kind], &field(8, b"w"), &field(9, &[0; 8])].concat();
    // −1, 2⁶², 2⁶²
    let minus = [8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
    lies(of(&minus, 1), "tensor w: it has a negative size");
    let huge = [8, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40];
    lies(of(&huge.repeat(2), 1), "tensor w: it is absurdly large");
    lies(of(&[8, 2, 8, 1], 6), "node 1 of 1, MatMul: its weights are not floats");
    lies(of(&[8, 2, 8, 1], 14), "numbers of type 14 are not read");
    lies(of(&[8, 1, 8, 2, 8, 1], 1), "its weights have the shape [1, 2, 1], not two sizes");
    let elsewhere = field(13, &[field(1, b"location"), field(2, b"net.onnx.data")].concat());
    lies(
        [weight(&[1.0, 2.0]), elsewhere].concat(),
        "its numbers are in net.onnx.data; save the network as one file",
    );
}

#[test]
fn onnx_in_circles() {
    let w = [weight(&[1.0, 2.0])];
    let circle = [gemm("b", "a"), gemm("a", "b"), node("Identity", &["b"], "y")];
    refused(
        "net.onnx",
        &onnx(&circle, &w),
        None,
        "node 1 of 3, MatMul: it takes \"b\", which no input and no node before it gives",
    );
    refused("net.onnx", &onnx(&[node("Relu", &["y"], "y")], &w), None, "it takes \"y\"");
    refused(
        "net.onnx",
        &onnx(&[node("Relu", &["x"], "z")], &w),
        None,
        "no output of the graph depends on its input",
    );
    refused(
        "net.onnx",
        &onnx(&[gemm("x", "a"), gemm("a", "y")], &w),
        None,
        "node 2 of 2, MatMul: it takes 2 values and gets 1",
    );
    let two = [gemm("x", "a"), gemm("x", "b"), node("Add", &["a", "b"], "y")];
    refused(
        "net.onnx",
        &onnx(&two, &w),
        None,
        "node 3 of 3, Add: two branches of the network meet",
    );
}

/// A constant list of whole numbers, in a tensor's message.
fn whole_numbers(name: &str, values: &[i64]) -> Vec<u8> {
    let bytes: Vec<u8> = values.iter().flat_map(|n| n.to_le_bytes()).collect();
    [vec![8, values.len() as u8, 16, 7], field(8, name.as_bytes()), field(9, &bytes)].concat()
}

fn transpose(from: &str, to: &str) -> Vec<u8> {
    let order = [field(1, b"perm"), [64, 0, 64, 2, 64, 1].to_vec()].concat();
    [node("Transpose", &[from], to), field(5, &order)].concat()
}

/// Shapes that a graph only claims: nothing is allocated for their values.
#[test]
fn onnx_claiming_endless_shapes() {
    let claims = |shapes: &[&[i64]], nodes: &[Vec<u8>], says: &str| {
        let name = |i: usize| format!("s{i}");
        let shapes = shapes.iter().enumerate().map(|(i, s)| whole_numbers(&name(i), s));
        let tensors: Vec<Vec<u8>> = shapes.chain([weight(&[1.0, 2.0])]).collect();
        refused("net.onnx", &onnx(nodes, &tensors), None, says);
    };
    let reshape = |from: &str, shape: &str, to: &str| node("Reshape", &[from, shape], to);
    // 2⁶⁴ − 2²² values: with the 2²² before, no more than 0.
    let endless: &[i64] = &[-1, 1 << 22, (1 << 42) - 1];
    let turned = [
        reshape("x", "s0", "a"),
        transpose("a", "b"),
        reshape("x", "s1", "c"),
        transpose("c", "y"),
    ];
    claims(&[&[-1, 1 << 11, 1 << 10], endless], &turned, "too many values to be followed");
    claims(&[&[-1, 1 << 11, 1 << 11], endless], &turned, "too many values to be followed");
    // The largest of 2⁴⁰ outputs.
    let axis = [field(1, b"axis"), vec![24, 1]].concat();
    let largest = [node("ArgMax", &["a"], "y"), field(5, &axis)].concat();
    let chosen = [reshape("x", "s0", "a"), largest];
    claims(&[&[-1, 1 << 40]], &chosen, "it chooses among 1099511627776 outputs");
    // Two numbers spread over millions of values, again and again.
    let mut spread = vec![reshape("x", "s0", "v0")];
    for i in 0..200 {
        spread.push(node("Mul", &[&format!("v{i}"), "w"], &format!("v{}", i + 1)));
    }
    spread.push(node("Identity", &["v200"], "y"));
    claims(&[&[-1, 2, 1 << 20]], &spread, "too many values to be followed");
    let norm = |i: usize| {
        let (from, to) = (format!("v{i}"), format!("v{}", i + 1));
        node("BatchNormalization", &[&from, "n", "n", "n", "n"], &to)
    };
    let mut normalized = vec![node("Squeeze", &["w"], "n"), reshape("x", "s0", "v0")];
    normalized.extend((0..200).map(norm));
    normalized.push(node("Identity", &["v200"], "y"));
    claims(&[&[-1, 2, 1 << 20]], &normalized, "too many values to be followed");
}

#[test]
fn onnx_bombs() {
    // Two bytes each, hundreds in memory.
    let empty = [8, 9].into_iter().chain(field(7, &[10, 0].repeat(3_000_000))).collect::<Vec<u8>>();
    refused("net.onnx", &empty, None, "more than 50000 fields, too many for dense layers, at byte");
    // A list of numbers, one byte each.
    let ints = field(5, &field(8, &vec![1; 8_000_000]));
    refused("net.onnx", &onnx(&[ints], &[]), None, "more than 50000 fields");
    let many =
        [vec![8, 0xC0, 0x84, 0x3D, 16, 7], field(8, b"w"), field(7, &vec![1; 1_000_000])].concat();
    refused("net.onnx", &onnx(&[gemm("x", "y")], &[many]), None, "it has 1000000 whole numbers");
    // One weight for many layers.
    let square =
        [vec![8, 0xF4, 3, 8, 0xF4, 3, 16, 1], field(8, b"w"), field(9, &vec![0; 1_000_000])]
            .concat();
    let name = |i: usize| if i == 0 { "x".into() } else { format!("v{i}") };
    let mut chain: Vec<Vec<u8>> = (0..500).map(|i| gemm(&name(i), &name(i + 1))).collect();
    chain.push(node("Identity", &["v500"], "y"));
    refused("net.onnx", &onnx(&chain, &[square]), None, "more than the file holds");
    // Each step wraps the one before.
    let mut deep: Vec<Vec<u8>> =
        (0..9000).map(|i| node("Relu", &[&name(i)], &name(i + 1))).collect();
    deep.push(node("MatMul", &["v9000", "w"], "y"));
    assert!(import("net.onnx", &onnx(&deep, &[weight(&[1.0, 2.0])]), None).is_ok());
}

#[test]
fn safetensors_of_others() {
    let file = |header: &str, data: &[u8]| {
        [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat()
    };
    let weight = |dtype: &str, shape: &str, offsets: &str| {
        let entry = format!(
            r#"{{"0.weight":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}}}"#
        );
        file(&entry, &floats(&[1.0, 2.0]))
    };
    assert!(import("n.safetensors", &weight("F32", "[1,2]", "[0,8]"), ONE).is_ok());
    let bad = |bytes: &[u8], says: &str| refused("n.safetensors", bytes, ONE, says);
    bad(&weight("F32", "[1,2]", "[0,16]"), "damaged");
    bad(&weight("F32", "[1,3]", "[0,8]"), "damaged");
    bad(&weight("F32", "[1,2]", "[18446744073709551615,7]"), "damaged");
    bad(&weight("F32", "[1,2]", "[18446744073709551608,18446744073709551615]"), "damaged");
    bad(&weight("F16", "[1,2]", "[0,8]"), "damaged");
    bad(&weight("F32", "[9223372036854775807,9223372036854775807]", "[0,8]"), "damaged");
    bad(&weight("U8", "[2,4]", "[0,8]"), "0.weight: numbers of the type U8");
    bad(&weight("F32", "[1,2]", "[0,8]")[..70], "truncated");
    let mut nan = weight("F32", "[1,2]", "[0,8]");
    let end = nan.len();
    nan[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    bad(&nan, "parameter 0.weight is not finite");
    // A header in which each entry takes many times its bytes.
    let entries: Vec<String> = (0..300_000)
        .map(|i| format!(r#""{i}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#))
        .collect();
    bad(&file(&format!("{{{}}}", entries.join(",")), &[]), "texts and commas in its header");
    let few = format!("{{{}}}", entries[..100_000].join(","));
    bad(&file(&few, &[]), "quotes in its header, where 200000 are the most");
    let few = format!("{{{}}}", entries[..15_000].join(","));
    bad(&file(&few, &[]), "15000 tensors are too many for dense layers");
    let blank = format!("{{{}}}", " ".repeat(40 << 20));
    bad(&file(&blank, &[]), "a header of 41943042 bytes");
}

/// Honest files of some size: the memory that they take is checked as they are read.
#[test]
fn large_files_take_twice_their_size_at_most() {
    // 10 million weights, in half precision: ours take twice the file.
    let pickle = one_weight("HalfStorage", "0", 10_000_000, 0, &[1000, 10_000], &[10_000, 1]);
    let half = torch(&pickle, &vec![0; 20_000_000]);
    assert!(import("net.pt", &half, Some("10000-1000")).is_ok());
    let pickle = one_weight("FloatStorage", "0", 10_000_000, 0, &[1000, 10_000], &[1, 1000]);
    assert!(import("net.pt", &torch(&pickle, &vec![0; 40_000_000]), Some("10000-1000")).is_ok());
    // 2500 · 10000
    let dims = [8, 0xC4, 0x13, 8, 0x90, 0x4E, 16, 1];
    let numbers = vec![0; 100_000_000];
    for data in [9, 4] {
        let tensor = [&dims[..], &field(8, b"w"), &field(data, &numbers)].concat();
        assert!(import("net.onnx", &onnx(&[gemm("x", "y")], &[tensor]), None).is_ok());
    }
}
