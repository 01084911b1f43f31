//! Pictures, folders of them, and NPZ, as other programs wrote them.
//!
//! The files in `pictures/` are 12×10, written by Pillow: red grows by 20 a column,
//! green by 25 a row, blue is 100; grey is 12 a column and 9 a row. Those in
//! `arrays/` were written by NumPy.
#![cfg(feature = "images")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use reshet::{
    Pictures, Storage, Targets,
    data::{
        folder::{self, Form},
        npz,
        picture::Picture,
    },
};

const WIDTH: usize = 12;
const HEIGHT: usize = 10;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

fn rgb(i: usize) -> [u8; 3] {
    [(i % WIDTH * 20) as u8, (i / WIDTH * 25) as u8, 100]
}

fn grey(i: usize) -> u8 {
    (i % WIDTH * 12 + i / WIDTH * 9) as u8
}

/// Planes of a picture at its own size, and how far the farthest pixel may be.
fn compare(name: &str, want: impl Fn(usize) -> Vec<u8>, off: u8) {
    let path = file("pictures").join(name);
    assert_eq!(Picture::size(&path).unwrap(), (WIDTH, HEIGHT), "{name}");
    let picture = Picture::open(&path).unwrap();
    assert_eq!((picture.width, picture.height), (WIDTH, HEIGHT), "{name}");
    let channels = want(0).len();
    let planes = picture.planes(channels, WIDTH, HEIGHT);
    for i in 0..WIDTH * HEIGHT {
        let got: Vec<u8> = (0..channels).map(|c| planes[c * WIDTH * HEIGHT + i]).collect();
        let near = got.iter().zip(want(i)).all(|(a, b)| a.abs_diff(b) <= off);
        assert!(near, "{name}, pixel {i}: {got:?}, not {:?}", want(i));
    }
}

#[test]
fn pictures_of_all_kinds() {
    let colour = |i| rgb(i).to_vec();
    for (name, off) in [
        ("rgb.png", 0),
        ("palette.png", 45),
        ("rgb.bmp", 0),
        ("palette.bmp", 45),
        ("rgb.jpg", 6),
        ("progressive.jpg", 20),
        ("cmyk.jpg", 20),
        ("turned.jpg", 6),
        ("turned.png", 0),
    ] {
        compare(name, colour, off);
    }
    for (name, off) in [("grey.png", 0), ("grey16.png", 0), ("grey.bmp", 0), ("grey.jpg", 4)] {
        compare(name, |i| vec![grey(i)], off);
        compare(name, |i| vec![grey(i); 3], off);
    }
    compare("bits.bmp", |i| vec![if grey(i) > 100 { 255 } else { 0 }], 0);
    // The right half is transparent: white.
    let half = |i: usize| if i % WIDTH < 6 { rgb(i).to_vec() } else { vec![255; 3] };
    compare("alpha.png", half, 0);
    // Colour is greyed by its luma.
    let luma = |i| {
        let [r, g, b] = rgb(i).map(f32::from);
        vec![(0.299 * r + 0.587 * g + 0.114 * b).round() as u8]
    };
    compare("rgb.png", luma, 0);
}

#[test]
fn a_png_is_turned_wherever_it_says_so() {
    let bytes = fs::read(file("pictures/turned.png")).unwrap();
    // Behind the header, 33 bytes, and before the end, 12.
    assert_eq!(&bytes[37..41], b"eXIf");
    let length = 12 + usize::from(bytes[36]);
    let (head, rest) = bytes.split_at(33);
    let (note, rest) = rest.split_at(length);
    let (pixels, end) = rest.split_at(rest.len() - 12);
    let behind = [head, pixels, note, end].concat();
    let turned = Picture::decode(&bytes).unwrap();
    assert_eq!((turned.width, turned.height), (WIDTH, HEIGHT));
    assert_eq!(Picture::decode(&behind).unwrap(), turned);
    let without = Picture::decode(&[head, pixels, end].concat()).unwrap();
    assert_eq!((without.width, without.height), (HEIGHT, WIDTH));
}

