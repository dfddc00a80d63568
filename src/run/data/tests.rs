//! Good files give their numbers, bad ones a message that says what and where.

use super::*;
use crate::source::Span;
use std::io::Write;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn files(kind: &str, paths: &[&str]) -> DataSource {
    DataSource::Files { kind: kind.to_string(), paths: paths.iter().map(|p| p.to_string()).collect() }
}

/// Everything a source has.
fn load_all(source: DataSource, folder: &Path) -> Result<Columns, DataError> {
    let infos = inspect(&source, folder)?;
    let columns = infos.iter().map(|i| Column { name: i.name.clone(), shape: i.shape.clone() }).collect();
    load(&Data { source, columns, examples: infos[0].examples, span: Span::default() }, folder)
}

fn csv(text: &str) -> Result<Columns, DataError> {
    let folder = folder();
    std::fs::write(folder.path().join("a.csv"), text).unwrap();
    load_all(files("csv", &["a.csv"]), folder.path())
}

fn npy(descr: &str, fortran: &str, shape: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((head.len() as u16).to_le_bytes());
    file.extend(head.as_bytes());
    file.extend(body);
    file
}

fn npz(path: &Path, arrays: &[(&str, Vec<u8>)]) {
    let mut zip = zip::ZipWriter::new(std::fs::File::create(path).unwrap());
    for (name, body) in arrays {
        zip.start_file(format!("{name}.npy"), zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(body).unwrap();
    }
    zip.finish().unwrap();
}

#[test]
fn every_set_that_comes_with_trine_can_be_read() {
    assert!(!builtin_names().is_empty());
    for name in builtin_names() {
        let columns = load_all(DataSource::Builtin(name), Path::new(".")).unwrap();
        assert!(columns.examples > 0 && columns.columns.iter().all(|c| !c.is_empty()));
    }
    let name = format!("{}x", builtin_names()[0]);
    let error = inspect(&DataSource::Builtin(name), Path::new(".")).unwrap_err();
    assert_eq!((error.code, error.help.unwrap().starts_with("did you mean")), (Code::T0501, true));
}

#[test]
fn a_csv_has_scalars_and_vectors() {
    let columns = csv("\u{feff}t (ms), x[1],x[2],y\n1,2,3,4\r\n5,6,7,true\n").unwrap();
    assert_eq!(columns, Columns { columns: vec![vec![1., 5.], vec![2., 3., 6., 7.], vec![4., 1.]], examples: 2 });
    assert_eq!(csv("a;b\n1;2\n").unwrap().columns, vec![vec![1.], vec![2.]]);
}

#[test]
fn a_bad_cell_is_named_by_line_and_column() {
    for (text, code, message) in [
        ("a,b\n1,2\n3,x\n", Code::T0502, "`a.csv` line 3, column `b`: `x` is not a number"),
        ("a,b\n1,2\n3,\n", Code::T0502, "`a.csv` line 3, column `b`: an empty cell is not a number"),
        ("a,b\n1,nan\n", Code::T0504, "`a.csv` line 2, column `b`: `nan` is not finite"),
        ("a,b\n1,2\n3\n", Code::T0502, "`a.csv` line 3 has 1 cells, but there are 2 columns"),
        ("1,2\n3,4\n", Code::T0502, "the first line of `a.csv` has numbers for names"),
        ("", Code::T0502, "`a.csv` begins with an empty line"),
        ("x[1],x[3]\n1,2\n", Code::T0502, "`a.csv` has `x[3]` where `x[2]` is expected"),
        ("a,a\n1,2\n", Code::T0502, "two columns have the name `a`"),
        ("a\0\n1\n", Code::T0502, "`a.csv` is damaged: it is not a table of text"),
    ] {
        let error = csv(text).unwrap_err();
        assert_eq!((error.code, error.message.as_str()), (code, message));
    }
}

#[test]
fn a_missing_file_is_looked_for_among_its_neighbours() {
    let folder = folder();
    std::fs::write(folder.path().join("recordings.csv"), "a\n1\n").unwrap();
    let error = inspect(&files("csv", &["recording.csv"]), folder.path()).unwrap_err();
    assert_eq!(error.code, Code::T0501);
    assert_eq!(error.help.as_deref(), Some("did you mean `recordings.csv`?"));
    let error = inspect(&files("csv", &["nowhere/b.csv"]), folder.path()).unwrap_err();
    assert_eq!(error.help.as_deref(), Some("there is no folder `nowhere` either"));
    assert_eq!(inspect(&files("csv", &["."]), folder.path()).unwrap_err().code, Code::T0501);
    assert_eq!(inspect(&files("nyz", &["recordings.csv"]), folder.path()).unwrap_err().code, Code::T0501);
}

#[test]
fn arrays_of_every_type_and_order_are_read() {
    let folder = folder();
    let le = |v: &[f32]| v.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<_>>();
    let be = |v: &[f64]| v.iter().flat_map(|x| x.to_be_bytes()).collect::<Vec<_>>();
    let path = folder.path().join("a.npz");
    npz(
        &path,
        &[
            ("x", npy("<f4", "False", "(2, 3)", &le(&[1., 2., 3., 4., 5., 6.]))),
            ("x_t", npy("<f4", "True", "(2, 3)", &le(&[1., 4., 2., 5., 3., 6.]))),
            ("y", npy(">f8", "False", "(2,)", &be(&[-0.5, 1e300]))),
            ("i", npy("<i8", "False", "(2L,)", &[-1i64, 7].map(i64::to_le_bytes).concat())),
            ("b", npy("|b1", "False", "(2,)", &[0, 1])),
        ],
    );
    let columns = load_all(files("npz", &["a.npz"]), folder.path()).unwrap().columns;
    let x = vec![1., 2., 3., 4., 5., 6.];
    assert_eq!(columns, vec![x.clone(), x, vec![-0.5, 1e300], vec![-1., 7.], vec![0., 1.]]);
}

#[test]
fn wishes_that_a_file_cannot_fulfil() {
    let folder = folder();
    std::fs::write(folder.path().join("a.csv"), "speed,y\n1,2\n").unwrap();
    let wish = |name: &str, shape: &[usize], examples| {
        let columns = vec![Column { name: name.to_string(), shape: shape.to_vec() }];
        let data = Data { source: files("csv", &["a.csv"]), columns, examples, span: Span::default() };
        load(&data, folder.path()).unwrap_err()
    };
    assert_eq!(wish("sped", &[], 1).help.as_deref(), Some("did you mean `speed`?"));
    assert_eq!(wish("speed", &[2], 1).code, Code::T0503);
    assert_eq!(wish("speed", &[], 9).message, "column `speed` of `a.csv` has 1 examples, but 9 are expected");
}

#[test]
fn absurd_and_cut_off_arrays_take_no_memory() {
    let folder = folder();
    let read = |bytes: &[u8]| {
        std::fs::write(folder.path().join("a.npy"), bytes).unwrap();
        load_all(files("npy", &["a.npy"]), folder.path()).unwrap_err()
    };
    let short = npy("<f8", "False", "(3,)", &[0; 16]);
    let absurd = npy("<f8", "False", "(1000000000000, 1000000000000)", &[0; 16]);
    let text = npy("<U8", "False", "(1,)", &[0; 32]);
    for bytes in [&short[..], &absurd, &text, &short[..20], b"PK", b""] {
        assert_eq!(read(bytes).code, Code::T0502);
    }
    let infinite = npy("<f8", "False", "(2, 2)", &[0., 1., f64::INFINITY, 2.].map(f64::to_le_bytes).concat());
    let error = read(&infinite);
    assert_eq!(error.code, Code::T0504);
    assert_eq!(error.message, "column `values` in `a.npy`, example 2, element [1]: inf");

    std::fs::write(folder.path().join("b.npz"), b"PK\x03\x04 but no more").unwrap();
    assert_eq!(inspect(&files("npz", &["b.npz"]), folder.path()).unwrap_err().code, Code::T0502);
}

#[test]
fn idx_files_plain_and_packed() {
    let folder = folder();
    let images = [&[0, 0, 8, 3][..], &[0, 0, 0, 2], &[0, 0, 0, 1], &[0, 0, 0, 2], &[9, 8, 7, 255]].concat();
    let labels = [&[0, 0, 8, 1][..], &[0, 0, 0, 2], &[3, 4]].concat();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(&images).unwrap();
    std::fs::write(folder.path().join("i.gz"), packed.finish().unwrap()).unwrap();
    std::fs::write(folder.path().join("l"), &labels).unwrap();
    let source = files("idx", &["i.gz", "l"]);
    let infos = inspect(&source, folder.path()).unwrap();
    assert_eq!((infos[0].shape.as_slice(), infos[1].name.as_str()), (&[1, 2][..], "labels"));
    let columns = load_all(source, folder.path()).unwrap();
    assert_eq!(columns.columns, vec![vec![9., 8., 7., 255.], vec![3., 4.]]);

    std::fs::write(folder.path().join("cut"), &images[..18]).unwrap();
    let huge = [&[0, 0, 14, 4][..], &[255; 16]].concat();
    std::fs::write(folder.path().join("huge"), huge).unwrap();
    for name in ["cut", "huge"] {
        assert_eq!(inspect(&files("idx", &[name]), folder.path()).unwrap_err().code, Code::T0502);
    }
}
