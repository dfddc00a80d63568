//! What a store holds, for other programs: measures as one long table, weights as arrays.

use super::Store;
use super::record::{Name, Record};
use safetensors::{Dtype, SafeTensors};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// One value of one measure: a row of the long table.
pub struct Value<'a> {
    pub run: &'a str,
    pub name: Name,
    pub record: &'a Record,
    pub measure: &'a str,
    pub on: &'a str,
    pub every: &'a str,
    pub at: u64,
    pub value: f64,
}

/// The columns of the long table.
pub const COLUMNS: [&str; 10] =
    ["run", "spec", "experiment", "condition", "seed", "measure", "on", "every", "at", "value"];

/// All values of records, in base units (a share between 0 and 1, an angle in radians, a time in seconds): those of a run that
/// several conditions are under the name of each.
pub fn values<'a>(records: &'a [(String, Record)]) -> impl Iterator<Item = Value<'a>> {
    let named = records.iter().flat_map(|(run, r)| r.names().into_iter().map(move |name| (run, r, name)));
    named.flat_map(|(run, record, name)| {
        record.measures.iter().flat_map(move |m| {
            let name = name.clone();
            m.at.iter().zip(&m.values).map(move |(at, value)| Value {
                run,
                name: name.clone(),
                record,
                measure: &m.name,
                on: &m.on,
                every: &m.every,
                at: *at,
                value: value.0,
            })
        })
    })
}

pub fn csv(records: &[(String, Record)], to: impl Write) -> io::Result<()> {
    let mut table = csv::Writer::from_writer(to);
    table.write_record(COLUMNS)?;
    for v in values(records) {
        let (seed, at, value) = (v.record.seed.to_string(), v.at.to_string(), v.value.to_string());
        let r = &v.name;
        table.write_record([
            v.run,
            &r.spec,
            &r.experiment,
            &r.condition,
            &seed,
            v.measure,
            v.on,
            v.every,
            &at,
            &value,
        ])?;
    }
    table.flush()
}

#[cfg(not(feature = "archive"))]
pub fn parquet(_: &[(String, Record)], _: File) -> io::Result<()> {
    Err(io::Error::other("this trine was built without the feature `archive`, which writes Parquet; --csv works"))
}

#[cfg(feature = "archive")]
pub fn parquet(records: &[(String, Record)], to: File) -> io::Result<()> {
    use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
    use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::types::Type;
    use std::sync::Arc;

    let column = |name: &str| {
        let kind = match name {
            "seed" | "at" => Physical::INT64,
            "value" => Physical::DOUBLE,
            _ => Physical::BYTE_ARRAY,
        };
        let text = (kind == Physical::BYTE_ARRAY).then_some(LogicalType::String);
        let field = Type::primitive_type_builder(name, kind).with_repetition(Repetition::REQUIRED);
        field.with_logical_type(text).build().map(Arc::new)
    };
    let fields = COLUMNS.iter().map(|c| column(c)).collect::<Result<Vec<_>, _>>().map_err(io::Error::other)?;
    let schema = Type::group_type_builder("values").with_fields(fields).build().map_err(io::Error::other)?;
    let properties = WriterProperties::builder().set_compression(Compression::UNCOMPRESSED).build();
    let mut file = SerializedFileWriter::new(to, Arc::new(schema), Arc::new(properties)).map_err(io::Error::other)?;
    let mut group = file.next_row_group().map_err(io::Error::other)?;
    let text = |of: fn(&Value<'_>) -> String| -> Vec<ByteArray> {
        values(records).map(|v| ByteArray::from(of(&v).into_bytes())).collect()
    };
    for name in COLUMNS {
        let Some(mut column) = group.next_column().map_err(io::Error::other)? else { break };
        let written = match name {
            "seed" => {
                let all: Vec<i64> = values(records).map(|v| v.record.seed as i64).collect();
                column.typed::<Int64Type>().write_batch(&all, None, None)
            }
            "at" => {
                let all: Vec<i64> = values(records).map(|v| v.at as i64).collect();
                column.typed::<Int64Type>().write_batch(&all, None, None)
            }
            "value" => {
                let all: Vec<f64> = values(records).map(|v| v.value).collect();
                column.typed::<DoubleType>().write_batch(&all, None, None)
            }
            name => {
                let all = match name {
                    "run" => text(|v| v.run.to_string()),
                    "spec" => text(|v| v.name.spec.clone()),
                    "experiment" => text(|v| v.name.experiment.clone()),
                    "condition" => text(|v| v.name.condition.clone()),
                    "measure" => text(|v| v.measure.to_string()),
                    "on" => text(|v| v.on.to_string()),
                    _ => text(|v| v.every.to_string()),
                };
                column.typed::<ByteArrayType>().write_batch(&all, None, None)
            }
        };
        written.map_err(io::Error::other)?;
        column.close().map_err(io::Error::other)?;
    }
    group.close().map_err(io::Error::other)?;
    file.close().map_err(io::Error::other)?;
    Ok(())
}

/// The weights and states of a run as the bytes of a safetensors file, if they are kept.
pub fn state(store: &Store, run: &str) -> io::Result<Vec<u8>> {
    std::fs::read(store.folder(run).join("state.safetensors"))
}

/// The arrays of a safetensors file as an archive for NumPy. Characters that a file's name cannot have become `_`.
pub fn npz(state: &[u8], to: &Path) -> io::Result<()> {
    let tensors = SafeTensors::deserialize(state).map_err(io::Error::other)?;
    let mut archive = ZipWriter::new(File::create(to)?);
    for (name, tensor) in tensors.tensors() {
        let kind = match tensor.dtype() {
            Dtype::F32 => "<f4",
            Dtype::F64 => "<f8",
            other => return Err(io::Error::other(format!("`{name}` holds numbers of another kind ({other:?})"))),
        };
        let name: String = name.chars().map(|c| if matches!(c, '/' | '\\' | '\0') { '_' } else { c }).collect();
        archive.start_file(format!("{name}.npy"), SimpleFileOptions::default())?;
        archive.write_all(&header(kind, tensor.shape()))?;
        archive.write_all(tensor.data())?;
    }
    archive.finish()?.sync_all()
}

/// The head of a npy file, version 1.0: a dictionary padded so that the numbers begin at a multiple of 64.
fn header(kind: &str, shape: &[usize]) -> Vec<u8> {
    let sizes: String = shape.iter().map(|n| format!("{n},")).collect();
    let mut words = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({sizes}), }}");
    let length = (10 + words.len() + 1).next_multiple_of(64) - 10;
    words.push_str(&" ".repeat(length - words.len() - 1));
    words.push('\n');
    let mut all = b"\x93NUMPY\x01\x00".to_vec();
    all.extend((length as u16).to_le_bytes());
    all.extend(words.into_bytes());
    all
}