#[test]
fn every_byte_less_and_every_byte_other_is_an_error_or_a_picture() {
    for name in fs::read_dir(file("pictures")).unwrap().map(|e| e.unwrap().path()) {
        let bytes = fs::read(&name).unwrap();
        for end in 0..bytes.len() - 1 {
            let cut = Picture::decode(&bytes[..end]);
            // What comes after the pixels of a PNG or BMP is not missed.
            let pixels_are_there =
                cut.as_ref().is_ok_and(|p| Picture::decode(&bytes).as_ref() == Ok(p));
            assert!(cut.is_err() || pixels_are_there, "{name:?} cut at {end}");
        }
        for (at, bit) in (0..bytes.len()).flat_map(|at| [(at, 1), (at, 0x80)]) {
            let mut other = bytes.clone();
            other[at] ^= bit;
            let _ = Picture::decode(&other); // no panic, no endless memory
        }
    }
    for (start, says) in [
        (&b""[..], "empty"),
        (b"GIF89a and so on", "not a PNG, JPEG or BMP"),
        (b"\x89PNG\r\n\x1a\n", "damaged or truncated PNG"),
        (b"\xff\xd8\xff\xe0", "truncated JPEG"),
        (b"BM0000", "truncated BMP"),
    ] {
        let error = Picture::decode(start).unwrap_err();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn resizing_keeps_the_mean_and_the_places() {
    let picture = Picture::open(&file("pictures/rgb.png")).unwrap();
    let mean = |p: &[u8]| p.iter().map(|x| f32::from(*x)).sum::<f32>() / p.len() as f32;
    let full = picture.clone().planes(3, WIDTH, HEIGHT);
    for (w, h) in [(1, 1), (6, 5), (5, 7), (24, 20), (3, 40)] {
        let small = picture.clone().planes(3, w, h);
        assert_eq!(small.len(), 3 * w * h);
        for c in 0..3 {
            let off = mean(&small[c * w * h..][..w * h]) - mean(&full[c * 120..][..120]);
            assert!(off.abs() < 1.0, "{w}×{h}: {off}");
        }
        let red = &small[..w];
        assert!(red.windows(2).all(|p| p[0] < p[1]), "{w}×{h}: {red:?}");
    }
    // Halving is the mean of four.
    let half = picture.planes(1, 6, 5);
    let four = [0, 1, 12, 13].map(|i| rgb(i).map(f32::from));
    let luma = |[r, g, b]: [f32; 3]| 0.299 * r + 0.587 * g + 0.114 * b;
    assert!((f32::from(half[0]) - four.map(luma).iter().sum::<f32>() / 4.0).abs() <= 1.0);
}

#[test]
fn a_folder_with_its_own_test_part() {
    let place = tempfile::tempdir().unwrap();
    let put = |to: &str, from: &str| {
        let to = place.path().join(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(file("pictures").join(from), to).unwrap();
    };
    for i in 0..3 {
        put(&format!("train/b/{i}.JPG"), "grey.jpg");
        put(&format!("train/a/{i}.png"), "grey.png");
        put(&format!("train/c/deep/{i}.bmp"), "grey.bmp");
    }
    put("test/b/x.png", "grey.png");
    put("test/c/x.png", "grey.png");
    put("train/a/.hidden.png", "grey.png");
    // What archives and disk stations leave.
    put("train/__MACOSX/x.png", "grey.png");
    put("train/@eaDir/x.png", "grey.png");
    put("train/a/Thumbs.db", "grey.png");
    fs::create_dir(place.path().join("train/empty")).unwrap();
    let found = folder::read(place.path(), Form::default()).unwrap();
    let Targets::Classes { labels, names, .. } = found.train.targets() else { panic!() };
    assert_eq!((names.join(" "), &labels[..]), ("a b c".into(), &[0, 0, 0, 1, 1, 1, 2, 2, 2][..]));
    assert_eq!(found.train.features().shape(), [1, HEIGHT, WIDTH]);
    assert_eq!(found.train.features().pictures(), Pictures::AsTheyAre);
    // By name, though class a is missing there.
    assert_eq!(found.test.unwrap().labels().unwrap(), [1, 2]);
    let notes = found.notes.join("\n");
    assert!(notes.contains("4 files are not a picture"), "{notes}");
    assert!(notes.contains("no pictures in empty"), "{notes}");
    assert!(notes.contains("fewer than 3 pictures in b, c"), "{notes}");

    put("test/new/x.png", "grey.png");
    let error = folder::read(place.path(), Form::default()).unwrap_err().to_string();
    assert!(error.contains("unknown classes: new; the known ones are a, b, c"), "{error}");
}

/// A folder with the picture `grey.png` under each of these names.
fn folder_of(names: &[&str]) -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    for name in names {
        let to = place.path().join(name);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(file("pictures/grey.png"), to).unwrap();
    }
    place
}

#[test]
fn parts_are_told_whatever_their_case_and_affix() {
    for [train, test] in [
        ["Train", "Test"],
        ["TRAINING", "TEST"],
        ["train_set", "test_set"],
        ["seg_train/seg_train", "seg_test/seg_test"],
        ["training", "validation"],
        ["my data/Train", "my data/val"],
        ["split/0/train", "split/0/test"],
        ["01_Train", "02_Test"],
        ["Training", "PublicTest"],
        ["train", "hold-out"],
        ["train", "Holdout"],
        ["Lernen und train", "zum Messen"],
    ] {
        let names = [
            format!("{train}/cat/1.png"),
            format!("{train}/dog/1.png"),
            format!("{train}/dog/2.png"),
            format!("{test}/dog/1.png"),
            format!("{test}/cat/1.png"),
        ];
        let place = folder_of(&names.each_ref().map(String::as_str));
        let found = folder::read(place.path(), Form::default()).unwrap();
        assert_eq!(found.train.targets().names().unwrap(), ["cat", "dog"], "{train}");
        assert_eq!(found.train.labels().unwrap(), [0, 1, 1], "{train}");
        assert_eq!(found.test.unwrap().labels().unwrap(), [0, 1], "{test}");
    }
    // Several that could be the test part: none is.
    let several = ["train", "one", "two"].map(|p| [format!("{p}/a/1.png"), format!("{p}/b/1.png")]);
    let place = folder_of(&several.as_flattened().iter().map(String::as_str).collect::<Vec<_>>());
    let found = folder::read(place.path(), Form::default()).unwrap();
    let notes = found.notes.join("\n");
    assert!(found.test.is_none() && found.train.len() == 2);
    assert!(notes.contains("one, two hold the same classes as train"), "{notes}");
    // A folder with pictures in it is a class, whatever its name.
    let place = folder_of(&["train/1.png", "car/1.png", "plane/1.png"]);
    let found = folder::read(place.path(), Form::default()).unwrap();
    assert_eq!(found.train.targets().names().unwrap(), ["car", "plane", "train"]);
    // Pictures may lie deeper in their class.
    let place = folder_of(&["cat/images/1.png", "dog/images/1.png"]);
    let found = folder::read(place.path(), Form::default()).unwrap();
    assert_eq!(found.train.targets().names().unwrap(), ["cat", "dog"]);
    assert!(found.notes.join("\n").contains("cat, dog: pictures in folders inside count"));
    let beside = ["train/a/1.png", "train/b/1.png", "test/a/1.png", "val/a/1.png", "extra/1.png"];
    let found = folder::read(folder_of(&beside).path(), Form::default()).unwrap();
    let notes = found.notes.join("\n");
    assert!(notes.contains("extra, val beside the parts are ignored"), "{notes}");
    // A folder of parts, and one without pictures.
    let place = folder_of(&["images/train/a/1.png", "images/train/b/1.png", "images/test/a/1.png"]);
    fs::create_dir(place.path().join("labels")).unwrap();
    let found = folder::read(place.path(), Form::default()).unwrap();
    assert_eq!((found.train.len(), found.test.unwrap().len()), (2, 1));
    assert!(found.notes.join("\n").contains("labels beside images are ignored"));
}

#[test]
fn folders_that_hold_the_same_folders_are_no_classes() {
    let refused = |names: &[&str], says: &str| {
        let place = folder_of(names);
        assert!(folder::looks_like_one(place.path()), "{names:?}");
        let error = folder::read(place.path(), Form::default()).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    };
    let fold = ["1/cat/1.png", "1/dog/1.png", "2/cat/1.png", "2/dog/1.png"];
    refused(&fold, "1, 2 hold the same folders cat, dog: they are not classes");
    let turned = ["cat/train/1.png", "cat/test/1.png", "dog/train/1.png", "dog/test/1.png"];
    refused(&turned, "put the parts outside and the classes inside");
    refused(&["Train/1.png", "Test/1.png"], "Test, Train hold pictures, but no class folders");
    let two = ["train_a/x/1.png", "train_a/y/1.png", "train_b/x/1.png", "train_b/y/1.png"];
    refused(&two, "train_a, train_b could all be the same part");
    let beside = ["images/train/a/1.png", "images/test/a/1.png", "masks/a/1.png", "masks/b/1.png"];
    refused(&beside, "images holds the parts of a data set, and is no class beside masks");
}

#[test]
fn size_and_colour_follow_the_pictures() {
    let place = tempfile::tempdir().unwrap();
    let put = |to: &str, from: &str| {
        let to = place.path().join(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(file("pictures").join(from), to).unwrap();
    };
    for i in 0..30 {
        put(&format!("a/{i}.png"), "grey.png");
    }
    put("b/0.png", "rgb.png");
    let shape = |form| {
        let found = folder::read(place.path(), form).unwrap();
        (found.train.features().shape().to_vec(), found.notes.join("\n"))
    };
    let (grey, notes) = shape(Form::default());
    assert_eq!(grey, [1, HEIGHT, WIDTH]);
    assert!(notes.contains("only 1 of 31 pictures have colour"), "{notes}");
    put("b/1.png", "rgb.png");
    assert_eq!(shape(Form::default()).0, [3, HEIGHT, WIDTH]);
    put("b/2.jpg", "turned.jpg");
    assert_eq!(shape(Form { channels: Some(1), ..Form::default() }).0, [1, HEIGHT, WIDTH]);
    assert_eq!(shape(Form { size: Some((5, 7)), ..Form::default() }).0, [3, 7, 5]);
    // Another size among them.
    let wide = place.path().join("b/3.png");
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 100, 50);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().unwrap().write_image_data(&[7; 5000]).unwrap();
    fs::write(wide, bytes).unwrap();
    let (other, notes) = shape(Form::default());
    assert_eq!(other, [3, 32, 32]);
    assert!(notes.contains("pictures of 2 sizes: all are resized to 32×32"), "{notes}");
    // The order and the pixels are the same for any number of cores: the files' own.
    let found = folder::read(place.path(), Form::default()).unwrap();
    let Storage::U8(bytes) = found.train.features().storage() else { panic!() };
    assert!(bytes[33 * 3072..].iter().all(|b| *b == 7));
}

#[test]
fn arrays_that_numpy_packed() {
    let parts = npz::read(&file("arrays/stored.npz"), None, true).unwrap();
    assert_eq!((parts.train.len(), parts.train.width(), parts.test.is_none()), (40, 4, true));
    let mut row = [0.0; 4];
    parts.train.features().read(1, &mut row);
    assert_eq!(row, [4.0, 5.0, 6.0, 0.0].map(|x| (x * 0.1) as f32));
    assert_eq!(parts.train.labels().unwrap()[..4], [0, 1, 2, 0]);

    let parts = npz::read(&file("arrays/keras.npz"), None, true).unwrap();
    let Storage::U8(bytes) = parts.train.features().storage() else { panic!() };
    assert!(bytes.iter().enumerate().all(|(i, b)| usize::from(*b) == i % 251));
    // Class 2 does not occur in the test part and is known all the same.
    let test = parts.test.unwrap();
    assert_eq!((test.len(), test.targets().names().unwrap().len()), (5, 3));
    assert_eq!(parts.taken, "inputs x_train, targets y_train; test x_test, y_test");

    let others = file("arrays/others.npz");
    let error = npz::read(&others, None, true).unwrap_err().to_string();
    assert!(error.contains("it holds first <f2 [40, 4], second <f8 [40, 4]"), "{error}");
    let open = npz::Npz::open(&others).unwrap();
    let (first, second) = (open.array("first").unwrap(), open.array("second").unwrap());
    let (npz_first, npz_second) = (first.into_features(true), second.into_features(true));
    let (mut a, mut b) = ([0.0; 4], [0.0; 4]);
    for i in 0..40 {
        npz_first.as_ref().unwrap().read(i, &mut a);
        npz_second.as_ref().unwrap().read(i, &mut b);
        assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 3e-4), "{a:?} {b:?}");
    }
}
