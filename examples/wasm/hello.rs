// A program for the wasm runner, in Rust. After "rustup target add wasm32-wasip1":
//     rustc --target wasm32-wasip1 -O -o hello.wasm hello.rs
use std::io::BufRead;

fn main() {
    let greeting = std::env::var("GREETING").unwrap_or("hello".into());
    let name = std::env::args().nth(1).unwrap_or("world".into());
    println!("{greeting}, {name}, from Rust");
    println!("lines of input: {}", std::io::stdin().lock().lines().count());
    if let Err(e) = std::fs::read("/etc/passwd") {
        eprintln!("no files: {e}");
    }
}
