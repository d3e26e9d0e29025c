//! What a visitor downloads, counted as it travels: brotli at its best, gzip beside it.

use std::io::Write;

/// Everything that is needed to pay, cold.
pub const COLD_BYTES_MAX: usize = 20_000;
/// The loader alone, which every page of a creator carries.
pub const LOADER_BYTES_MAX: usize = 1_000;

/// One file of the site.
pub struct Row {
    pub name: String,
    pub bytes: Vec<u8>,
    /// Counts towards the cold download to pay.
    pub cold: bool,
}

/// Brotli as the sibling files carry it.
pub fn brotli(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let parameters =
        brotli::enc::BrotliEncoderParams { quality: 11, lgwin: 22, ..Default::default() };
    brotli::BrotliCompress(&mut &*bytes, &mut out, &parameters)
        .expect("memory takes whatever is written to it");
    out
}

fn gzip(bytes: &[u8]) -> usize {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder
        .write_all(bytes)
        .and_then(|()| encoder.finish())
        .expect("memory takes whatever is written to it")
        .len()
}

/// Prints the table and says whether the gates hold.
pub fn report(rows: &[Row]) -> Result<(), String> {
    println!("{:<40} {:>9} {:>9} {:>9}", "file", "raw", "gzip", "brotli");
    let (mut raw, mut zipped, mut cold) = (0, 0, 0);
    let mut over = Vec::new();
    for row in rows {
        let sizes = (row.bytes.len(), gzip(&row.bytes), brotli(&row.bytes).len());
        let mark = if row.cold { "*" } else { " " };
        println!("{mark} {:<38} {:>9} {:>9} {:>9}", row.name, sizes.0, sizes.1, sizes.2);
        if row.cold {
            raw += sizes.0;
            zipped += sizes.1;
            cold += sizes.2;
        }
        if row.name == "v1.js" && sizes.2 > LOADER_BYTES_MAX {
            over.push(format!("the loader is {} bytes, at most {LOADER_BYTES_MAX}", sizes.2));
        }
    }
    let count = rows.iter().filter(|row| row.cold).count();
    println!("* cold download to pay, {count} requests {raw:>10} {zipped:>9} {cold:>9}");
    if cold > COLD_BYTES_MAX {
        over.push(format!("the cold download is {cold} bytes, at most {COLD_BYTES_MAX}"));
    }
    if over.is_empty() { Ok(()) } else { Err(over.join("; ")) }
}
