//! What a visitor downloads, counted as it travels: brotli at its best, gzip beside it.

use std::io::Write;

/// Everything that is needed to pay, cold.
pub const COLD_BYTES_MAX: usize = 20_000;
/// The loader alone, which every page of a creator carries.
pub const LOADER_BYTES_MAX: usize = 1_000;

/// Whether a file counts towards the cold download to pay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cold {
    Never,
    Always,
    /// For visitors who read this language.
    In(String),
}

/// One file of the site.
pub struct Row {
    pub name: String,
    pub bytes: Vec<u8>,
    pub cold: Cold,
}

/// Brotli as the sibling files carry it.
pub fn brotli(bytes: &[u8]) -> Vec<u8> {
    use brotli::enc::backward_references::BrotliEncoderMode::{
        BROTLI_MODE_FONT, BROTLI_MODE_GENERIC, BROTLI_MODE_TEXT,
    };
    let packed = |mode| {
        let mut out = Vec::new();
        let parameters = brotli::enc::BrotliEncoderParams {
            quality: 11,
            lgwin: 22,
            size_hint: bytes.len(),
            mode,
            ..Default::default()
        };
        brotli::BrotliCompress(&mut &*bytes, &mut out, &parameters)
            .expect("memory takes whatever is written to it");
        out
    };
    // Which guess about the content is the best differs by file, and by a hundred bytes.
    let all = [BROTLI_MODE_GENERIC, BROTLI_MODE_TEXT, BROTLI_MODE_FONT].map(packed);
    all.into_iter().min_by_key(Vec::len).unwrap_or_default()
}

fn gzip(bytes: &[u8]) -> usize {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder
        .write_all(bytes)
        .and_then(|()| encoder.finish())
        .expect("memory takes whatever is written to it")
        .len()
}

/// Prints the table and says whether the gates hold, in every language.
pub fn report(rows: &[Row]) -> Result<(), String> {
    println!("{:<40} {:>9} {:>9} {:>9}", "file", "raw", "gzip", "brotli");
    let mut over = Vec::new();
    let mut sums: Vec<(String, usize, [usize; 3])> = Vec::new();
    for row in rows {
        if let Cold::In(language) = &row.cold
            && !sums.iter().any(|(known, ..)| known == language)
        {
            sums.push((language.clone(), 0, [0; 3]));
        }
    }
    for row in rows {
        let sizes = [row.bytes.len(), gzip(&row.bytes), brotli(&row.bytes).len()];
        let mark = if row.cold == Cold::Never { " " } else { "*" };
        println!("{mark} {:<38} {:>9} {:>9} {:>9}", row.name, sizes[0], sizes[1], sizes[2]);
        for (language, count, sum) in &mut sums {
            if row.cold == Cold::Always || row.cold == Cold::In(language.clone()) {
                *count += 1;
                for (sum, size) in sum.iter_mut().zip(sizes) {
                    *sum += size;
                }
            }
        }
        if row.name == "v1.js" && sizes[2] > LOADER_BYTES_MAX {
            over.push(format!("the loader is {} bytes, at most {LOADER_BYTES_MAX}", sizes[2]));
        }
    }
    for (language, count, [raw, zipped, cold]) in sums {
        let what = format!("* cold download to pay ({language}), {count} requests");
        println!("{what:<40} {raw:>9} {zipped:>9} {cold:>9}");
        if cold > COLD_BYTES_MAX {
            over.push(format!(
                "the cold download ({language}) is {cold} bytes, at most {COLD_BYTES_MAX}"
            ));
        }
    }
    if over.is_empty() { Ok(()) } else { Err(over.join("; ")) }
}
